//! Which address to try next, and after which pause. Pure.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// A connection that lasted this long was a good one: the next try begins from the front.
const GOOD_AFTER: Duration = Duration::from_secs(60);

/// The longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tries in rounds: all addresses, one after the other, then a pause. Pauses grow from 0.2 s to
/// 30 s, with jitter, so that a broker that comes back is not met by everybody at once.
pub(super) struct Tries {
    addresses: usize,
    next: usize,
    pauses: ExponentialBackoff,
}

impl Tries {
    /// Begins with the first of so many addresses.
    pub(super) fn new(addresses: usize) -> Self {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(LONGEST_PAUSE)
            .with_factor(2.0)
            .without_max_times()
            .build();
        Self { addresses, next: 0, pauses }
    }

    /// The place of the address to try.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// That one failed, or was lost after `lasted`. Returns the pause before the next try.
    pub(super) fn failed(&mut self, lasted: Duration) -> Duration {
        if lasted >= GOOD_AFTER {
            *self = Self::new(self.addresses);
        } else if self.next + 1 < self.addresses {
            self.next += 1;
            return Duration::ZERO;
        }
        self.next = 0;
        self.pauses.next().unwrap_or(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_twice_the_longest() {
        let mut tries = Tries::new(1);
        let pauses: Vec<Duration> = (0..100).map(|_| tries.failed(Duration::from_secs(59))).collect();
        assert!(pauses[0] < Duration::from_millis(500));
        assert!(pauses[20..].iter().all(|pause| (LONGEST_PAUSE..=2 * LONGEST_PAUSE).contains(pause)));
        assert!(
            tries.failed(GOOD_AFTER) < Duration::from_millis(500),
            "after a good one the next try is soon"
        );
    }

    #[test]
    fn each_address_has_its_turn_before_there_is_a_pause() {
        let mut tries = Tries::new(3);
        let mut failed = |lasted| (tries.next(), tries.failed(lasted).is_zero());
        let at_once = Duration::ZERO;
        assert_eq!([0; 4].map(|_| failed(at_once)), [(0, true), (1, true), (2, false), (0, true)]);
        assert_eq!(failed(GOOD_AFTER), (1, false));
        assert_eq!(failed(at_once), (0, true), "after a good one it begins with the first again");
    }
}
