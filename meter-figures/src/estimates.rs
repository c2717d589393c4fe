//! What the month comes to, estimated from the last days. Pure.

use jiff::tz::TimeZone;
use meter_ledger::Sum;
use meter_messages::{Minute, PeriodKind};

use crate::hours::nearly_all_watched;
use crate::period::Period;

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
