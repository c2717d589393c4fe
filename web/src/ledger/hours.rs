//! Sums of whole local hours, kept a month at a time. The ledger is asked for a month in one go, so
//! that nobody else waits long for a year.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use meter_figures::{Hour, Period, hours};
use meter_ledger::{Ledger, RecordedMeter, Sum};
use meter_messages::{Meter, Minute, PeriodKind};
use quick_cache::sync::Cache;

use crate::ledger::reader::{LedgerReader, ReadError};

/// For how long a month that is over is not read again: a lost ledger may be
/// filled anew from an outbox, and then its old months change after all.
const CLOSED_FOR: Duration = Duration::from_secs(600);

/// Months kept in memory, 24 KB each.
const MOST: usize = 600;

#[derive(Debug, Clone)]
struct Month {
    read: Instant,
    /// The newest minute that the ledger had then.
    until: Minute,
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

    /// The hours of a span of whole hours. `until` is the first minute that is
    /// not recorded yet.
    pub(crate) async fn hours(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
    ) -> Result<Vec<Hour>, ReadError> {
        let mut hours = Vec::new();
        self.each_month(meter, span.clone(), until, |read| {
            let wanted = read.iter().filter(|(hour, _)| hour.start >= span.start && hour.end <= span.end);
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
        let zone = self.ledger.zone().clone();
        let mut month = Period::containing(PeriodKind::Month, span.start, &zone);
        while month.span.start < span.end && month.span.start < until {
            take(&self.month(meter, &month, until).await?);
            month = month.next(&zone);
        }
        Ok(())
    }

    /// The sums of periods that follow each other.
    pub(crate) async fn sums(
        &self,
        meter: &RecordedMeter,
        parts: &[Period],
        until: Minute,
    ) -> Result<Vec<Sum>, ReadError> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(Vec::new()) };
        let span = first.span.start..last.span.end;
        let mut sums = vec![Sum::default(); parts.len()];
        let mut part = 0;
        self.each_month(meter, span.clone(), until, |read| {
            for (hour, sum) in read.iter().filter(|(hour, _)| span.contains(&hour.start)) {
                while hour.start >= parts[part].span.end {
                    part += 1;
                }
                if sum.minutes > 0 {
                    sums[part] = sums[part].and(sum);
                }
            }
        })
        .await?;
        Ok(sums)
    }

    /// The sum of any span.
    pub(crate) async fn sum(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
    ) -> Result<Sum, ReadError> {
        let hour = |at: Minute| Period::containing(PeriodKind::Hour, at, self.ledger.zone()).span;
        let (first, last) = (hour(span.start), hour(span.end).start);
        let first = if first.start < span.start { first.end } else { first.start };
        if first >= last {
            let meter = meter.clone();
            return self.ledger.ask(move |ledger| ledger.sum(&meter, span)).await;
        }
        let hours = self.hours(meter, first..last, until).await?;
        let inner = hours.iter().fold(Sum::default(), |sum, (_, hour)| sum.and(hour));
        let (meter, before, after) = (meter.clone(), span.start..first, last..span.end);
        let edges = move |ledger: &Ledger| Ok(ledger.sum(&meter, before)?.and(&ledger.sum(&meter, after)?));
        Ok(inner.and(&self.ledger.ask(edges).await?))
    }

    /// The sums between bounds that need not be hours, of a short time.
    pub(crate) async fn exact(
        &self,
        meter: &RecordedMeter,
        bounds: Vec<Minute>,
    ) -> Result<Vec<Sum>, ReadError> {
        let meter = meter.clone();
        self.ledger.ask(move |ledger| ledger.sums(&meter, &bounds)).await
    }

    async fn month(
        &self,
        meter: &RecordedMeter,
        month: &Period,
        until: Minute,
    ) -> Result<Arc<[Hour]>, ReadError> {
        let key = (meter.meter.clone(), month.span.start);
        if let Some(kept) = self.months.get(&key).filter(|kept| kept.is_true(month, until)) {
            return Ok(kept.hours);
        }
        let (asked, span, zone) = (meter.clone(), month.span.clone(), self.ledger.zone().clone());
        let hours: Arc<[Hour]> =
            self.ledger.ask(move |ledger| hours(ledger, &asked, &span, &zone)).await?.into();
        self.months.insert(key, Month { read: Instant::now(), until, hours: hours.clone() });
        Ok(hours)
    }
}

impl Month {
    fn is_true(&self, month: &Period, until: Minute) -> bool {
        let closed = self.until >= month.span.end;
        self.read.elapsed() < CLOSED_FOR && (closed || self.until == until)
    }
}
