//! How dates and hours are written.

use jiff::tz::TimeZone;
use meter_figures::{Period, local};

/// How dates are written. In braces: `W` and `w` are the weekday long and short,
/// `M` and `m` the month, `d` and `n` the day and the month as numbers, `y` the
/// year, `k` the week.
#[derive(Debug)]
pub(super) struct Patterns {
    pub(super) day: &'static str,
    pub(super) short_day: &'static str,
    pub(super) date: &'static str,
    pub(super) week: &'static str,
    pub(super) month: &'static str,
}

/// An hour by its beginning, with its offset from UTC if the clock shows it a second time.
pub(crate) fn hour(period: &Period, zone: &TimeZone) -> String {
    let start = local(period.span.start, zone);
    match period.needed_offset(zone) {
        Some(_) => start.strftime("%H:%M (%:z)").to_string(),
        None => start.strftime("%H:%M").to_string(),
    }
}
