//! Power or flow between pulses, read from the ledger.

use std::ops::Range;

use meter_messages::Minute;

use crate::between_pulses::{BetweenPulses, MinuteRate};
use crate::{Ledger, LedgerError, RecordedMeter, RecordedMinute, pulse_times};

/// How far is looked for pulses around what is asked for, in minutes. A kWh or m³ in a month is 1.4 W or l/h.
const FARTHEST: i64 = 31 * 1440;

/// So many are looked at first, in minutes; then twice as many, and so on.
const FIRST_LOOK: i64 = 64;

/// With two pulses around what is asked for, each time in it has one before and one after it, and at the end of what
/// was watched the power before it is known.
const AROUND: u32 = 2;

impl Ledger {
    /// Tells `each` of the power between pulses in a span of minutes since 1970, minute by minute, in order.
    pub(crate) fn for_each_rate(
        &self,
        meter: &RecordedMeter,
        span: &Range<i64>,
        mut each: impl FnMut(MinuteRate),
    ) -> Result<(), LedgerError> {
        let _state = self.one_state()?;
        let read = self.with_pulses_before(meter, span.start)?..self.with_pulses_after(meter, span.end)?;
        let mut of_span = |rate: MinuteRate| {
            if span.contains(&rate.minute) {
                each(rate);
            }
        };
        let times = pulse_times::read(&self.connection, meter.row, &read)?;
        let mut times = times.into_iter().peekable();
        let mut between = BetweenPulses::default();
        self.for_each_minute(meter, Minute::nearest(read.start)..Minute::nearest(read.end), |minute| {
            let at = minute.minute.epoch_minutes();
            let mut of_minute = None;
            while let Some(found) = times.next_if(|found| found.minute <= at) {
                of_minute = of_minute.or((found.minute == at).then_some(found));
            }
            let of_minute = of_minute.and_then(|found| found.of(minute.pulses));
            between.take((&minute, of_minute), meter.constant_at(minute.minute), &mut of_span);
        })?;
        between.end(&mut of_span);
        Ok(())
    }

    /// From which minute on to read for what is known of the power from `at` on.
    fn with_pulses_before(&self, meter: &RecordedMeter, at: i64) -> Result<i64, LedgerError> {
        let (mut from, mut pulses, mut look) = (at, 0u32, FIRST_LOOK);
        while at - from < FARTHEST {
            let first = from - look;
            for minute in self.minutes(meter, Minute::nearest(first)..Minute::nearest(from))?.iter().rev() {
                if !is(minute, from - 1) {
                    return Ok(from);
                }
                from -= 1;
                pulses = pulses.saturating_add(minute.pulses);
                if minute.watched_s < 60 {
                    // Which part of it was watched depends on whether there is one before it.
                    return Ok(from - 1);
                }
                if pulses >= AROUND {
                    return Ok(from);
                }
            }
            if from > first {
                return Ok(from);
            }
            look *= 2;
        }
        Ok(from)
    }

    /// Up to which minute to read for what is known of the power before `at`.
    fn with_pulses_after(&self, meter: &RecordedMeter, at: i64) -> Result<i64, LedgerError> {
        let (mut end, mut pulses, mut look) = (at, 0u32, FIRST_LOOK);
        while end - at < FARTHEST {
            let last = end + look;
            for minute in &self.minutes(meter, Minute::nearest(end)..Minute::nearest(last))? {
                if !is(minute, end) {
                    return Ok(end);
                }
                end += 1;
                pulses = pulses.saturating_add(minute.pulses);
                if pulses >= AROUND || minute.watched_s < 60 {
                    return Ok(end);
                }
            }
            if end < last {
                return Ok(end);
            }
            look *= 2;
        }
        Ok(end)
    }
}

fn is(minute: &RecordedMinute, at: i64) -> bool {
    minute.minute.epoch_minutes() == at
}
