//! When a meter is asked next. Pure but for the time.

use std::time::Duration;

use tokio::time::Instant;

/// How rarely a meter is asked that does not answer: its waiting is everybody's.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// When a meter is asked next for something that it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    /// Then.
    pub(super) due: Instant,
    /// How often it has not answered since it last did.
    failures: u32,
}

impl Turn {
    /// At once.
    pub(super) fn now() -> Self {
        Self { due: Instant::now(), failures: 0 }
    }

    pub(super) fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    /// Whether it is due in a round that begins about now: what is asked after something else is due a little later, and must
    /// not wait for the next round because this one is faster than the last.
    pub(super) fn is_due_in_round(&self, every: Duration) -> bool {
        self.due <= Instant::now() + every / 2
    }

    /// Goes on after a question: at its rate, and ever less often where nothing is answered.
    pub(super) fn take(&mut self, has_answered: bool, every: Duration) {
        self.failures = if has_answered { 0 } else { self.failures.saturating_add(1) };
        let rarer = every.saturating_mul(1 << self.failures.saturating_sub(1).min(6));
        self.due = Instant::now() + rarer.min(LONGEST_WAIT.max(every));
    }

    /// Makes it due now, if it would be before `then`, and if it was answered the last time.
    pub(super) fn hasten(&mut self, then: Instant) {
        if self.failures == 0 && self.due < then {
            self.due = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_second_is_due_in_each_round_but_not_twice_in_one() {
        let (every, mut second) = (Duration::from_secs(10), Turn::now());
        second.take(true, every);
        assert!(!second.is_due_in_round(every), "in the same round");
        second.due = Instant::now() + Duration::from_millis(900);
        assert!(!second.is_due() && second.is_due_in_round(every), "in a faster one");
    }

    #[test]
    fn who_does_not_answer_is_asked_less_often_and_then_at_the_rate_again() {
        let (every, mut turn) = (Duration::from_secs(10), Turn::now());
        let mut wait = |has_answered| {
            turn.take(has_answered, every);
            turn.due.duration_since(Instant::now()).as_secs_f64().round() as u64
        };
        assert_eq!(
            [true, false, false, false, false, false, true].map(&mut wait),
            [10, 10, 20, 40, 60, 60, 10]
        );
    }
}
