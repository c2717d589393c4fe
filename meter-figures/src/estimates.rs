//! What is estimated from the last days: what the month comes to, and the use of quiet hours. Pure.

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use crate::hour::Hour;
use crate::hours::nearly_all_watched;
use crate::local_time::local;
use crate::period::Period;

/// The nights, and the hours of each, among which the base load is sought.
const NIGHTS: i64 = 7;
pub(crate) const NIGHT_HOURS: Range<i8> = 0..6;

/// Days from which a month's rest is estimated.
const ESTIMATE_DAYS: usize = 14;

/// The month so far, and its rest as in the last two weeks; `None` where these are not known well enough.
pub(crate) fn month_expected(
    so_far: &Sum,
    days: &[(Period, Sum)],
    until: Minute,
    zone: &TimeZone,
) -> Option<f64> {
    let over = days.iter().rev().filter(|(day, _)| day.span.end <= until).take(ESTIMATE_DAYS);
    let typical: Vec<&Sum> =
        over.filter(|(day, sum)| nearly_all_watched(&day.span, sum)).map(|(_, sum)| sum).collect();
    if typical.len() * 2 < ESTIMATE_DAYS {
        return None;
    }
    let mean_rate = typical.into_iter().fold(Sum::default(), |one, other| one.and(other)).mean_rate()?;
    let month = Period::containing(PeriodKind::Month, until, zone);
    let rest_h = (month.span.end.epoch_minutes() - until.epoch_minutes()) as f64 / 60.0;
    Some(so_far.counted() + mean_rate * rest_h / 1000.0)
}

/// The quietest hour of each of the last nights, and of these the middle one: a
/// night with a guest or a power cut moves it little.
pub(crate) fn quiet_rate(hours: &[Hour], until: Minute, zone: &TimeZone) -> Option<f64> {
    let today = local(until, zone).date();
    let mut quietest: Vec<f64> =
        (0..NIGHTS).filter_map(|ago| quietest_hour(hours, today.saturating_sub(ago.days()), zone)).collect();
    quietest.sort_by(f64::total_cmp);
    quietest.get(quietest.len() / 2).copied()
}

fn quietest_hour(hours: &[Hour], night: Date, zone: &TimeZone) -> Option<f64> {
    let of_night = hours.iter().filter(|hour| {
        let local = local(hour.span.start, zone);
        // Where the clock is set within an hour, one is too short to be compared with others.
        let is_whole = hour.span.end.epoch_minutes() - hour.span.start.epoch_minutes() == 60;
        is_whole
            && local.date() == night
            && NIGHT_HOURS.contains(&local.hour())
            && nearly_all_watched(&hour.span, &hour.sum)
    });
    of_night.filter_map(|hour| hour.sum.mean_rate()).min_by(f64::total_cmp)
}
