//! The figures of a meter: on its page, in the API and in live updates alike.

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, RecordedMinute, Sum, Trust};
use meter_messages::Minute;

use crate::reckoning::calendar::{Kind, Period, pieces};
use crate::reckoning::periods::{Periods, midnight, minute_of};
use crate::reckoning::tariff::{Cost, Tariffs};

/// A recording that is at most this old is up to date: days are then compared
/// up to its end, not up to a minute that is still on its way.
const FRESH_MINUTES: i64 = 3;

/// Bars of days on a meter's page, today's included.
pub(crate) const DAYS: i64 = 30;

/// Minutes between two points of the curve of 24 hours.
pub(crate) const CURVE_STEP: i64 = 5;

/// Points of that curve.
const CURVE_POINTS: i64 = 24 * 60 / CURVE_STEP;

/// Gaps that are told one by one.
const GAPS: usize = 20;

/// The nights, and the hours of each, among which the base load is sought.
const NIGHTS: i64 = 7;
const NIGHT_HOURS: Range<i8> = 0..6;

/// Days from which a month's rest is estimated.
const ESTIMATE_DAYS: usize = 14;

/// What the ledger says about a meter, seen from one minute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// The meter.
    pub(crate) meter: RecordedMeter,
    /// The minute up to which they reach.
    pub(crate) until: Minute,
    /// The newest recorded minute, which has the running count.
    pub(crate) newest: Option<RecordedMinute>,
    /// What the meter shows after that, in its unit.
    pub(crate) reading: Option<f64>,
    /// How far all of it can be trusted.
    pub(crate) trust: Option<Trust>,
    /// The first recorded minute.
    pub(crate) first: Option<Minute>,
    /// Since the local midnight.
    pub(crate) today: Sum,
    /// The whole local day before.
    pub(crate) yesterday: Sum,
    /// The local day before, up to the same time of day.
    pub(crate) yesterday_by_now: Sum,
    /// Since the beginning of the local month.
    pub(crate) month: Sum,
    /// The energy or volume of the whole month if it goes on as in the last two
    /// weeks; `None` where these are not known well enough.
    pub(crate) month_expected: Option<f64>,
    /// What today and the month cost so far, where a tariff is known.
    pub(crate) costs: Option<Costs>,
    /// The power in W, or flow in l/h, that there is even in quiet hours of the night.
    pub(crate) quiet_rate: Option<f64>,
    /// What the pictures of hour, day, week and month show.
    pub(crate) pictures: [Sum; 4],
    /// The power or flow of the last 24 hours; `None` where nobody watched.
    pub(crate) curve: Vec<Option<f64>>,
    /// The same of the day before, by the clock.
    pub(crate) curve_before: Vec<Option<f64>>,
    /// The last days up to today.
    pub(crate) days: Vec<(Period, Sum)>,
}

/// What today and the month cost so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Costs {
    /// Since the local midnight.
    pub(crate) today: Cost,
    /// Since the beginning of the local month.
    pub(crate) month: Cost,
    /// The whole month, if it goes on as in the last two weeks.
    pub(crate) month_expected: Option<f64>,
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
        let of = |kind: Kind| -> Result<Option<Cost>, LedgerError> {
            let hours = pieces(Kind::Hour, &Period::containing(kind, at, zone).span, zone);
            let mut bounds: Vec<Minute> = hours.iter().map(|hour| hour.span.start).collect();
            bounds.extend(hours.last().map(|hour| hour.span.end));
            let sums = ledger.sums(meter, &bounds)?;
            Ok(tariffs.cost(hours.iter().map(|hour| &hour.span).zip(&sums), until, zone))
        };
        let (today, month) = (of(Kind::Day)?, of(Kind::Month)?);
        Ok(today.zip(month).map(|(today, month)| Self { today, month, month_expected: None }))
    }
}

impl Figures {
    /// Reads the ledger. `now` is the minute in progress.
    pub(crate) fn read(
        ledger: &Ledger,
        meter: RecordedMeter,
        newest: Option<RecordedMinute>,
        until: Minute,
        (zone, tariffs): (&TimeZone, &Tariffs),
    ) -> Result<Self, LedgerError> {
        let periods = Periods::until(until, zone);
        let sum = |span: Range<Minute>| ledger.sum(&meter, span);
        let [hour, day, week, month, _year] = periods.pictures;
        let hours = last_hours(ledger, &meter, until, zone)?;
        let days = days(&hours, until, zone);
        let (curve, curve_before) = curves(ledger, &meter, until, zone)?;
        let month_so_far = sum(periods.month.clone())?;
        let month_expected = month_expected(&month_so_far, &days, until, zone);
        let costs = Costs::read(ledger, &meter, until, (zone, tariffs))?.map(|mut costs| {
            let known = month_expected.map(|expected| (expected, month_so_far.quantity()));
            costs.month_expected = known.and_then(|kwh| tariffs.expected(&costs.month, kwh, until, zone));
            costs
        });
        Ok(Self {
            today: sum(periods.today)?,
            yesterday: sum(periods.yesterday)?,
            yesterday_by_now: sum(periods.yesterday_by_now)?,
            month_expected,
            costs,
            month: month_so_far,
            quiet_rate: quiet_rate(&hours, until, zone),
            pictures: [sum(hour)?, sum(day)?, sum(week)?, sum(month)?],
            curve,
            curve_before,
            days,
            first: ledger.first(&meter)?,
            reading: ledger.reading(&meter)?,
            trust: ledger.trust(&meter, GAPS)?,
            until,
            newest,
            meter,
        })
    }

    /// The point of the curve in which the recording begins.
    pub(crate) fn curve_begins(&self) -> usize {
        let start = self.until.epoch_minutes() - 24 * 60;
        let point = |first: Minute| (first.epoch_minutes() - start).max(0) / CURVE_STEP;
        self.first.map_or(self.curve.len(), |first| point(first) as usize)
    }

    /// By how many percent today is above yesterday by this time.
    pub(crate) fn difference_percent(&self) -> Option<f64> {
        let (now, before) = (&self.today, &self.yesterday_by_now);
        difference_percent((now.quantity(), now.watched_s), (before.quantity(), before.watched_s))
    }
}

/// By how many percent one energy is above another, each with its watched
/// seconds. `None` where a comparison says nothing: no use then, or one of them
/// was watched much less.
pub(crate) fn difference_percent(now: (f64, u64), before: (f64, u64)) -> Option<f64> {
    let comparable = now.1.abs_diff(before.1) * 10 <= before.1;
    (comparable && before.0 > 0.0).then(|| (now.0 / before.0 - 1.0) * 100.0)
}

type Hours = Vec<(Period, Sum)>;

/// The whole hours of the days that have a bar.
fn last_hours(
    ledger: &Ledger,
    meter: &RecordedMeter,
    until: Minute,
    zone: &TimeZone,
) -> Result<Hours, LedgerError> {
    let today = until.timestamp().to_zoned_datetime(zone.clone()).date();
    let first = midnight(today.saturating_sub((DAYS - 1).days()), zone);
    let hours = pieces(Kind::Hour, &(first..midnight(today.saturating_add(1.day()), zone)), zone);
    let mut bounds: Vec<Minute> = hours.iter().map(|hour| hour.span.start).collect();
    bounds.extend(hours.last().map(|hour| hour.span.end));
    let sums = ledger.sums(meter, &bounds)?;
    Ok(hours.into_iter().zip(sums).collect())
}

fn days(hours: &Hours, until: Minute, zone: &TimeZone) -> Vec<(Period, Sum)> {
    let Some((first, _)) = hours.first() else { return Vec::new() };
    let today = Period::containing(Kind::Day, until, zone);
    let mut hours = hours.iter().peekable();
    let of_day = |day: Period| {
        let mut sum = Sum::default();
        while let Some((_, hour)) = hours.next_if(|(hour, _)| hour.span.start < day.span.end) {
            sum = sum.and(hour);
        }
        (day, sum)
    };
    pieces(Kind::Day, &(first.span.start..today.span.end), zone).into_iter().map(of_day).collect()
}

/// Nearly all of it was watched, so that it may stand for others.
fn is_typical(period: &Period, sum: &Sum) -> bool {
    let length_s = (period.span.end.epoch_minutes() - period.span.start.epoch_minutes()) * 60;
    sum.watched_s * 10 >= length_s as u64 * 9
}

/// The month so far, and its rest as in the last two weeks.
fn month_expected(so_far: &Sum, days: &[(Period, Sum)], until: Minute, zone: &TimeZone) -> Option<f64> {
    let over = days.iter().rev().filter(|(day, _)| day.span.end <= until).take(ESTIMATE_DAYS);
    let typical: Vec<&Sum> = over.filter(|(day, sum)| is_typical(day, sum)).map(|(_, sum)| sum).collect();
    if typical.len() * 2 < ESTIMATE_DAYS {
        return None;
    }
    let mean_rate = typical.into_iter().fold(Sum::default(), |one, other| one.and(other)).mean_rate()?;
    let month = Period::containing(Kind::Month, until, zone);
    let rest_h = (month.span.end.epoch_minutes() - until.epoch_minutes()) as f64 / 60.0;
    Some(so_far.quantity() + mean_rate * rest_h / 1000.0)
}

/// The quietest hour of each of the last nights, and of these the middle one: a
/// night with a guest or a power cut moves it little.
fn quiet_rate(hours: &Hours, until: Minute, zone: &TimeZone) -> Option<f64> {
    let today = until.timestamp().to_zoned_datetime(zone.clone()).date();
    let mut quietest: Vec<f64> =
        (0..NIGHTS).filter_map(|ago| quietest_hour(hours, today.saturating_sub(ago.days()), zone)).collect();
    quietest.sort_by(f64::total_cmp);
    quietest.get(quietest.len() / 2).copied()
}

fn quietest_hour(hours: &Hours, night: Date, zone: &TimeZone) -> Option<f64> {
    let of_night = hours.iter().filter(|(hour, sum)| {
        let local = hour.span.start.timestamp().to_zoned_datetime(zone.clone());
        local.date() == night && NIGHT_HOURS.contains(&local.hour()) && is_typical(hour, sum)
    });
    of_night.filter_map(|(_, sum)| sum.mean_rate()).min_by(f64::total_cmp)
}

type Curve = Vec<Option<f64>>;

/// The last 24 hours, and what the clock showed a day before.
fn curves(
    ledger: &Ledger,
    meter: &RecordedMeter,
    until: Minute,
    zone: &TimeZone,
) -> Result<(Curve, Curve), LedgerError> {
    let start = until.epoch_minutes() - 24 * 60;
    let step = |index: i64| Minute::nearest(start + index * CURVE_STEP);
    let bounds: Vec<Minute> = (0..=CURVE_POINTS).map(step).collect();
    let rates = |sums: Vec<Sum>| sums.iter().map(Sum::mean_rate).collect();
    let now = rates(ledger.sums(meter, &bounds)?);
    // Where the clock jumped in between, its day before began an hour off.
    let before = |at: Minute| {
        let local = at.timestamp().to_zoned_datetime(zone.clone()).datetime();
        minute_of(local.saturating_sub(1.day()), zone)
    };
    let mut bounds: Vec<Minute> = bounds.into_iter().map(before).collect();
    for index in 1..bounds.len() {
        bounds[index] = bounds[index].max(bounds[index - 1]);
    }
    Ok((now, rates(ledger.sums(meter, &bounds)?)))
}

/// Up to which minute figures reach, `now` being the minute in progress.
pub(crate) fn until(newest: Option<&RecordedMinute>, now: Minute) -> Minute {
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
    fn days_are_compared_only_where_both_were_watched() {
        assert_eq!(difference_percent((1.5, 3600), (1.0, 3600)), Some(50.0));
        assert_eq!(difference_percent((0.75, 3300), (1.0, 3600)), Some(-25.0));
        assert_eq!(difference_percent((0.5, 1800), (1.0, 3600)), None);
        assert_eq!(difference_percent((0.5, 3600), (0.0, 3600)), None);
        assert_eq!(difference_percent((0.0, 0), (0.0, 0)), None);
    }

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
