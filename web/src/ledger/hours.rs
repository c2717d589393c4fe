//! Sums of whole local hours, kept a month at a time: what days, months, years,
//! heat maps and top days are added up from. The ledger is asked for a month in
//! one go, so that nobody else waits long for a year.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use meter_ledger::{RecordedMeter, Sum};
use meter_messages::{Meter, Minute};

use crate::ledger::reader::{LedgerReader, ReadError};
use crate::reckoning::calendar::{Kind, Period, pieces};

/// For how long a month that is over is not read again: a lost ledger may be
/// filled anew from an outbox, and then its old months change after all.
const CLOSED_FOR: Duration = Duration::from_secs(600);

/// Months kept in memory, 24 KB each.
const MOST: usize = 600;

/// The hours of a month, the first of which begins with it.
#[derive(Debug)]
pub(crate) struct MonthOfHours {
    hours: Vec<(Range<Minute>, Sum)>,
}

#[derive(Debug)]
struct Kept {
    read: Instant,
    /// The newest minute that the ledger had then.
    until: Minute,
    month: Arc<MonthOfHours>,
}

/// The months that were read lately.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    ledger: LedgerReader,
    kept: Arc<Mutex<HashMap<(Meter, Minute), Kept>>>,
}

impl Hours {
    /// Nothing read yet.
    pub(crate) fn new(ledger: LedgerReader) -> Self {
        Self { ledger, kept: Arc::default() }
    }

    /// The hours of a span of whole hours. `until` is the first minute that is
    /// not recorded yet.
    pub(crate) async fn hours(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
    ) -> Result<Vec<(Range<Minute>, Sum)>, ReadError> {
        let zone = self.ledger.zone().clone();
        let mut hours = Vec::new();
        let mut month = Period::containing(Kind::Month, span.start, &zone);
        while month.span.start < span.end && month.span.start < until {
            let read = self.month(meter, &month, until).await?;
            let wanted =
                read.hours.iter().filter(|(hour, _)| hour.start >= span.start && hour.end <= span.end);
            hours.extend(wanted.cloned());
            month = month.next(&zone);
        }
        Ok(hours)
    }

    /// The sums of periods that follow each other.
    pub(crate) async fn sums(
        &self,
        meter: &RecordedMeter,
        parts: &[Period],
        until: Minute,
    ) -> Result<Vec<Sum>, ReadError> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(Vec::new()) };
        let hours = self.hours(meter, first.span.start..last.span.end, until).await?;
        let mut hours = hours.iter().peekable();
        let sums = parts.iter().map(|part| {
            let mut sum = Sum::default();
            while let Some((_, hour)) = hours.next_if(|(hour, _)| hour.start < part.span.end) {
                sum = sum.and(hour);
            }
            sum
        });
        Ok(sums.collect())
    }

    /// The sum of any span.
    pub(crate) async fn sum(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        until: Minute,
    ) -> Result<Sum, ReadError> {
        let zone = self.ledger.zone();
        let whole = |at: Minute| Period::containing(Kind::Hour, at, zone).span;
        let first =
            Some(whole(span.start)).map(|hour| if hour.start < span.start { hour.end } else { hour.start });
        let last = whole(span.end).start;
        let Some(first) = first.filter(|first| *first < last) else {
            let (meter, edges) = (meter.clone(), span);
            return self.ledger.ask(move |ledger| ledger.sum(&meter, edges)).await;
        };
        let hours = self.hours(meter, first..last, until).await?;
        let inner = hours.iter().fold(Sum::default(), |sum, (_, hour)| sum.and(hour));
        let (meter, before, after) = (meter.clone(), span.start..first, last..span.end);
        let edges = move |ledger: &meter_ledger::Ledger| {
            Ok(ledger.sum(&meter, before)?.and(&ledger.sum(&meter, after)?))
        };
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
    ) -> Result<Arc<MonthOfHours>, ReadError> {
        let key = (meter.meter.clone(), month.span.start);
        if let Some(kept) = self.kept().get(&key).filter(|kept| still_true(kept, month, until)) {
            return Ok(kept.month.clone());
        }
        let hours = pieces(Kind::Hour, &month.span, self.ledger.zone());
        let mut bounds: Vec<Minute> = hours.iter().map(|hour| hour.span.start).collect();
        bounds.push(month.span.end);
        let asked = meter.clone();
        let sums = self.ledger.ask(move |ledger| ledger.sums(&asked, &bounds)).await?;
        let hours = hours.into_iter().map(|hour| hour.span).zip(sums).collect();
        let read = Arc::new(MonthOfHours { hours });
        let mut kept = self.kept();
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(key, Kept { read: Instant::now(), until, month: read.clone() });
        Ok(read)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(Meter, Minute), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn still_true(kept: &Kept, month: &Period, until: Minute) -> bool {
    let closed = kept.until >= month.span.end;
    kept.read.elapsed() < CLOSED_FOR && (closed || kept.until == until)
}
