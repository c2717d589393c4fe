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
    /// Why the meter went backwards, if it did.
    pub backwards: Option<Backwards>,
}

/// Why two readings cannot be compared as they are: mostly, the meter shows less than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backwards {
    /// After its last digit had shown a 9 everywhere it began with zeros again. What it has counted is known all the same.
    RolledOver,
    /// It is another one, as somebody has said, or was misread. What it has counted is not known.
    Replaced,
}

/// The smallest and the largest register that meters have, in digits before the point.
const DIGITS: std::ops::RangeInclusive<i32> = 4..=8;

impl Comparison {
    fn of_another(before: f64, after: f64, by_pulses: Option<f64>, unwatched_s: u64) -> Self {
        Self { by_meter: after - before, by_pulses, unwatched_s, backwards: Some(Backwards::Replaced) }
    }

    fn new(before: f64, after: f64, by_pulses: Option<f64>, unwatched_s: u64) -> Self {
        let difference = after - before;
        let rolled = (difference < 0.0).then(|| rolled_over(before, after, (by_pulses, unwatched_s)));
        let (by_meter, backwards) = match rolled {
            None => (difference, None),
            Some(Some(by_meter)) => (by_meter, Some(Backwards::RolledOver)),
            Some(None) => (difference, Some(Backwards::Replaced)),
        };
        Self { by_meter, by_pulses, unwatched_s, backwards }
    }
}

/// What a meter has counted that went from nines to zeros, if it can have done so: the pulses, where all were counted,
/// must say about the same.
fn rolled_over(before: f64, after: f64, (by_pulses, unwatched_s): (Option<f64>, u64)) -> Option<f64> {
    let register = DIGITS.map(|digits| 10f64.powi(digits)).find(|register| before < *register)?;
    let by_meter = after - before + register;
    let is_about = |by_pulses: f64| (by_pulses - by_meter).abs() <= 1.0 + 0.1 * by_meter;
    let is_counted = by_pulses.filter(|_| unwatched_s == 0).is_none_or(is_about);
    (before >= 0.9 * register && after <= 0.1 * register && is_counted).then_some(by_meter)
}

impl Comparison {
    /// By how much the pulses are off, in the meter's unit; `None` where nobody counted, or the meter was replaced.
    pub fn drift(&self) -> Option<f64> {
        let by_pulses = self.by_pulses.filter(|_| self.backwards != Some(Backwards::Replaced))?;
        Some(by_pulses - self.by_meter)
    }

    /// The same in percent; `None` also where the meter did not go forward.
    pub fn drift_percent(&self) -> Option<f64> {
        let drift = self.drift().filter(|_| self.by_meter > 0.0)?;
        Some(drift / self.by_meter * 100.0)
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
    let by_pulses = sum.quantity().or((length_s == 0).then_some(0.0));
    let unwatched_s = length_s.saturating_sub(sum.watched_s);
    let compare = if after.reading.replaced { Comparison::of_another } else { Comparison::new };
    Ok(compare(before.reading.shown, after.reading.shown, by_pulses, unwatched_s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_what_the_pulses_have_too_much() {
        let between = |by_meter, by_pulses| Comparison::new(1000.0, 1000.0 + by_meter, Some(by_pulses), 0);
        assert_eq!(between(200.0, 150.0).drift(), Some(-50.0));
        assert_eq!(between(200.0, 150.0).drift_percent(), Some(-25.0));
        assert_eq!(between(0.0, 1.0).drift_percent(), None);
        let uncounted = Comparison { by_pulses: None, ..between(200.0, 0.0) };
        assert_eq!((uncounted.drift(), uncounted.drift_percent()), (None, None));
    }

    #[test]
    fn a_meter_that_shows_less_was_replaced_or_has_rolled_over() {
        use Backwards::{Replaced, RolledOver};
        for (before, after, by_pulses, unwatched_s, by_meter, backwards) in [
            (99_950.0, 30.5, Some(80.0), 0, 80.5, RolledOver),
            (9_999.0, 1.0, Some(2.0), 0, 2.0, RolledOver),
            // Much less was counted, but not all of the time.
            (99_950.0, 30.0, Some(20.0), 60, 80.0, RolledOver),
            (99_950.0, 30.0, None, 600, 80.0, RolledOver),
            (99_950.0, 30.0, Some(300.0), 0, -99_920.0, Replaced),
            (100_000.0, 0.0, Some(3.0), 0, -100_000.0, Replaced),
            (12_345.0, 0.0, None, 600, -12_345.0, Replaced),
            (1_000.0, 995.0, Some(1.0), 0, -5.0, Replaced),
        ] {
            let found = Comparison::new(before, after, by_pulses, unwatched_s);
            let known = (found.by_meter, found.backwards);
            assert_eq!(known, (by_meter, Some(backwards)), "{before} to {after}");
            let compared =
                by_pulses.filter(|_| backwards == RolledOver).map(|by_pulses| by_pulses - by_meter);
            assert_eq!(found.drift(), compared);
            assert_eq!(found.drift_percent().is_some(), compared.is_some());
        }
    }
}
