//! The hours of the site's clock. Pure.
//!
//! Most have sixty minutes. Where a clock is set by half an hour, or within an hour, one of them is shorter, and
//! where it is set back, one is there twice: then they differ by their offset from UTC.

use std::ops::Range;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use meter_messages::Minute;

/// The minutes in a row, around one, in which the clock shows the same hour by the same offset.
pub(crate) fn hour_around(at: Minute, zone: &TimeZone) -> Range<Minute> {
    let offset_s = i64::from(zone.to_offset(at.timestamp()).seconds());
    let passed = (at.start() + offset_s).div_euclid(60).rem_euclid(60);
    let start = at.epoch_minutes() - passed;
    let mut hour = start..start + 60;
    let (begin, end) = (second(start), second(start + 60));
    let mut offset = zone.to_offset(begin);
    for change in zone.following(begin).take_while(|change| change.timestamp() < end) {
        if std::mem::replace(&mut offset, change.offset()) == change.offset() {
            continue;
        }
        // The first minute that begins by the new offset.
        let changed = (change.timestamp().as_second() + 59).div_euclid(Minute::SECONDS);
        if changed <= at.epoch_minutes() {
            hour.start = changed;
        } else {
            hour.end = changed;
            break;
        }
    }
    Minute::nearest(hour.start)..Minute::nearest(hour.end)
}

/// Until when all hours after this one have sixty minutes, as the clock is not set meanwhile.
pub(crate) fn steady_until(hour: &Range<Minute>, zone: &TimeZone) -> Minute {
    let (start, end) = (hour.start.timestamp(), hour.end.timestamp());
    if zone.to_offset(start) != zone.to_offset(end) {
        return hour.end;
    }
    let change = zone.following(end).next().map(|change| change.timestamp().as_second());
    Minute::nearest(change.map_or(i64::MAX, |change| change.div_euclid(Minute::SECONDS)))
}

/// The hour that the clock shows as `local`, a full hour, by an offset that `fits`; the first, if several do.
pub(crate) fn hour_by_offset(
    local: DateTime,
    fits: impl Fn(Offset) -> bool,
    zone: &TimeZone,
) -> Option<Range<Minute>> {
    // No place is further from Greenwich than that.
    let around = Offset::UTC.to_timestamp(local).ok()?;
    let hours = SignedDuration::from_hours(26);
    let (from, to) = (around.checked_sub(hours).ok()?, around.checked_add(hours).ok()?);
    let changes = zone.following(from).take_while(|change| change.timestamp() < to);
    let offsets = std::iter::once(zone.to_offset(from)).chain(changes.map(|change| change.offset()));
    offsets.filter(|offset| fits(*offset)).find_map(|offset| {
        let start = offset.to_timestamp(local).ok()?.as_second().div_euclid(Minute::SECONDS);
        let mut minutes = (start..start + 60).filter_map(|at| Minute::from_epoch_minutes(at).ok());
        let first = minutes.find(|at| zone.to_offset(at.timestamp()) == offset)?;
        Some(hour_around(first, zone))
    })
}

fn second(minutes: i64) -> Timestamp {
    Minute::nearest(minutes).timestamp()
}
