//! How far a meter's record can be trusted, in words.

use jiff::tz::TimeZone;
use meter_ledger::{Gap, Trust};
use meter_messages::Minute;

use crate::texts::Texts;

/// The line below a meter's value, and the table behind it.
pub(crate) struct TrustView {
    /// Since when nothing has been missing: for programs and for people.
    pub(crate) since: (String, String),
    /// What was missing before, if anything.
    pub(crate) before: Option<String>,
    /// The newest gaps.
    pub(crate) gaps: Vec<GapView>,
    /// What is said if two publishers count under its name.
    pub(crate) counted_twice: Option<String>,
}

/// One gap.
pub(crate) struct GapView {
    pub(crate) from: (String, String),
    pub(crate) length: String,
    pub(crate) reason: &'static str,
}

impl TrustView {
    pub(super) fn new(trust: &Trust, texts: &Texts, zone: &TimeZone) -> Self {
        let moment = |at: Minute| {
            let shown = texts.moment(zone.to_datetime(at.timestamp()));
            (at.timestamp().to_string(), shown)
        };
        let gap = |gap: &Gap| GapView {
            from: moment(gap.from),
            length: Texts::length(gap.unwatched_s),
            reason: texts.gap_reason(gap.reason),
        };
        let before = trust.newest_gaps.first().map(|newest| {
            let gaps = if trust.gaps == 1 { texts.meter.gaps.0 } else { texts.meter.gaps.1 };
            let count = texts.number(trust.gaps as f64, 0);
            let first = texts.short_date(trust.first.timestamp().to_zoned_datetime(zone.clone()).date());
            format!(
                "{count} {gaps} {} {first}, {} {}: {}",
                texts.meter.gaps_since,
                texts.meter.newest_gap,
                Texts::length(newest.unwatched_s),
                texts.gap_reason(newest.reason)
            )
        });
        Self {
            since: moment(trust.whole_since),
            before,
            gaps: trust.newest_gaps.iter().map(gap).collect(),
            counted_twice: counted_twice(trust, texts),
        }
    }
}

/// What is said if two publishers count under a meter's name.
pub(super) fn counted_twice(trust: &Trust, texts: &Texts) -> Option<String> {
    let minutes = texts.number(trust.counted_twice as f64, 0);
    (trust.counted_twice > 0).then(|| texts.meter.counted_twice.replace("{n}", &minutes))
}
