//! The figures of a meter: on its page, in the API and in live updates alike.

use std::ops::Range;

use jiff::ToSpan;
use jiff::tz::TimeZone;
use meter_ledger::{HighestQuarter, Ledger, LedgerError, RecordedMeter, RecordedMinute, Sum, Trust};
use meter_messages::{Minute, PeriodKind};

use crate::base_load::{BaseLoad, last_night};
use crate::curves::{CURVE_STEP, Curve, curves};
use crate::estimates::month_expected;
use crate::hour::Hour;
use crate::hours::{bill_facts, hours, sums};
use crate::like_for_like::{LikeForLike, SideBySide};
use crate::local_time::midnight;
use crate::period::{Period, pieces};
use crate::recent_spans::{RecentSpans, shown_until};
use crate::spread::Spread;
use crate::tariff::{CapacityOf, Cost, Tariffs};

/// A recording that is at most this old is up to date: days are then compared
/// up to its end, not up to a minute that is still on its way.
const FRESH_MINUTES: i64 = 3;

/// Bars of days on a meter's page, today's included.
pub const DAYS: i64 = 30;

/// Marked times of the last days at most.
const MOST_MARKS: usize = 200;

/// Gaps that are told one by one.
const GAPS: usize = 20;

/// What the ledger says about a meter, seen from one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The meter.
    pub meter: RecordedMeter,
    /// The minute up to which they reach.
    pub until: Minute,
    /// The newest recorded minute, which has the running count.
    pub newest: Option<RecordedMinute>,
    /// What the meter shows after that, in its unit.
    pub reading: Option<f64>,
    /// How far all of it can be trusted.
    pub trust: Option<Trust>,
    /// The first recorded minute.
    pub first: Option<Minute>,
    /// Since the local midnight.
    pub today: Sum,
    /// The whole local day before.
    pub yesterday: Sum,
    /// The local day before, up to the same time of day.
    pub yesterday_by_now: Sum,
    /// Today against yesterday by this time, where both were watched.
    pub compared: Option<LikeForLike>,
    /// Since the beginning of the local month.
    pub month: Sum,
    /// The month's highest quarter of an hour so far, and whose it is: of the whole site, where that is priced here.
    pub highest_quarter: Option<(HighestQuarter, CapacityOf)>,
    /// The energy or volume of the whole month if it goes on as in the last two
    /// weeks; `None` where these are not known well enough.
    pub month_expected: Option<f64>,
    /// What today and the month cost so far, where a tariff is known.
    pub costs: Option<Costs>,
    /// The power in W, or flow in l/h, that there is even in quiet hours of the night.
    pub quiet_rate: Option<f64>,
    /// What the pictures of hour, day, week and month show.
    pub pictures: [Sum; 4],
    /// The power in W, or flow in l/h, of the strongest minute in the pictures of hour, day and week; `None` where
    /// nobody watched.
    pub highest: [Option<f64>; 3],
    /// The power or flow of the last 24 hours; `None` where nobody watched.
    pub curve: Curve,
    /// The same of the day before, by the clock.
    pub curve_before: Curve,
    /// The last days up to today.
    pub days: Vec<(Period, Sum)>,
    /// Times of these of which only sums are known, each with how many minutes one has: of more than a point of the curve.
    pub coarse: Vec<(Range<Minute>, i64)>,
}

/// What today and the month cost so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Since the local midnight.
    pub today: Cost,
    /// Since the beginning of the local month.
    pub month: Cost,
    /// The whole month, if it goes on as in the last two weeks.
    pub month_expected: Option<f64>,
}

impl Costs {
    fn read(
        ledger: &Ledger,
        meter: &RecordedMeter,
        until: Minute,
        (zone, tariffs): (&TimeZone, &Tariffs),
    ) -> Result<Option<Self>, LedgerError> {
        // The minute before: at midnight the day that is over counts.
        let at = Minute::nearest(until.epoch_minutes() - 1);
        let of = |kind: PeriodKind| -> Result<Option<Cost>, LedgerError> {
            let span = Period::containing(kind, at, zone).span;
            let facts = bill_facts(ledger, meter, &span, (zone, tariffs))?;
            let hours = hours(ledger, meter, &span, (zone, tariffs))?;
            Ok(tariffs.cost(&facts, &hours, until, zone))
        };
        let (today, month) = (of(PeriodKind::Day)?, of(PeriodKind::Month)?);
        Ok(today.zip(month).map(|(today, month)| Self { today, month, month_expected: None }))
    }
}

impl Figures {
    /// Reads the ledger. `now` is the minute in progress.
    pub fn read(
        ledger: &Ledger,
        meter: RecordedMeter,
        newest: Option<RecordedMinute>,
        until: Minute,
        (zone, tariffs): (&TimeZone, &Tariffs),
    ) -> Result<Self, LedgerError> {
        let spans = RecentSpans::until(until, zone);
        let sum = |span| ledger.sum(&meter, span);
        let shown = |kind| sum(shown_until(kind, until, zone));
        let pictures = [
            shown(PeriodKind::Hour)?,
            shown(PeriodKind::Day)?,
            shown(PeriodKind::Week)?,
            shown(PeriodKind::Month)?,
        ];
        let highest = |kind, sum| ledger.highest_rate(&meter, shown_until(kind, until, zone), sum);
        let highest = [
            highest(PeriodKind::Hour, &pictures[0])?,
            highest(PeriodKind::Day, &pictures[1])?,
            highest(PeriodKind::Week, &pictures[2])?,
        ];
        let hours = last_hours(ledger, &meter, until, zone)?;
        let days = days(&hours, until, zone);
        let (curve, curve_before) = curves(ledger, &meter, until, zone)?;
        let month_so_far = sum(spans.month.clone())?;
        let month_expected = month_expected(&month_so_far, &days, until, zone);
        let first = ledger.first(&meter)?;
        // Of a meter that never recorded anything nobody pays a fee.
        let costs = first.map(|_| Costs::read(ledger, &meter, until, (zone, tariffs))).transpose()?.flatten();
        let facts = bill_facts(ledger, &meter, &spans.month, (zone, tariffs))?;
        let costs = costs.map(|mut costs| {
            let known = month_expected.map(|expected| (expected, month_so_far.counted()));
            costs.month_expected =
                known.and_then(|kwh| tariffs.expected(&costs.month, kwh, (until, &facts), zone));
            costs
        });
        let shown = days.first().map_or(until, |(day, _)| day.span.start)..until;
        let spread = Spread::read(ledger, &meter, &shown)?;
        Ok(Self {
            coarse: ledger.coarse_spans(&meter, &shown, CURVE_STEP, MOST_MARKS)?,
            today: sum(spans.today)?,
            yesterday: sum(spans.yesterday)?,
            yesterday_by_now: sum(spans.yesterday_by_now)?,
            compared: compared(ledger, &meter, until, zone)?,
            month_expected,
            costs,
            highest_quarter: {
                let (of, meters) = tariffs.shown_capacity(&meter);
                ledger.highest_quarter_together(meters, spans.month)?.map(|quarter| (quarter, of))
            },
            month: month_so_far,
            quiet_rate: BaseLoad::new(&hours, &spread, zone).now(last_night(until, zone)),
            pictures,
            highest,
            curve,
            curve_before,
            days,
            first,
            reading: ledger.shows(&meter)?,
            trust: ledger.trust(&meter, GAPS)?,
            until,
            newest,
            meter,
        })
    }

    /// The point of the curve in which the recording begins.
    pub fn curve_begins(&self) -> usize {
        let start = self.until.epoch_minutes() - 24 * 60;
        let point = |first: Minute| (first.epoch_minutes() - start).max(0) / CURVE_STEP;
        self.first.map_or(self.curve.len(), |first| point(first) as usize)
    }
}

/// Today against yesterday by now.
fn compared(
    ledger: &Ledger,
    meter: &RecordedMeter,
    until: Minute,
    zone: &TimeZone,
) -> Result<Option<LikeForLike>, LedgerError> {
    let today = Period::containing(PeriodKind::Day, until, zone);
    let both = SideBySide::new(&today, &today.previous(zone), until, zone);
    let (now, before) = (ledger.sums(meter, &both.this)?, ledger.sums(meter, &both.other)?);
    Ok(both.compared((&now, &before)))
}

/// The whole hours of the days that have a bar.
fn last_hours(
    ledger: &Ledger,
    meter: &RecordedMeter,
    until: Minute,
    zone: &TimeZone,
) -> Result<Vec<Hour>, LedgerError> {
    let today = Period::containing(PeriodKind::Day, until, zone);
    let first = midnight(today.first_day(zone).saturating_sub((DAYS - 1).days()), zone);
    hours(ledger, meter, &(first..today.span.end), (zone, &Tariffs::default()))
}

fn days(hours: &[Hour], until: Minute, zone: &TimeZone) -> Vec<(Period, Sum)> {
    let Some(first) = hours.first() else { return Vec::new() };
    let today = Period::containing(PeriodKind::Day, until, zone);
    let days = pieces(PeriodKind::Day, &(first.span.start..today.span.end), zone);
    let sums = sums(&days, hours);
    days.into_iter().zip(sums).collect()
}

/// Up to which minute figures reach, `now` being the minute in progress.
pub fn until(newest: Option<&RecordedMinute>, now: Minute) -> Minute {
    let recorded = newest.map(|newest| newest.minute.epoch_minutes() + 1);
    match recorded {
        Some(recorded) if (now.epoch_minutes() - recorded).abs() <= FRESH_MINUTES => {
            Minute::nearest(recorded)
        }
        _ => now,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn figures_reach_to_the_last_minute_while_it_is_fresh() {
        let minute = |text: &str| -> Minute { text.parse().unwrap() };
        let newest =
            RecordedMinute { minute: minute("2026-11-23T17:20:00Z"), pulses: 1, watched_s: 60, total: 1 };
        let until = |now: &str| until(Some(&newest), minute(now)).to_string();
        assert_eq!(until("2026-11-23T17:22:00Z"), "2026-11-23T17:21:00Z");
        assert_eq!(until("2026-11-23T17:25:00Z"), "2026-11-23T17:25:00Z");
        assert_eq!(super::until(None, newest.minute), newest.minute);
    }
}
