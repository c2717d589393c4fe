//! Sums of whole local hours, kept a month at a time. The ledger is asked for a month in one go, so
//! that nobody else waits long for a year.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meter_figures::{HighestOf, Hour, Period, Tariffs, between, highest_quarters, hours};
use meter_ledger::{Ledger, RecordedMeter, Sum};
use meter_messages::{Meter, Minute, PeriodKind};
use quick_cache::sync::Cache;

use crate::ledger::reader::{LedgerReader, ReadError};

/// For how long a month is not read again, as long as its sum is the ledger's.
const SAME_FOR: Duration = Duration::from_secs(600);

/// For how long its sum is not looked at again.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Up to so many minutes the ledger is asked itself: the bounds between need not be those of hours.
const SHORT_MINUTES: i64 = 120;

/// So many minutes are read in one go where hours do not suffice.
const MONTH_MINUTES: i64 = 31 * 1440;

/// Months kept in memory, some 80 KB each.
const MOST: usize = 600;

#[derive(Debug, Clone)]
struct Month {
    read: Instant,
    /// When its sum was the ledger's.
    seen: Instant,
    /// Its pulses, minutes and watched seconds.
    sum: [u64; 3],
    /// The newest minute that the ledger had then.
    until: Minute,
    /// How often a correction of the meter had been said or undone.
    edition: u64,
    hours: Arc<[Hour]>,
}

/// The months that were read lately, each by its first minute.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    ledger: LedgerReader,
    months: Arc<Cache<(Meter, Minute), Month>>,
}

impl Hours {
    /// Nothing read yet.
    pub(crate) fn new(ledger: LedgerReader) -> Self {
        Self { ledger, months: Arc::new(Cache::new(MOST)) }
    }

    /// The hours of a span of whole hours, or the pieces of those in which a price may change. `until` is the first
    /// minute that is not recorded yet.
    pub(crate) async fn hours(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
    ) -> Result<Vec<Hour>, ReadError> {
        let mut hours = Vec::new();
        self.each_month(meter, span.clone(), until, |read| {
            let is_within = |hour: &&Hour| hour.span.start >= span.start && hour.span.end <= span.end;
            let wanted = read.iter().filter(is_within);
            hours.extend(wanted.cloned());
        })
        .await?;
        Ok(hours)
    }

    /// Calls `take` with the hours of each month of a span that has begun. Never more than one month of them is
    /// held for who asks.
    async fn each_month(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
        mut take: impl FnMut(&[Hour]),
    ) -> Result<(), ReadError> {
        self.look_again(meter, &span, until).await?;
        for month in self.months_of(&span, until) {
            take(&self.month(meter, &month, until).await?);
        }
        Ok(())
    }

    /// The months of a span that have begun.
    fn months_of(&self, span: &Range<Minute>, until: Minute) -> impl Iterator<Item = Period> + use<> {
        let (zone, end) = (self.ledger.zone().clone(), span.end.min(until));
        let first = Period::containing(PeriodKind::Month, span.start, &zone);
        std::iter::successors(Some(first), move |month| Some(month.next(&zone)))
            .take_while(move |month| month.span.start < end)
    }

    /// Compares months of a span that are kept with the ledger's sums, and forgets those that have others by now: a time that
    /// is over changes when an outbox catches up after an outage, or a lost ledger is filled anew.
    pub(crate) async fn look_again(
        &self,
        meter: &RecordedMeter,
        span: &Range<Minute>,
        until: Minute,
    ) -> Result<(), ReadError> {
        let key = |month: &Period| (meter.meter.clone(), month.span.start);
        let kept = |month: &Period| self.months.get(&key(month)).filter(|it| it.is_true(meter, month, until));
        let is_old = |month: &Period| kept(month).is_some_and(|kept| kept.seen.elapsed() >= A_MOMENT);
        let months: Vec<Period> = self.months_of(span, until).collect();
        let old = months.iter().position(is_old).zip(months.iter().rposition(is_old));
        let Some((first, last)) = old else { return Ok(()) };
        let months = &months[first..=last];
        let ends = months.iter().map(|month| month.span.end);
        let sums = self.exact(meter, std::iter::once(months[0].span.start).chain(ends).collect()).await?;
        for (month, sum) in months.iter().zip(&sums) {
            let Some(kept) = kept(month) else { continue };
            match kept.sum == numbers(sum) {
                true => self.months.insert(key(month), Month { seen: Instant::now(), ..kept }),
                false => drop(self.months.remove(&key(month))),
            }
        }
        Ok(())
    }

    /// The sums between neighbouring bounds (ascending): one fewer than bounds. `until` is the first minute that is
    /// not recorded yet.
    pub(crate) async fn between(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
        until: Minute,
    ) -> Result<Vec<Sum>, ReadError> {
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
        // All within an hour or two: nobody else asks for that.
        if last.epoch_minutes() - first.epoch_minutes() <= SHORT_MINUTES {
            return self.exact(meter, bounds.to_vec()).await;
        }
        let mut sums = vec![Sum::default(); bounds.len() - 1];
        let mut part = 0;
        let span = *first..self.hour(*last).start;
        self.each_month(meter, span.clone(), until, |read| {
            for hour in read.iter().filter(|hour| span.contains(&hour.span.start)) {
                while hour.span.start >= bounds[part + 1] {
                    part += 1;
                }
                if hour.sum.minutes > 0 {
                    sums[part] = sums[part].and(&hour.sum);
                }
            }
        })
        .await?;
        // The last bound may lie within an hour that is in progress.
        if span.end < *last {
            let rest = self.exact(meter, vec![span.end, *last]).await?;
            if let (Some(sum), Some(rest)) = (sums.last_mut(), rest.first()) {
                *sum = sum.and(rest);
            }
        }
        Ok(sums)
    }

    fn hour(&self, at: Minute) -> Range<Minute> {
        Period::containing(PeriodKind::Hour, at, self.ledger.zone()).span
    }

    /// The sums between bounds that need not be those of hours, of a short time.
    pub(crate) async fn exact(
        &self,
        meter: &RecordedMeter,
        bounds: Vec<Minute>,
    ) -> Result<Vec<Sum>, ReadError> {
        let meter = meter.clone();
        self.ledger.ask(move |ledger| ledger.sums(&meter, &bounds)).await
    }

    /// The power in W, or flow in l/h, of the strongest minute of a span, of which `sum` is the sum. Where pulses are few,
    /// its minutes are read, a month at a time.
    pub(crate) async fn highest_rate(
        &self,
        meter: &RecordedMeter,
        mut span: Range<Minute>,
        sum: &Sum,
    ) -> Result<Option<f64>, ReadError> {
        if sum.highest_rate().is_some() || !sum.is_known() {
            return Ok(sum.highest_rate());
        }
        let mut highest: Option<f64> = None;
        while span.start < span.end {
            let end = Minute::nearest(span.start.epoch_minutes() + MONTH_MINUTES).min(span.end);
            let (meter, part) = (meter.clone(), span.start..end);
            let of_part = self.ledger.ask_much(move |ledger| {
                let sum = ledger.sum(&meter, part.clone())?;
                ledger.highest_rate(&meter, part, &sum)
            });
            highest = of_part.await?.into_iter().chain(highest).reduce(f64::max);
            span.start = end;
        }
        Ok(highest)
    }

    /// The months and years of a span whose highest quarter of an hour is paid, and its mean power.
    pub(crate) async fn highest_quarters(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        tariffs: &Tariffs,
    ) -> Result<Vec<HighestOf>, ReadError> {
        if !tariffs.price_capacity() {
            return Ok(Vec::new());
        }
        let (asked, zone, tariffs) = (meter.clone(), self.ledger.zone().clone(), tariffs.clone());
        let question = move |ledger: &Ledger| highest_quarters(ledger, &asked, &span, (&zone, &tariffs));
        self.ledger.ask_much(question).await
    }

    /// The times between such bounds, and what prices of the day make of them.
    pub(crate) async fn exact_hours(
        &self,
        meter: &RecordedMeter,
        bounds: Vec<Minute>,
    ) -> Result<Vec<Hour>, ReadError> {
        let (asked, zone) = (meter.clone(), self.ledger.zone().clone());
        let tariffs = self.ledger.tariffs_without_fee(meter);
        self.ledger.ask(move |ledger| between(ledger, &asked, &bounds, (&zone, &tariffs))).await
    }

    /// The hours of a month of the site's clock, which may be those of the last time that somebody has
    /// [looked again](Self::look_again).
    pub(crate) async fn month(
        &self,
        meter: &RecordedMeter,
        month: &Period,
        until: Minute,
    ) -> Result<Arc<[Hour]>, ReadError> {
        let key = (meter.meter.clone(), month.span.start);
        if let Some(kept) = self.months.get(&key).filter(|kept| kept.is_true(meter, month, until)) {
            return Ok(kept.hours);
        }
        let (asked, span, zone) = (meter.clone(), month.span.clone(), self.ledger.zone().clone());
        let tariffs = self.ledger.tariffs_without_fee(meter);
        let hours: Arc<[Hour]> =
            self.ledger.ask(move |ledger| hours(ledger, &asked, &span, (&zone, &tariffs))).await?.into();
        let (edition, now) = (meter.edition(), Instant::now());
        let sum = numbers(&hours.iter().fold(Sum::default(), |sum, hour| sum.and(&hour.sum)));
        self.months.insert(key, Month { read: now, seen: now, sum, until, edition, hours: hours.clone() });
        Ok(hours)
    }
}

impl Month {
    fn is_true(&self, meter: &RecordedMeter, month: &Period, until: Minute) -> bool {
        let closed = self.until >= month.span.end;
        let is_same = self.edition == meter.edition() && (closed || self.until == until);
        is_same && self.read.elapsed() < SAME_FOR
    }
}

fn numbers(sum: &Sum) -> [u64; 3] {
    [sum.pulses, sum.minutes, sum.watched_s]
}
