//! How far a record can be trusted, and what people read off the meter.

use jiff::Timestamp;
use meter_figures::{Backwards, CheckedReading};
use meter_ledger::{Gap, GapReason, Trust};
use serde::Serialize;

use super::by_unit::ByUnit;

/// How far a meter's record can be trusted.
#[derive(Debug, Serialize)]
pub(crate) struct TrustState {
    first: Timestamp,
    newest: Timestamp,
    minutes: u64,
    unwatched_s: u64,
    whole_since: Timestamp,
    gaps: u64,
    newest_gaps: Vec<GapState>,
    repeated: u64,
    contradicted: u64,
    given_up: u64,
    /// Of the newest day: minutes that two publishers have counted.
    counted_twice: u64,
}

/// A time that was not watched.
#[derive(Debug, Serialize)]
struct GapState {
    from: Timestamp,
    until: Timestamp,
    unwatched_s: u64,
    reason: &'static str,
}

impl From<&Gap> for GapState {
    fn from(gap: &Gap) -> Self {
        let reason = match gap.reason {
            GapReason::NotRunning => "publisher not running",
            GapReason::NewOutbox => "new outbox",
            GapReason::Lost => "given up",
            GapReason::Awaited => "awaited",
            GapReason::Void => "void",
            GapReason::Unknown => "unknown",
        };
        let (from, until) = (gap.from.timestamp(), gap.until.timestamp());
        Self { from, until, unwatched_s: gap.unwatched_s, reason }
    }
}

/// `/api/v1/meters/<site>/<meter>/trust`
impl From<&Trust> for TrustState {
    fn from(trust: &Trust) -> Self {
        Self {
            first: trust.first.timestamp(),
            newest: trust.newest.timestamp(),
            minutes: trust.minutes,
            unwatched_s: trust.unwatched_s,
            whole_since: trust.whole_since.timestamp(),
            gaps: trust.gaps,
            newest_gaps: trust.newest_gaps.iter().map(Into::into).collect(),
            repeated: trust.repeated,
            contradicted: trust.contradicted,
            given_up: trust.given_up,
            counted_twice: trust.counted_twice,
        }
    }
}

/// What somebody read off the meter.
#[derive(Debug, Serialize)]
pub(crate) struct ReadingState {
    t: Timestamp,
    kwh: f64,
    by: Option<String>,
    entered: Timestamp,
    since_previous: Option<ComparisonState>,
}

/// What it says of the pulses.
#[derive(Debug, Serialize)]
struct ComparisonState {
    kwh_by_meter: f64,
    kwh_by_pulses: Option<f64>,
    drift_kwh: Option<f64>,
    drift_percent: Option<f64>,
    unwatched_s: u64,
    /// Why the meter shows less than before, if it does.
    backwards: Option<&'static str>,
}

impl ReadingState {
    /// One of `/api/v1/meters/<site>/<meter>/readings`, with or without who read it.
    pub(crate) fn new(checked: &CheckedReading, names: bool) -> ByUnit<Self> {
        ByUnit(checked.entered.reading.unit, Self::of(checked, names))
    }

    fn of(checked: &CheckedReading, names: bool) -> Self {
        // A small negative one is not rounded to -0.
        let thousandths = |value: f64| (value * 1000.0).round() / 1000.0 + 0.0;
        let reading = &checked.entered.reading;
        Self {
            t: reading.at,
            kwh: reading.shown,
            by: names.then(|| reading.by.clone()),
            entered: checked.entered.entered,
            since_previous: checked.since.map(|since| ComparisonState {
                kwh_by_meter: thousandths(since.by_meter),
                kwh_by_pulses: since.by_pulses.map(thousandths),
                drift_kwh: since.drift().map(thousandths),
                drift_percent: since.drift_percent().map(thousandths),
                unwatched_s: since.unwatched_s,
                backwards: since.backwards.map(|backwards| match backwards {
                    Backwards::RolledOver => "rolled over",
                    Backwards::Replaced => "replaced",
                }),
            }),
        }
    }
}
