//! Sums of steps: hours, days, or whatever lies between neighbouring bounds.

use std::ops::Range;

use meter_messages::Minute;

use crate::sum::Spread;
use crate::{Ledger, LedgerError, RecordedMeter, Sum};

/// Where one pulse more or less in a step is not more than so many W, or l/h, nobody sees it.
const SEEN: f64 = 1.0;

/// Steps that are read minute by minute are read together if no more than so many minutes lie between them: these are
/// packed in one day, or two.
const TOGETHER: i64 = 1440;

/// What is asked of a step.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    /// Its quantity and mean power.
    Sum,
    /// Its lowest and highest power as well.
    Extremes,
}

impl Ledger {
    /// The sums between neighbouring bounds (ascending): one fewer than bounds.
    /// Local hours, days and months are such bounds, whatever their length and their zone.
    pub fn sums(&self, meter: &RecordedMeter, bounds: &[Minute]) -> Result<Vec<Sum>, LedgerError> {
        self.sums_of(meter, bounds, Asked::Sum)
    }

    /// The sum of a span.
    pub fn sum(&self, meter: &RecordedMeter, span: Range<Minute>) -> Result<Sum, LedgerError> {
        Ok(self.sums(meter, &[span.start, span.end])?.pop().unwrap_or_default())
    }

    /// The same as [`Ledger::sums`], each with its lowest and highest power. For a meter with few pulses all its
    /// minutes are read.
    pub fn sums_with_extremes(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
    ) -> Result<Vec<Sum>, LedgerError> {
        self.sums_of(meter, bounds, Asked::Extremes)
    }

    /// The power in W, or flow in l/h, of the strongest minute of a span, of which `sum` is the sum; `None` where nobody
    /// watched.
    pub fn highest_rate(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        sum: &Sum,
    ) -> Result<Option<f64>, LedgerError> {
        if let Some(known) = sum.highest_rate() {
            return Ok(Some(known));
        }
        Ok(self.sums_with_extremes(meter, &[span.start, span.end])?.pop().and_then(|sum| sum.highest_rate()))
    }

    fn sums_of(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
        asked: Asked,
    ) -> Result<Vec<Sum>, LedgerError> {
        let _state = self.one_state()?;
        let mut sums = self.counted(meter, bounds)?;
        let is_open = |(sum, step): (&Sum, &[Minute])| {
            let minutes = step[1].epoch_minutes() - step[0].epoch_minutes();
            let one_pulse = meter.constant_at(step[0]).rate(1, (minutes * Minute::SECONDS) as f64);
            (sum.has_few_pulses() && one_pulse > SEEN)
                || (asked == Asked::Extremes && sum.has_few_pulses_a_minute())
        };
        let steps = sums.iter().zip(bounds.windows(2)).enumerate();
        let open: Vec<usize> = steps.filter(|(_, step)| is_open(*step)).map(|(step, _)| step).collect();
        let apart = |one: usize, next: usize| bounds[next].epoch_minutes() - bounds[one + 1].epoch_minutes();
        for steps in open.chunk_by(|one, next| apart(*one, *next) <= TOGETHER) {
            self.read_between_pulses(meter, bounds, steps, &mut sums)?;
        }
        if asked == Asked::Extremes {
            sums.iter_mut().for_each(Sum::be_even_without_pulses);
        }
        Ok(sums)
    }

    /// As counted.
    fn counted(&self, meter: &RecordedMeter, bounds: &[Minute]) -> Result<Vec<Sum>, LedgerError> {
        let (Some(first), Some(last)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
        let mut sums = vec![Sum::default(); bounds.len() - 1];
        let mut step = 0;
        let mut step_of = |minute: i64| {
            while minute >= bounds[step + 1].epoch_minutes() {
                step += 1;
            }
            step
        };
        self.for_each_stretch(meter, first.epoch_minutes()..last.epoch_minutes(), |stretch| {
            let (minutes, counted) = stretch.counted();
            let step = step_of(minutes.start);
            let Some(constant) = meter.constants.throughout(&minutes) else { return false };
            let is_in_step = minutes.end <= bounds[step + 1].epoch_minutes();
            if is_in_step {
                sums[step].add(constant, counted);
            }
            is_in_step
        })?;
        Ok(sums)
    }

    /// Adds what is known of the power of some steps by the time between pulses.
    fn read_between_pulses(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
        steps: &[usize],
        sums: &mut [Sum],
    ) -> Result<(), LedgerError> {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return Ok(()) };
        let span = bounds[*first].epoch_minutes()..bounds[last + 1].epoch_minutes();
        let mut steps = steps.iter().copied().peekable();
        let mut found = Spread::default();
        self.for_each_rate(meter, &span, |minute| {
            while let Some(over) = steps.next_if(|step| bounds[step + 1].epoch_minutes() <= minute.minute) {
                sums[over].know_between_pulses(std::mem::take(&mut found));
            }
            if steps.peek().is_some_and(|step| bounds[*step].epoch_minutes() <= minute.minute) {
                found.add(minute.rate, minute.watched_ms);
            }
        })?;
        if let Some(step) = steps.next() {
            sums[step].know_between_pulses(found);
        }
        Ok(())
    }
}
