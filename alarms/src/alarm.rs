//! One alarm, raised and over with hysteresis: pure.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use site_settings::Condition;

use crate::condition::{Verdict, Watched};

/// An alarm's state. It is kept over restarts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its condition is not met.
    #[default]
    Quiet,
    /// Met, but not for long enough.
    Pending {
        /// Since when.
        since: Timestamp,
        /// The highest value since then.
        highest: f64,
    },
    /// Raised, and a notice was sent.
    Raised(Raised),
}

/// An alarm that is raised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// Since when its condition has been met.
    pub since: Timestamp,
    /// The highest value since then: W, seconds without a pulse or without the
    /// publisher, kWh.
    pub highest: f64,
    /// Since when its condition has not been met, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clear_since: Option<Timestamp>,
}

/// A change that a notice is sent of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// It is raised now.
    Raised(Raised),
    /// It was raised and is over.
    Over {
        /// What it was.
        was: Raised,
        /// When it ended.
        at: Timestamp,
    },
}

impl Standing {
    /// The state's name on the wire.
    pub fn raised(&self) -> Option<&Raised> {
        match self {
            Self::Raised(raised) => Some(raised),
            Self::Quiet | Self::Pending { .. } => None,
        }
    }

    /// Takes the current finding; returns what a notice is to be sent of.
    pub fn step(&mut self, condition: &Condition, finding: Verdict, now: Timestamp) -> Option<Change> {
        let (next, turn) = match *self {
            Self::Quiet => Self::pending(now, f64::MIN, condition, finding, now),
            Self::Pending { since, highest } => Self::pending(since, highest, condition, finding, now),
            Self::Raised(raised) => Self::raised_before(raised, condition, finding, now),
        };
        *self = next;
        turn
    }

    fn pending(
        since: Timestamp,
        highest: f64,
        condition: &Condition,
        finding: Verdict,
        now: Timestamp,
    ) -> (Self, Option<Change>) {
        match finding {
            Verdict::Clear => (Self::Quiet, None),
            Verdict::Unknown if highest == f64::MIN => (Self::Quiet, None),
            Verdict::Unknown => (Self::Pending { since, highest }, None),
            Verdict::Fulfilled { value, since: known } => {
                let (highest, since) = (highest.max(value), known.unwrap_or(since));
                if elapsed(since, now) < condition.raised_after() {
                    return (Self::Pending { since, highest }, None);
                }
                let raised = Raised { since, highest, clear_since: None };
                (Self::Raised(raised), Some(Change::Raised(raised)))
            }
        }
    }

    fn raised_before(
        raised: Raised,
        condition: &Condition,
        finding: Verdict,
        now: Timestamp,
    ) -> (Self, Option<Change>) {
        match finding {
            Verdict::Fulfilled { value, .. } => (
                Self::Raised(Raised { highest: raised.highest.max(value), clear_since: None, ..raised }),
                None,
            ),
            Verdict::Unknown => (Self::Raised(Raised { clear_since: None, ..raised }), None),
            Verdict::Clear => {
                let clear_since = raised.clear_since.unwrap_or(now);
                if elapsed(clear_since, now) < condition.over_after() {
                    return (Self::Raised(Raised { clear_since: Some(clear_since), ..raised }), None);
                }
                (Self::Quiet, Some(Change::Over { was: raised, at: clear_since }))
            }
        }
    }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use jiff::ToSpan;
    use meter_messages::Unit;
    use proptest::prelude::*;

    use super::*;

    const OVEN: Condition = Condition::Above {
        unit: Unit::KilowattHour,
        limit: 5000,
        ends_below: 4500,
        lasting: Duration::from_secs(600),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + second.seconds()
    }

    fn fulfilled(value: f64) -> Verdict {
        Verdict::Fulfilled { value, since: None }
    }

    #[test]
    fn it_is_raised_once_and_over_once() {
        let mut standing = Standing::default();
        let mut turns = Vec::new();
        for second in 0..4000 {
            let finding = match second {
                100..1500 => fulfilled(5000.0 + f64::from(second)),
                1500..1530 => Verdict::Clear,
                1530..2000 => fulfilled(5100.0),
                2000..2500 => Verdict::Unknown,
                _ => Verdict::Clear,
            };
            turns.extend(standing.step(&OVEN, finding, at(second.into())));
        }
        let [Change::Raised(raised), Change::Over { was, at: over }] = turns[..] else { panic!("{turns:?}") };
        assert_eq!((raised.since, raised.highest), (at(100), 5700.0));
        assert_eq!((was.since, was.highest, over), (at(100), 6499.0, at(2500)));
        assert_eq!(standing, Standing::Quiet);
    }

    #[test]
    fn a_short_peak_is_none() {
        let mut standing = Standing::default();
        for second in 0..2000 {
            let finding = if second % 600 == 599 { Verdict::Clear } else { fulfilled(9000.0) };
            assert_eq!(standing.step(&OVEN, finding, at(second)), None, "{second}");
        }
    }

    proptest! {
        /// Whatever happens, raised and over alternate.
        #[test]
        fn raised_and_over_alternate(findings in proptest::collection::vec((0u8..3, 1i64..400), 0..200)) {
            let (mut standing, mut now, mut told) = (Standing::default(), 0, false);
            for (finding, pause) in findings {
                now += pause;
                let finding = [Verdict::Clear, Verdict::Unknown, fulfilled(1.0)][usize::from(finding)];
                match standing.step(&OVEN, finding, at(now)) {
                    Some(Change::Raised(_)) => prop_assert!(!std::mem::replace(&mut told, true)),
                    Some(Change::Over { .. }) => prop_assert!(std::mem::replace(&mut told, false)),
                    None => {}
                }
                prop_assert_eq!(standing.raised().is_some(), told);
            }
        }
    }
}
