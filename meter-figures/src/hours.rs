//! Sums of local hours, from which days, months, years, costs and heat maps are added up.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Minute, PeriodKind};

use crate::hour::Hour;
use crate::period::{Period, pieces};
use crate::tariff::{BillFacts, CapacityOf, HighestOf, Tariffs};

/// Minutes that have one price of the day.
const QUARTER: i64 = 15;

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
    between(ledger, meter, &bounds, (zone, tariffs))
}

/// The times between neighbouring bounds (ascending), and what prices of the day make of them: one fewer than bounds.
pub fn between(
    ledger: &Ledger,
    meter: &RecordedMeter,
    bounds: &[Minute],
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<Vec<Hour>, LedgerError> {
    let quarters = priced_quarters(ledger, bounds, (zone, tariffs))?;
    let between = || bounds.windows(2).map(|two| two[0]..two[1]);
    if quarters.is_empty() {
        let sums = ledger.sums(meter, bounds)?;
        return Ok(between().zip(sums).map(|(span, sum)| Hour::new(span, sum)).collect());
    }
    let mut edges: Vec<Minute> = bounds.to_vec();
    edges.extend(quarters.iter().flat_map(|(span, _)| [span.start, span.end]));
    edges.retain(|edge| bounds.first() <= Some(edge) && Some(edge) <= bounds.last());
    edges.sort();
    edges.dedup();
    let sums = ledger.sums(meter, &edges)?;
    let parts: Vec<_> = edges.windows(2).map(|two| two[0]..two[1]).zip(sums).collect();
    let (mut parts, mut quarters) = (parts.iter().peekable(), quarters.iter().peekable());
    let hour = |span: Range<Minute>| {
        let mut hour = Hour::new(span, Sum::default());
        while let Some((part, sum)) = parts.next_if(|(part, _)| part.start < hour.span.end) {
            while quarters.next_if(|(quarter, _)| quarter.end <= part.start).is_some() {}
            match quarters.peek().filter(|(quarter, _)| quarter.contains(&part.start)) {
                Some((_, price)) => hour.add(part, sum, *price),
                // No tariff follows prices of the day then.
                None => hour.sum = hour.sum.and(sum),
            }
        }
        hour
    };
    Ok(between().map(hour).collect())
}

/// A quarter of an hour, and its price of the day, if that is known.
type PricedQuarter = (Range<Minute>, Option<f64>);

/// The quarters of an hour between the first and the last bound in which a tariff follows prices of the day, and the
/// price of each, if it is known; ascending.
fn priced_quarters(
    ledger: &Ledger,
    bounds: &[Minute],
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<Vec<PricedQuarter>, LedgerError> {
    let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
    let mut quarters = Vec::new();
    for follows in tariffs.following_day_prices(&(*first..*last), zone) {
        let Range { start, end } = follows.span;
        let known = ledger.day_prices(follows.site, follows.currency, start..end)?;
        let mut known = known.into_iter().peekable();
        // Every zone differs from UTC by whole quarters.
        let beginning = start.epoch_minutes() - start.epoch_minutes().rem_euclid(QUARTER);
        for at in (beginning..end.epoch_minutes()).step_by(QUARTER as usize).map(Minute::nearest) {
            let price = known.next_if(|known| known.quarter == at).map(|known| known.price.per_kwh());
            quarters.push((at..Minute::nearest(at.epoch_minutes() + QUARTER), price));
        }
    }
    Ok(quarters)
}

/// What the cost of a span depends on beside its hours.
pub fn bill_facts(
    ledger: &Ledger,
    meter: &RecordedMeter,
    span: &Range<Minute>,
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<BillFacts, LedgerError> {
    let from = tariffs.counted_from(span.start, zone);
    let used = if from < span.start { ledger.sum(meter, from..span.start)? } else { Sum::default() };
    Ok(BillFacts { used, highest: highest_quarters(ledger, meter, span, (zone, tariffs))? })
}

/// The months and years of bills that lie in a span or reach into it and whose highest quarter of an hour is paid, and
/// its mean power so far.
pub fn highest_quarters(
    ledger: &Ledger,
    meter: &RecordedMeter,
    span: &Range<Minute>,
    (zone, tariffs): (&TimeZone, &Tariffs),
) -> Result<Vec<HighestOf>, LedgerError> {
    let highest = |(period, of): (Range<Minute>, CapacityOf)| {
        let meters = tariffs.capacity_meters(of, meter);
        let found = ledger.highest_quarter_together(meters, period.clone())?;
        Ok(HighestOf { period, of, kw: found.map_or(0.0, |found| found.rate() / 1000.0) })
    };
    tariffs.capacity_periods(span, zone).into_iter().map(highest).collect()
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
        while let Some(hour) = hours.next_if(|hour| hour.span.start < part.span.end) {
            sum = sum.and(&hour.sum);
        }
        sum
    };
    parts.iter().map(sum).collect()
}
