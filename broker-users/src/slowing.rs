//! Slows logins down, address by address. Pure: time is an argument.
//!
//! The more logins of an address have failed, the longer its next password waits to be checked, or
//! the address is told when to try again; and its passwords are checked one at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// How many addresses are remembered.
const ADDRESSES: usize = 4_096;
/// How many logins of one address may wait.
const WAITING: usize = 64;
/// How many failures have no consequence: everybody mistypes.
const FREE: u32 = 3;
/// From how many failures on an address is refused, if that is how it is slowed down.
const TURNED_AWAY_FROM: u32 = 10;
/// More failures than this are not counted, so that they expire some day.
const MOST: u32 = 20;
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// The time after which one failure expires.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30);

/// What is known of the addresses that logged in lately.
#[derive(Debug, Default)]
pub(super) struct Slowing {
    addresses: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    failures: u32,
    counted_at: Instant,
    waiting: usize,
    turn: Arc<Mutex<()>>,
}

impl Slowing {
    /// The lock to wait for; `None` if too many wait already. Each must be followed by a
    /// [`leave`](Slowing::leave).
    pub(super) fn enter(&mut self, address: IpAddr, now: Instant) -> Option<Arc<Mutex<()>>> {
        if !self.addresses.contains_key(&address) && self.addresses.len() >= ADDRESSES {
            self.forget_one(now);
        }
        let known = self.addresses.entry(address).or_insert_with(|| Address {
            failures: 0,
            counted_at: now,
            waiting: 0,
            turn: Arc::default(),
        });
        if known.waiting >= WAITING {
            return None;
        }
        known.waiting += 1;
        Some(Arc::clone(&known.turn))
    }

    /// How long the address still has to wait once it has the lock.
    pub(super) fn pause(&mut self, address: IpAddr, now: Instant) -> Duration {
        let Some(known) = self.addresses.get_mut(&address) else { return Duration::ZERO };
        known.forgive(now);
        match known.failures.checked_sub(FREE) {
            None | Some(0) => Duration::ZERO,
            Some(counted) => (SHORTEST * 2u32.pow(counted - 1)).min(LONGEST),
        }
    }

    /// For how long the address is refused, if it is.
    pub(super) fn turned_away_for(&mut self, address: IpAddr, now: Instant) -> Option<Duration> {
        let known = self.addresses.get_mut(&address)?;
        known.forgive(now);
        let since = now.duration_since(known.counted_at);
        (known.failures >= TURNED_AWAY_FROM).then(|| FORGIVEN_AFTER.saturating_sub(since))
    }

    /// Whether the address has no failures.
    pub(super) fn is_trusted(&self, address: IpAddr) -> bool {
        self.addresses.get(&address).is_none_or(|known| known.failures == 0)
    }

    /// Notes the result of a login.
    pub(super) fn leave(&mut self, address: IpAddr, failed: bool, now: Instant) {
        let Some(known) = self.addresses.get_mut(&address) else { return };
        known.waiting = known.waiting.saturating_sub(1);
        known.forgive(now);
        if failed {
            known.failures = (known.failures + 1).min(MOST);
        }
        if known.waiting == 0 && known.failures == 0 {
            self.addresses.remove(&address);
        }
    }

    /// Makes room by forgetting the address with the fewest failures.
    fn forget_one(&mut self, now: Instant) {
        self.addresses.values_mut().for_each(|known| known.forgive(now));
        let least = self.addresses.iter().min_by_key(|(_, known)| (known.waiting, known.failures));
        if let Some(address) = least.map(|(address, _)| *address) {
            self.addresses.remove(&address);
        }
    }
}

impl Address {
    fn forgive(&mut self, now: Instant) {
        let forgiven = now.duration_since(self.counted_at).as_secs() / FORGIVEN_AFTER.as_secs();
        if self.failures == 0 {
            self.counted_at = now;
        } else if forgiven > 0 {
            self.failures = self.failures.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
            self.counted_at = now;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fail(slowing: &mut Slowing, address: IpAddr, now: Instant) {
        slowing.enter(address, now).unwrap();
        slowing.leave(address, true, now);
    }

    #[test]
    fn pauses_grow_with_failures_and_are_forgiven() {
        let (mut slowing, now) = (Slowing::default(), Instant::now());
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let mut pauses = Vec::new();
        for _ in 0..30 {
            pauses.push(slowing.pause(one, now));
            fail(&mut slowing, one, now);
        }
        assert_eq!(pauses[..4], [Duration::ZERO; 4]);
        assert_eq!(pauses[4..7], [100, 200, 400].map(Duration::from_millis));
        assert_eq!(pauses[29], LONGEST);
        assert_eq!(slowing.pause(other, now), Duration::ZERO);
        let later = now + FORGIVEN_AFTER * MOST;
        assert_eq!(slowing.pause(one, later), Duration::ZERO);
        slowing.enter(one, later).unwrap();
        slowing.leave(one, false, later);
        assert!(slowing.addresses.is_empty());
    }

    #[test]
    fn who_failed_too_often_is_turned_away_until_one_failure_is_forgiven() {
        let (mut slowing, now) = (Slowing::default(), Instant::now());
        let (one, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert!(slowing.is_trusted(one));
        for _ in 0..TURNED_AWAY_FROM {
            assert_eq!(slowing.turned_away_for(one, now), None);
            fail(&mut slowing, one, now);
        }
        assert_eq!(slowing.turned_away_for(one, now), Some(FORGIVEN_AFTER));
        let soon = now + Duration::from_secs(10);
        assert_eq!(slowing.turned_away_for(one, soon), Some(FORGIVEN_AFTER - Duration::from_secs(10)));
        assert_eq!(slowing.turned_away_for(one, now + FORGIVEN_AFTER), None);
        assert_eq!(slowing.turned_away_for(other, now), None);
        assert!(!slowing.is_trusted(one) && slowing.is_trusted(other));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut slowing, now) = (Slowing::default(), Instant::now());
        let guilty = "10.1.0.1".parse().unwrap();
        for _ in 0..10 {
            fail(&mut slowing, guilty, now);
        }
        for n in 0..10_000u32 {
            fail(&mut slowing, IpAddr::from(n.to_be_bytes()), now);
        }
        assert_eq!(slowing.addresses.len(), ADDRESSES);
        assert!(slowing.pause(guilty, now) > Duration::ZERO);
        let waiting = (0..100).filter(|_| slowing.enter(guilty, now).is_some()).count();
        assert_eq!(waiting, WAITING);
    }
}
