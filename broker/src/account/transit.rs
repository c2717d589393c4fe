//! What is on its way between clients and the exchange. Shared by all connections, which are tasks of their
//! own, so this part of the account has a lock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::account::Owner;
use crate::account::pool::Pool;

/// Bytes that each connection may hold in either direction, whatever its owner has: what a connection costs
/// anyway. There are no more of them than places for connections.
const FREE: usize = 16 * 1024;
/// More is taken and given back in steps, so that the lock is not asked for each message.
const STEP: usize = 16 * 1024;

/// Bytes of packets that are received or written, and of messages of QoS 0 that wait for their client: divided
/// as everything kept is.
#[derive(Debug, Clone)]
pub(crate) struct Transit(Arc<Mutex<Pool>>);

/// What one connection has of it in one direction; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    transit: Transit,
    owner: Owner,
    bytes: usize,
}

impl Transit {
    /// So many bytes for so many users.
    pub(crate) fn new(total: usize, users: usize) -> Transit {
        Transit(Arc::new(Mutex::new(Pool::new(total, users))))
    }

    /// Nothing yet, for a connection of `owner`.
    pub(crate) fn lease(&self, owner: &Owner) -> Lease {
        Lease { transit: self.clone(), owner: owner.clone(), bytes: 0 }
    }

    pub(super) fn divide(&self, total: usize, users: usize) {
        self.pool().divide(total, users);
    }

    pub(super) fn used_by(&self, owner: &Owner) -> usize {
        self.pool().used(owner)
    }

    pub(super) fn used(&self) -> usize {
        self.pool().owners().map(|(_, used)| used).sum()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Has room for so many bytes from now on, more or fewer than before; `false`, and as many as before, if
    /// its owner may not have more.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        self.change(bytes, |pool, owner, _, more| pool.fits(owner, more))
    }

    /// The same for what has to get through. A single connection of an owner always has what it needs, all
    /// addresses being one owner: no part is too small for a packet.
    pub(crate) fn hold_needed(&mut self, bytes: usize) -> bool {
        self.change(bytes, |pool, owner, has, more| {
            pool.fits(owner, more) || pool.used_together(owner) == has
        })
    }

    fn change(&mut self, bytes: usize, fits: impl Fn(&Pool, &Owner, usize, usize) -> bool) -> bool {
        let wanted = bytes.saturating_sub(FREE).next_multiple_of(STEP);
        if wanted == self.bytes {
            return true;
        }
        let mut pool = self.transit.pool();
        if wanted < self.bytes {
            pool.credit(&self.owner, self.bytes - wanted);
        } else if fits(&pool, &self.owner, self.bytes, wanted - self.bytes) {
            pool.charge(&self.owner, wanted - self.bytes);
        } else {
            return false;
        }
        self.bytes = wanted;
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn user(name: &str) -> Owner {
        Owner::User(name.into())
    }

    /// With four users a tenth is 64 KiB, and 320 KiB are shared.
    #[test]
    fn who_has_much_on_the_way_leaves_the_others_theirs() {
        let transit = Transit::new(640 * 1024, 4);
        let mut greedy: Vec<_> = (0..100).map(|_| transit.lease(&user("greedy"))).collect();
        assert!(greedy.iter_mut().all(|lease| lease.hold(FREE)), "what a connection costs anyway");
        assert_eq!(transit.used(), 0);
        let more = greedy.iter_mut().filter_map(|lease| lease.hold(FREE + 1).then_some(())).count();
        assert_eq!(more * STEP, (64 + 240) * 1024);
        let mut honest = transit.lease(&user("honest"));
        assert!(honest.hold(FREE + 64 * 1024));
        // It has what it had, and can have it again once it was given back.
        assert!(!greedy[0].hold(FREE + 2 * STEP) && greedy[0].hold(FREE + STEP));
        assert!(greedy[0].hold(10) && greedy[99].hold(FREE + STEP) && !greedy[0].hold(FREE + STEP));
        // However little there is, one connection gets on.
        let [mut single, mut other] = [(); 2].map(|()| transit.lease(&user("single")));
        assert!(!single.hold(FREE + 1_000_000) && single.hold_needed(FREE + 1_000_000));
        assert!(!other.hold_needed(FREE + 1_000_000));
        drop((greedy, honest, single));
        assert_eq!((transit.used(), transit.used_by(&user("greedy"))), (0, 0));
    }
}
