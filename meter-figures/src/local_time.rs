//! What the site's clock shows, as minutes, and times as people write them. Pure.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ZonedDateTime};
use meter_messages::Minute;

/// The first minute of a local day: in which the clock first shows its date. Of a day that the clock left
/// out it is the next one's.
pub fn midnight(date: Date, zone: &TimeZone) -> Minute {
    minute_of(date.at(0, 0, 0, 0), zone)
}

/// The minute in which the site's clock says so; where it says so twice the
/// first, where it never does (it jumped) the one it jumped to.
pub fn minute_of(local: DateTime, zone: &TimeZone) -> Minute {
    // The ends of the calendar are held within the minutes there are.
    let end = if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let jump = match ambiguous.offset() {
        AmbiguousOffset::Gap { after, .. } => ambiguous.earlier().ok().and_then(|before| {
            let mut changes = zone.following(before);
            changes.find(|change| change.offset() == after).map(|change| change.timestamp())
        }),
        _ => None,
    };
    let at = jump.or_else(|| ambiguous.compatible().ok()).unwrap_or(end);
    Minute::nearest(at.as_second().div_euclid(Minute::SECONDS))
}

/// What the site's clock shows when a minute begins.
pub fn local(at: Minute, zone: &TimeZone) -> ZonedDateTime {
    at.timestamp().to_zoned_datetime(zone.clone())
}

/// The local time of a moment, with its offset from UTC.
pub fn with_offset(at: Timestamp, zone: &TimeZone) -> impl std::fmt::Display {
    at.display_with_offset(zone.to_offset(at))
}

/// A time as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// With its offset: `2026-10-03T12:00:00Z`.
    At(Timestamp),
    /// The beginning of a local day: `2026-10-03`.
    Day(Date),
}

impl Moment {
    /// The first minute at or after it.
    pub fn minute(self, zone: &TimeZone) -> Minute {
        match self {
            Self::At(at) => Minute::nearest((at.as_second() + 59).div_euclid(Minute::SECONDS)),
            Self::Day(date) => midnight(date, zone),
        }
    }
}
