//! When one of several alarms programs takes the watch from one that is gone: pure.

use std::time::{Duration, Instant};

use meter_ledger::WatchSeen;

/// Who has given no sign of life for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// Who has not looked for so long, because it was stopped or could not reach the database, knows nothing of the other's
/// signs of life.
const LONGEST_GAP: Duration = Duration::from_secs(3);

/// The other one's signs of life, by this one's clock.
#[derive(Debug, Default)]
pub struct Patience {
    /// The last sign, and since when it is known.
    heard: Option<(WatchSeen, Instant)>,
    looked: Option<Instant>,
}

impl Patience {
    /// Takes in what is seen; whether the watch is to be taken.
    pub fn is_over(&mut self, seen: WatchSeen, now: Instant) -> bool {
        let was_away = self.looked.is_none_or(|looked| now.duration_since(looked) > LONGEST_GAP);
        self.looked = Some(now);
        let since = match self.heard {
            Some((heard, since)) if heard == seen && !was_away => since,
            _ => now,
        };
        self.heard = Some((seen, since));
        seen.signs.is_none() || now.duration_since(since) >= GONE_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_is_gone_unless_one_was_away_oneself_and_who_has_left_at_once() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        let mut look = |watcher, signs, second| {
            patience.is_over(WatchSeen::new(watcher, signs), start + Duration::from_secs(second))
        };
        assert!((0..5).all(|second| !look(1, Some(7), second)));
        assert!(!look(1, Some(8), 5), "there is a sign");
        assert!((6..10).all(|second| !look(1, Some(8), second)));
        assert!(look(1, Some(8), 10));
        assert!(!look(2, Some(8), 11), "another one was faster");
        // Stopped for a minute: the other one may have given signs meanwhile.
        assert!((70..75).all(|second| !look(2, Some(8), second)));
        assert!(look(2, Some(8), 75));
        assert!(look(3, None, 76));
    }
}
