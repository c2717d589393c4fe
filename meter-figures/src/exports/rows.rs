//! Rows of a time, read a piece at a time.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use meter_ledger::{Ledger, LedgerError, RecordedMeter, Sum};
use meter_messages::{Measures, Minute, PeriodKind};

use crate::hour::Hour;
use crate::hours::{between, bill_facts, hours};
use crate::local_time::local;
use crate::step::Step;
use crate::tariff::{Cost, Prices, Tariffs};

/// What was recorded in a step, and what that costs.
#[derive(Debug)]
pub struct Row {
    /// Its first minute.
    pub start: Minute,
    /// What was recorded.
    pub sum: Sum,
    /// Where a tariff is known for all of it.
    pub cost: Option<Cost>,
    /// How many of its minutes are corrected.
    pub corrected_minutes: u64,
    /// How many minutes the longest time in it has of which only the sum is known; 1 where all were counted.
    pub resolution_minutes: u32,
}

/// Reads the rows of a span. Between two pieces nothing of the ledger is held: who
/// takes them slowly keeps nobody waiting.
#[derive(Debug)]
pub struct Rows {
    /// Of which meter.
    pub meter: RecordedMeter,
    /// The length of a row.
    pub step: Step,
    /// Whose clock the steps go by.
    pub zone: TimeZone,
    /// What the meter costs.
    pub tariffs: Arc<Tariffs>,
    /// What is still to be read.
    pub rest: Range<Minute>,
    /// The first minute that is not recorded yet: what comes then costs nothing so far.
    pub until: Minute,
}

/// How many rows the ledger is asked for at once: at most a month of hours, so
/// that others need not wait long.
fn rows_at_once(step: Step) -> usize {
    match step {
        Step::Minute => 1440,
        Step::Period(PeriodKind::Hour) => 7 * 24,
        Step::Period(PeriodKind::Day) => 28,
        Step::Period(PeriodKind::Week) => 4,
        Step::Period(PeriodKind::Month | PeriodKind::Year) => 1,
    }
}

impl Rows {
    /// What a file of them is called, but for its ending: `hq-main-hour-2026-11-24`, by the day with which
    /// `asked`, the span that is asked for, begins.
    pub fn file_name(&self, asked: &Range<Minute>) -> String {
        let meter = &self.meter.meter;
        let day = local(asked.start, &self.zone).date();
        format!("{}-{}-{}-{day}", meter.site, meter.meter, self.step.name())
    }

    /// What the column of amounts is called: what is fed in costs nothing, but is paid for.
    pub fn amount_name(&self) -> &'static str {
        match self.meter.relation.measures() {
            Measures::Export => "earned",
            Measures::Import | Measures::Production | Measures::Consumption => "cost",
        }
    }

    /// The next rows that there are, perhaps none; `None` after the last. What nobody
    /// watched is not there, which is not the same as zero.
    pub fn next(&mut self, ledger: &Ledger) -> Result<Option<Vec<Row>>, LedgerError> {
        if self.rest.is_empty() { Ok(None) } else { self.piece(ledger).map(Some) }
    }

    fn piece(&mut self, ledger: &Ledger) -> Result<Vec<Row>, LedgerError> {
        let mut bounds = vec![self.rest.start];
        while bounds.len() <= rows_at_once(self.step) && self.rest.start < self.rest.end {
            self.rest.start = self.step.next(self.rest.start, &self.zone);
            bounds.push(self.rest.start);
        }
        let parts = self.parts(ledger, &bounds)?;
        if parts.iter().all(|part| part.sum.minutes == 0) {
            self.skip_what_is_not_there(ledger)?;
        }
        let mut prices = self.prices(ledger, bounds[0]..bounds[bounds.len() - 1])?;
        let mut parts = parts.as_slice();
        let rows = bounds.windows(2).map(|step| {
            let (of_step, later) = parts.split_at(parts.partition_point(|part| part.span.start < step[1]));
            parts = later;
            self.row(&(step[0]..step[1]), of_step, &mut prices)
        });
        Ok(rows.filter(|row| row.sum.minutes > 0).collect())
    }

    /// What the steps consist of, each with one price and all read at once: hours, or the steps themselves where
    /// these are no longer, or nothing is to be paid.
    fn parts(&self, ledger: &Ledger, bounds: &[Minute]) -> Result<Vec<Hour>, LedgerError> {
        if self.step != Step::Minute && !self.tariffs.is_empty() {
            let span = bounds[0]..bounds[bounds.len() - 1];
            return hours(ledger, &self.meter, &span, (&self.zone, &self.tariffs));
        }
        between(ledger, &self.meter, bounds, (&self.zone, &self.tariffs))
    }

    /// Those of a span, where it may matter how much was used before, and at most.
    fn prices(&self, ledger: &Ledger, span: Range<Minute>) -> Result<Prices<'_>, LedgerError> {
        let facts = bill_facts(ledger, &self.meter, &span, (&self.zone, &self.tariffs))?;
        Ok(self.tariffs.prices(&self.zone).after(&facts, span.start))
    }

    fn row(&self, step: &Range<Minute>, parts: &[Hour], prices: &mut Prices<'_>) -> Row {
        let sum = parts.iter().fold(Sum::default(), |all, part| all.and(&part.sum));
        let has_begun = |part: &&Hour| part.span.start < self.until || part.sum.minutes > 0;
        let costs = parts.iter().filter(has_begun).map(|part| prices.cost(part));
        let cost = if self.tariffs.is_empty() { None } else { costs.sum() };
        let (corrected_minutes, resolution_minutes) =
            (self.meter.corrected_minutes(step), self.meter.resolution(step));
        Row { start: step.start, sum, cost, corrected_minutes, resolution_minutes }
    }

    /// Goes on where something is recorded: however long nothing was, it costs one question.
    fn skip_what_is_not_there(&mut self, ledger: &Ledger) -> Result<(), LedgerError> {
        let next = ledger.first_from(&self.meter, self.rest.start)?;
        let next = next.map_or(self.rest.end, |next| self.step.beginning(next, &self.zone));
        self.rest.start = next.clamp(self.rest.start, self.rest.end.max(self.rest.start));
        Ok(())
    }
}
