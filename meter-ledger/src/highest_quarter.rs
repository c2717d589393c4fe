//! The quarter of an hour in which a meter counted most: some contracts price it.

use std::ops::Range;

use meter_messages::{MeterConstant, Minute};

use crate::reading::epoch_minutes;
use crate::{Ledger, LedgerError, RecordedMeter};

/// Minutes of a quarter of an hour.
const QUARTER: i64 = 15;

/// So many minutes are held at a time where several meters are added up: a month.
const PART: i64 = 31 * 1440;

/// A quarter of an hour, and how much was counted in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HighestQuarter {
    /// Its first minute.
    pub start: Minute,
    /// The energy in kWh, or the volume in m³; where it was not watched throughout, there may have been more.
    pub quantity: f64,
}

impl HighestQuarter {
    /// The mean power in W, or flow in l/h.
    pub fn rate(&self) -> f64 {
        self.quantity * 4_000.0
    }

    /// The higher of the two; of the same, the first.
    fn or(self, other: Option<Self>) -> Self {
        other.filter(|other| other.quantity >= self.quantity).unwrap_or(self)
    }
}

/// What was counted in a quarter so far: in pulses, so that it does not matter in which pieces they come.
struct Counting {
    start: Minute,
    constant: MeterConstant,
    pulses: u64,
    /// The quantity under other constants, if the meter was replaced within it.
    others: f64,
}

impl Counting {
    fn add(&mut self, constant: MeterConstant, pulses: u64) {
        if constant != self.constant {
            self.others += self.constant.quantity(std::mem::take(&mut self.pulses));
            self.constant = constant;
        }
        self.pulses += pulses;
    }

    fn finished(&self) -> HighestQuarter {
        HighestQuarter { start: self.start, quantity: self.others + self.constant.quantity(self.pulses) }
    }
}

impl Ledger {
    /// The quarter of an hour of a span in which most was counted, the first of those; `None` where nothing was counted.
    /// A day in which no quarter can have been higher is not looked into.
    pub fn highest_quarter(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
    ) -> Result<Option<HighestQuarter>, LedgerError> {
        let (mut highest, mut quarter): (Option<HighestQuarter>, Option<Counting>) = (None, None);
        self.for_each_stretch(meter, epoch_minutes(&span), |stretch| {
            let (minutes, counted) = stretch.counted();
            let Some(constant) = meter.constants.throughout(&minutes) else { return false };
            let is_longer = minutes.end - minutes.start > QUARTER;
            let at_most = constant.quantity(counted.most.saturating_mul(QUARTER as u64));
            if is_longer && highest.is_none_or(|highest| at_most > highest.quantity) {
                return false;
            }
            if !is_longer {
                let start = Minute::nearest(minutes.start - minutes.start.rem_euclid(QUARTER));
                if let Some(over) = quarter.take_if(|quarter| quarter.start != start) {
                    highest = Some(over.finished().or(highest));
                }
                let new = || Counting { start, constant, pulses: 0, others: 0.0 };
                quarter.get_or_insert_with(new).add(constant, counted.pulses);
            }
            true
        })?;
        let highest = quarter.map(|last| last.finished().or(highest)).or(highest);
        Ok(highest.filter(|highest| highest.quantity > 0.0))
    }

    /// The same of what several meters counted together in each quarter.
    pub fn highest_quarter_together(
        &self,
        meters: &[RecordedMeter],
        span: Range<Minute>,
    ) -> Result<Option<HighestQuarter>, LedgerError> {
        if let [meter] = meters {
            return self.highest_quarter(meter, span);
        }
        let _state = self.one_state()?;
        let first_of = |minute: i64| minute - minute.rem_euclid(QUARTER);
        let (mut highest, mut at): (Option<HighestQuarter>, i64) = (None, span.start.epoch_minutes());
        while at < span.end.epoch_minutes() {
            let next = span.end.epoch_minutes().min(first_of(at) + PART);
            let mut quantities = vec![0.0; (PART / QUARTER) as usize];
            for meter in meters {
                self.add_quarters(meter, at..next, |start, quantity| {
                    quantities[((start - first_of(at)) / QUARTER) as usize] += quantity;
                })?;
            }
            for (start, quantity) in (first_of(at)..).step_by(QUARTER as usize).zip(quantities) {
                if quantity > highest.map_or(0.0, |highest| highest.quantity) {
                    highest = Some(HighestQuarter { start: Minute::nearest(start), quantity });
                }
            }
            at = next;
        }
        Ok(highest)
    }

    /// Calls `add` with the first minute of each quarter of a span, and what was counted in it.
    fn add_quarters(
        &self,
        meter: &RecordedMeter,
        span: Range<i64>,
        mut add: impl FnMut(i64, f64),
    ) -> Result<(), LedgerError> {
        let mut quarter: Option<Counting> = None;
        let mut finish = |over: Counting| add(over.start.epoch_minutes(), over.finished().quantity);
        self.for_each_stretch(meter, span, |stretch| {
            let (minutes, counted) = stretch.counted();
            let Some(constant) = meter.constants.throughout(&minutes) else { return false };
            let start = minutes.start - minutes.start.rem_euclid(QUARTER);
            if minutes.end > start + QUARTER {
                return false;
            }
            let start = Minute::nearest(start);
            quarter.take_if(|quarter| quarter.start != start).map(&mut finish);
            let new = || Counting { start, constant, pulses: 0, others: 0.0 };
            quarter.get_or_insert_with(new).add(constant, counted.pulses);
            true
        })?;
        quarter.map(finish);
        Ok(())
    }
}
