//! Sums of local hours, from which days, months, years, costs and heat maps are added up.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Minute, PeriodKind};

use crate::hour::Hour;
use crate::period::{Period, pieces};
use crate::tariff::Tariffs;

/// The hours of a span that begins and ends with one; one in which the tariffs' price may change is in pieces.
pub fn hours(
    ledger: &Ledger,
    meter: &RecordedMeter,
    span: &Range<Minute>,
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<Vec<Hour>, LedgerError> {
    let hours = pieces(PeriodKind::Hour, span, zone);
    let hours: Vec<_> = hours.iter().flat_map(|hour| tariffs.pieces(&hour.span, zone)).collect();
    let mut bounds: Vec<Minute> = hours.iter().map(|hour| hour.start).collect();
    bounds.extend(hours.last().map(|hour| hour.end));
    let sums = ledger.sums(meter, &bounds)?;
    Ok(hours.into_iter().zip(sums).collect())
}

/// What was used before a minute, as far as its price depends on that.
pub(crate) fn used_before(
    ledger: &Ledger,
    meter: &RecordedMeter,
    at: Minute,
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<Sum, LedgerError> {
    let from = tariffs.counted_from(at, zone);
    if from < at { ledger.sum(meter, from..at) } else { Ok(Sum::default()) }
}

/// Whether nearly all of a time was watched, so that it may stand for others and be compared with them.
pub(crate) fn nearly_all_watched(span: &Range<Minute>, sum: &Sum) -> bool {
    let length_s = (span.end.epoch_minutes() - span.start.epoch_minutes()) * Minute::SECONDS;
    sum.watched_s * 10 >= length_s.unsigned_abs() * 9
}

/// The sums of periods that follow each other, from all of their hours.
pub fn sums(parts: &[Period], hours: &[Hour]) -> Vec<Sum> {
    let mut hours = hours.iter().peekable();
    let sum = |part: &Period| {
        let mut sum = Sum::default();
        while let Some((_, hour)) = hours.next_if(|(hour, _)| hour.start < part.span.end) {
            sum = sum.and(hour);
        }
        sum
    };
    parts.iter().map(sum).collect()
}
