//! What of a counter's total has been turned into pulses. It is stored in one transaction with the minutes, and beside
//! the minute in progress: whatever is killed whenever, the next run finds both as they were at one moment, and what
//! has come since is in the counter's next total.

use meter_messages::CounterBreak;
use serde::{Deserialize, Serialize};

/// A pulse in parts of one, as fine as a millionth of a Wh times a millionth of a meter constant.
const PARTS: i128 = 1_000_000_000_000_000;

/// Where a counter stands. Totals are in millionths of a Wh, or of a litre; times in nanoseconds of UTC since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterState {
    /// Whose totals these are: with other settings they mean something else.
    pub source: String,
    /// The meter constant in millionths, by which `due` and `rest` are counted.
    pub constant: u64,
    /// The total up to which everything is turned into pulses.
    pub total: i64,
    /// Since when it has been this total.
    pub changed_ns: i64,
    /// Of the quantity since then, what is counted already: by totals of which nobody knows when they were said.
    pub ahead: i64,
    /// When the counter was last heard.
    pub heard_ns: i64,
    /// Up to when pulses are booked into minutes.
    pub booked_ns: i64,
    /// Pulses that are counted, and not booked yet.
    pub due: u64,
    /// Parts of the next one.
    pub rest: u64,
    /// What it was before it seemed to begin anew.
    pub former: Option<Former>,
    /// What the counter calls itself, if it does.
    #[serde(default)]
    pub name: Option<String>,
    /// When it last did not go on from where it was.
    #[serde(default)]
    pub broken: Option<Broken>,
}

/// That a counter did not go on from where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// When that was noticed, in seconds since 1970.
    pub at_s: i64,
    /// What it did instead.
    pub how: CounterBreak,
}

/// A counter that stopped and may come back: what was taken for its end may have been a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Its last total.
    pub total: i64,
    /// Since when it had been this total.
    pub changed_ns: i64,
    /// What has been counted since.
    pub counted: i64,
}

impl CounterState {
    /// Begins with a total at a time: what was used before is not ours.
    pub fn begin(source: &str, constant: u64, total: i64, at_ns: i64) -> Self {
        Self {
            source: source.to_owned(),
            constant,
            total,
            changed_ns: at_ns,
            ahead: 0,
            heard_ns: at_ns,
            booked_ns: at_ns,
            due: 0,
            rest: 0,
            former: None,
            name: None,
            broken: None,
        }
    }

    /// Turns a quantity into pulses that are due.
    pub fn count(&mut self, quantity: i64) {
        let parts = i128::from(self.rest) + i128::from(quantity) * i128::from(self.constant);
        // The quantity is at most what a counter can show: this fits.
        self.due += u64::try_from(parts / PARTS).unwrap_or_default();
        self.rest = u64::try_from(parts % PARTS).unwrap_or_default();
        if let Some(former) = &mut self.former {
            former.counted = former.counted.saturating_add(quantity);
        }
    }

    /// Goes on with another meter constant: what is due stays the same quantity.
    pub fn convert(&mut self, constant: u64) {
        if constant != self.constant {
            let parts = i128::from(self.due) * PARTS + i128::from(self.rest);
            let parts = (parts / i128::from(self.constant.max(1))).saturating_mul(i128::from(constant));
            self.due = u64::try_from(parts / PARTS).unwrap_or(u64::MAX);
            self.rest = u64::try_from(parts % PARTS).unwrap_or_default();
            self.constant = constant;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_pulse_are_kept() {
        // 3 pulses per kWh, and a kWh in ten parts.
        let mut state = CounterState::begin("x", 3_000_000, 0, 0);
        for _ in 0..10 {
            state.count(100_000_000);
        }
        assert_eq!((state.due, state.rest), (3, 0));
    }

    #[test]
    fn another_constant_leaves_the_quantity() {
        let mut state = CounterState::begin("x", 1_000_000_000, 0, 0);
        state.count(5_500_000_000);
        assert_eq!((state.due, state.rest), (5500, 0));
        state.convert(10_000_000_000);
        assert_eq!((state.due, state.rest), (55_000, 0));
        state.convert(1_000_000);
        assert_eq!((state.due, state.rest), (5, 500_000_000_000_000));
    }
}
