//! The power or flow of the last 24 hours, and of the day before.

use jiff::ToSpan;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::Minute;

use crate::local_time::{local, minute_of};

/// Minutes between two points.
pub const CURVE_STEP: i64 = 5;

/// Points of a day.
pub(crate) const POINTS: i64 = 24 * 60 / CURVE_STEP;

/// Power in W or flow in l/h, a value for each step; `None` where nobody watched.
pub type Curve = Vec<Option<f64>>;

/// The edges of the points of the last 24 hours.
pub(crate) fn curve_edges(until: Minute) -> Vec<Minute> {
    let start = until.epoch_minutes() - 24 * 60;
    (0..=POINTS).map(|point| Minute::nearest(start + point * CURVE_STEP)).collect()
}

/// The last 24 hours, and what the clock showed a day before.
pub(crate) fn curves(
    ledger: &Ledger,
    meter: &RecordedMeter,
    until: Minute,
    zone: &TimeZone,
) -> Result<(Curve, Curve), LedgerError> {
    let bounds = curve_edges(until);
    let rates = |sums: Vec<Sum>| sums.iter().map(Sum::mean_rate).collect();
    let now = rates(ledger.sums(meter, &bounds)?);
    // Where the clock jumped in between, its day before began an hour off.
    let before = |at: Minute| minute_of(local(at, zone).datetime().saturating_sub(1.day()), zone);
    let mut bounds: Vec<Minute> = bounds.into_iter().map(before).collect();
    for index in 1..bounds.len() {
        bounds[index] = bounds[index].max(bounds[index - 1]);
    }
    Ok((now, rates(ledger.sums(meter, &bounds)?)))
}
