//! What people read off a meter, beside what its pulses say of the same time.

use meter_ledger::{EnteredReading, Ledger, LedgerError, RecordedMeter};
use meter_messages::Minute;

/// So many readings are shown.
const SHOWN: usize = 200;

/// A reading, and what it says of the pulses.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedReading {
    /// The reading.
    pub entered: EnteredReading,
    /// The time since the reading before it; `None` for the first.
    pub since: Option<Comparison>,
}

/// The energy or volume between two readings, both ways, in the meter's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// By the meter.
    pub by_meter: f64,
    /// By the pulses; `None` where nobody counted.
    pub by_pulses: Option<f64>,
    /// Seconds of it in which nobody counted: what is missing of the pulses, they may explain.
    pub unwatched_s: u64,
}

impl Comparison {
    /// By how much the pulses are off, in the meter's unit; `None` where nobody counted.
    pub fn drift(&self) -> Option<f64> {
        Some(self.by_pulses? - self.by_meter)
    }

    /// The same in percent; `None` also where the meter did not go forward: it was replaced, or
    /// misread.
    pub fn drift_percent(&self) -> Option<f64> {
        let by_pulses = self.by_pulses.filter(|_| self.by_meter > 0.0)?;
        Some((by_pulses / self.by_meter - 1.0) * 100.0)
    }
}

/// The newest readings of a meter, the newest first.
pub fn checked_readings(ledger: &Ledger, meter: &RecordedMeter) -> Result<Vec<CheckedReading>, LedgerError> {
    let mut readings = ledger.readings(meter, SHOWN + 1)?;
    let mut checked = Vec::with_capacity(readings.len());
    while let Some(entered) = readings.pop() {
        let since = readings.last().map(|before| compare(ledger, meter, before, &entered)).transpose()?;
        checked.push(CheckedReading { entered, since });
    }
    checked.truncate(SHOWN);
    Ok(checked)
}

fn compare(
    ledger: &Ledger,
    meter: &RecordedMeter,
    before: &EnteredReading,
    after: &EnteredReading,
) -> Result<Comparison, LedgerError> {
    let minute = |entered: &EnteredReading| {
        Minute::nearest(entered.reading.at.as_second().div_euclid(Minute::SECONDS))
    };
    let span = minute(before)..minute(after);
    let length_s = (span.end.start() - span.start.start()).max(0).unsigned_abs();
    let sum = ledger.sum(meter, span)?;
    Ok(Comparison {
        by_meter: after.reading.shown - before.reading.shown,
        by_pulses: sum.quantity().or((length_s == 0).then_some(0.0)),
        unwatched_s: length_s.saturating_sub(sum.watched_s),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_what_the_pulses_have_too_much() {
        let between =
            |by_meter, by_pulses| Comparison { by_meter, by_pulses: Some(by_pulses), unwatched_s: 0 };
        assert_eq!(between(200.0, 150.0).drift(), Some(-50.0));
        assert_eq!(between(200.0, 150.0).drift_percent(), Some(-25.0));
        assert_eq!(between(0.0, 1.0).drift_percent(), None);
        assert_eq!(between(-5.0, 1.0).drift_percent(), None);
        let uncounted = Comparison { by_pulses: None, ..between(200.0, 0.0) };
        assert_eq!((uncounted.drift(), uncounted.drift_percent()), (None, None));
    }
}
