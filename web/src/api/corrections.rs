//! What people say of times that were counted wrongly.

use jiff::Timestamp;
use meter_ledger::{Correction, CorrectionKind, Undone};
use serde::Serialize;

/// One of `/api/v1/meters/<site>/<meter>/corrections`.
#[derive(Debug, Serialize)]
pub(crate) struct CorrectionState {
    correction: i64,
    from: Timestamp,
    to: Timestamp,
    kind: &'static str,
    /// Of one that replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulses: Option<u64>,
    /// Of one that scales, as a fraction.
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<String>,
    said: Timestamp,
    reason: Option<String>,
    by: Option<String>,
    /// `null` while it holds.
    undone: Option<UndoneState>,
}

/// That it was undone.
#[derive(Debug, Serialize)]
struct UndoneState {
    at: Timestamp,
    by: Option<String>,
    reason: Option<String>,
}

impl CorrectionState {
    /// With or without the words and the names of people.
    pub(crate) fn new(said: &Correction, names: bool) -> Self {
        let (pulses, factor) = match said.kind {
            CorrectionKind::Void => (None, None),
            CorrectionKind::Replace { pulses } => (Some(pulses), None),
            CorrectionKind::Scale(factor) => (None, Some(factor.to_string())),
        };
        let undone = |undone: &Undone| UndoneState {
            at: undone.at,
            by: names.then(|| undone.by.clone()),
            reason: undone.reason.clone().filter(|_| names),
        };
        Self {
            correction: said.id,
            from: said.span.start.timestamp(),
            to: said.span.end.timestamp(),
            kind: said.kind.name(),
            pulses,
            factor,
            said: said.said,
            reason: names.then(|| said.reason.clone()),
            by: names.then(|| said.by.clone()),
            undone: said.undone.as_ref().map(undone),
        }
    }
}
