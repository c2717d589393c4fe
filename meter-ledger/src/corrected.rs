//! What a meter's record is with its corrections. The one place where corrected minutes arise: all that is summed, drawn
//! and exported is read from here.

use std::ops::Range;

use meter_messages::{CorrectionKind, Factor, Minute};

use crate::corrections::InForce;
use crate::stretch::Stretch;
use crate::{Ledger, LedgerError, RecordedMeter, RecordedMinute, rows, spans};

impl Ledger {
    /// Calls `take` with days, quarters of an hour and minutes of a span of minutes since 1970, in order. What it
    /// returns for a sum is whether it took it; otherwise it is given smaller pieces. Sums are of times without a
    /// correction; one that is corrected is given minute by minute.
    pub(crate) fn for_each_stretch(
        &self,
        meter: &RecordedMeter,
        span: Range<i64>,
        mut take: impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        let _state = self.one_state()?;
        let mut from = span.start;
        for correction in meter.corrections.within(&span) {
            let part = correction.span.start.max(span.start)..correction.span.end.min(span.end);
            self.for_each_counted(meter.row, from..part.start, &mut take)?;
            from = part.end;
            match correction.kind {
                CorrectionKind::Void => {}
                CorrectionKind::Replace { .. } => self.replaced(meter, correction, part, &mut take)?,
                CorrectionKind::Scale(factor) => {
                    let before = self.counted_pulses(meter, correction.span.start..part.start)?;
                    self.scaled(meter, factor, (before, part), &mut take)?;
                }
            }
        }
        self.for_each_counted(meter.row, from..span.end, &mut take)
    }

    /// Minutes that are what a correction says.
    fn replaced(
        &self,
        meter: &RecordedMeter,
        correction: &InForce,
        part: Range<i64>,
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        let total = rows::before(&self.connection, meter.row, correction.span.start)?;
        let total = total.iter().map(|row| row.total).max().unwrap_or_default();
        let mut before = correction.pulses_before(part.start);
        for minute in part {
            let after = correction.pulses_before(minute + 1);
            let (minute, pulses) = (Minute::nearest(minute), to_minute(after - before));
            take(Stretch::Minute(RecordedMinute { minute, pulses, watched_s: 60, total }));
            before = after;
        }
        Ok(())
    }

    /// Minutes times a factor, of which so many pulses were counted before. What is rounded off in one minute is made
    /// good in the next: half of a pulse a minute is a pulse in every other one.
    fn scaled(
        &self,
        meter: &RecordedMeter,
        factor: Factor,
        (mut counted, part): (u64, Range<i64>),
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        self.for_each_counted(meter.row, part, &mut |stretch| {
            let Stretch::Minute(minute) = stretch else { return false };
            let before = factor.of(counted);
            counted += u64::from(minute.pulses);
            let pulses = to_minute(factor.of(counted) - before);
            take(Stretch::Minute(RecordedMinute { pulses, ..minute }))
        })
    }

    /// The pulses of a span as they were counted.
    fn counted_pulses(&self, meter: &RecordedMeter, span: Range<i64>) -> Result<u64, LedgerError> {
        let mut pulses = 0;
        self.for_each_counted(meter.row, span, &mut |stretch| {
            pulses += stretch.counted().1.pulses;
            true
        })?;
        Ok(pulses)
    }

    /// The newest minute before one of which nobody says that it was not watched; with the pulses that were counted.
    pub(crate) fn last_before(
        &self,
        meter: &RecordedMeter,
        mut minute: i64,
    ) -> Result<Option<RecordedMinute>, LedgerError> {
        let _state = self.one_state()?;
        loop {
            let counted = RecordedMinute::of_all(&rows::before(&self.connection, meter.row, minute)?);
            let newest = counted.map(|counted| counted.minute.epoch_minutes());
            let imported = spans::last_before(&self.connection, meter.row, minute, newest)?;
            let last = [counted, imported].into_iter().flatten().max_by_key(|last| last.minute);
            match last.and_then(|last| meter.corrections.void_at(last.minute.epoch_minutes())) {
                Some(void) => minute = void.span.start,
                None => return Ok(last),
            }
        }
    }

    /// The first minute from one on that is recorded, or that a correction has put in, and of which nobody says that it
    /// was not watched.
    pub(crate) fn next_from(
        &self,
        meter: &RecordedMeter,
        mut minute: i64,
    ) -> Result<Option<i64>, LedgerError> {
        let _state = self.one_state()?;
        loop {
            let counted = rows::from(&self.connection, meter.row, minute)?;
            let counted = counted.first().map(|row| row.minute);
            let imported = spans::first_from(&self.connection, meter.row, minute)?;
            let first = [counted, imported, meter.corrections.first_replaced(minute)];
            let first = first.into_iter().flatten().min();
            match first.and_then(|first| meter.corrections.void_at(first)) {
                Some(void) => minute = void.span.end,
                None => return Ok(first),
            }
        }
    }
}

/// More pulses than a minute can have are refused before: see `Batch::correct`.
fn to_minute(pulses: u64) -> u32 {
    u32::try_from(pulses).unwrap_or(u32::MAX)
}
