//! Rows of a time, read a piece at a time.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::Minute;

use crate::reckoning::calendar::{Kind, pieces};
use crate::reckoning::tariff::{Cost, Prices, Tariffs};
use crate::route::Step;

/// What was recorded in a step, and what that costs.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its first minute.
    pub(crate) start: Minute,
    /// What was recorded.
    pub(crate) sum: Sum,
    /// Where a tariff is known for all of it.
    pub(crate) cost: Option<Cost>,
}

/// Reads the rows of a span. Between two pieces nothing of the ledger is held: who
/// takes them slowly keeps nobody waiting.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) meter: RecordedMeter,
    pub(crate) step: Step,
    pub(crate) zone: TimeZone,
    pub(crate) tariffs: Arc<Tariffs>,
    /// What is still to be read.
    pub(crate) rest: Range<Minute>,
    /// The first minute that is not recorded yet: what comes then costs nothing so far.
    pub(crate) until: Minute,
}

/// How many rows the ledger is asked for at once: at most a month of hours, so
/// that others need not wait long.
fn rows_at_once(step: Step) -> usize {
    match step {
        Step::Minute => 1440,
        Step::Hour => 7 * 24,
        Step::Day => 28,
        Step::Month => 1,
    }
}

impl Rows {
    /// The next rows that there are, perhaps none; `None` after the last. What nobody
    /// watched is not there, which is not the same as zero.
    pub(crate) fn next(&mut self, ledger: &Ledger) -> Result<Option<Vec<Row>>, LedgerError> {
        if self.rest.is_empty() { Ok(None) } else { self.piece(ledger).map(Some) }
    }

    fn piece(&mut self, ledger: &Ledger) -> Result<Vec<Row>, LedgerError> {
        let mut bounds = vec![self.rest.start];
        while bounds.len() <= rows_at_once(self.step) && self.rest.start < self.rest.end {
            self.rest.start = self.step.next(self.rest.start, &self.zone);
            bounds.push(self.rest.start);
        }
        let sums = ledger.sums(&self.meter, &bounds)?;
        let mut prices = self.tariffs.prices(&self.zone);
        let spans = bounds.windows(2).map(|pair| pair[0]..pair[1]);
        let recorded = spans.zip(sums).filter(|(_, sum)| sum.minutes > 0);
        let row = |(span, sum): (Range<Minute>, Sum)| {
            let cost = self.cost(ledger, &mut prices, &span, &sum)?;
            Ok(Row { start: span.start, sum, cost })
        };
        recorded.map(row).collect()
    }

    fn cost(
        &self,
        ledger: &Ledger,
        prices: &mut Prices<'_>,
        span: &Range<Minute>,
        sum: &Sum,
    ) -> Result<Option<Cost>, LedgerError> {
        match self.step {
            _ if self.tariffs.is_empty() => Ok(None),
            Step::Minute | Step::Hour => Ok(prices.cost(span, sum)),
            Step::Day | Step::Month => {
                let hours = pieces(Kind::Hour, span, &self.zone);
                let mut bounds: Vec<Minute> = hours.iter().map(|hour| hour.span.start).collect();
                bounds.push(span.end);
                let sums = ledger.sums(&self.meter, &bounds)?;
                let hours = hours.iter().map(|hour| &hour.span).zip(&sums);
                Ok(self.tariffs.cost(hours, self.until, &self.zone))
            }
        }
    }
}
