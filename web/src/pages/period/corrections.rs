//! What people say of times that were counted wrongly.

use jiff::tz::TimeZone;
use meter_ledger::Correction;
use meter_messages::Minute;

use crate::ledger::history::History;
use crate::pages::corrections::what;
use crate::texts::Texts;

/// A correction in words.
pub(super) struct CorrectionView {
    /// For programs and for people.
    pub(super) from: (String, String),
    pub(super) length: String,
    pub(super) what: String,
    /// Empty for those who may not see it.
    pub(super) reason: String,
}

impl CorrectionView {
    /// Those that hold of a period.
    pub(super) fn all(history: &History, texts: &Texts, zone: &TimeZone) -> Vec<Self> {
        let moment = |at: Minute| {
            let at = at.timestamp();
            (at.to_string(), texts.moment(zone.to_datetime(at)))
        };
        let view = |said: &Correction| Self {
            from: moment(said.span.start),
            length: Texts::length((said.span.end.start() - said.span.start.start()).unsigned_abs()),
            what: what(said.kind, texts),
            reason: said.reason.clone(),
        };
        history.corrections.iter().map(view).collect()
    }
}
