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
pub(crate) struct Transit(Arc<Mutex<Pools>>);

#[derive(Debug)]
struct Pools {
    all: Pool,
    /// The part that is being received or written. What waits for its turn is no reason to take no step: only by
    /// such a step it comes to an end.
    moving: Pool,
}

/// What one connection has of it in one direction; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    transit: Transit,
    owner: Owner,
    bytes: usize,
    /// For messages that wait.
    waits: bool,
}

impl Transit {
    /// So many bytes for so many users.
    pub(crate) fn new(total: usize, users: usize) -> Transit {
        let [all, moving] = [(); 2].map(|()| Pool::new(total, users));
        Transit(Arc::new(Mutex::new(Pools { all, moving })))
    }

    /// Nothing yet, for what a connection of `owner` receives and writes.
    pub(crate) fn lease(&self, owner: &Owner) -> Lease {
        Lease { transit: self.clone(), owner: owner.clone(), bytes: 0, waits: false }
    }

    /// Nothing yet, for messages that wait for a connection of `owner`.
    pub(crate) fn waiting_lease(&self, owner: &Owner) -> Lease {
        let mut lease = self.lease(owner);
        lease.waits = true;
        lease
    }

    pub(super) fn divide(&self, total: usize, users: usize) {
        self.pools().all.divide(total, users);
    }

    pub(super) fn used_by(&self, owner: &Owner) -> usize {
        self.pools().all.used(owner)
    }

    pub(super) fn used(&self) -> usize {
        self.pools().all.owners().map(|(_, used)| used).sum()
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Has room for so many bytes from now on, more or fewer than before; `false`, and as many as before, if
    /// its owner may not have more.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        self.change(bytes, |pools, owner, _, more| pools.all.fits(owner, more))
    }

    /// The same for what has to get through. A single connection of an owner always has what it needs, all
    /// addresses being one owner, however much waits for it: no part is too small for a packet.
    pub(crate) fn hold_needed(&mut self, bytes: usize) -> bool {
        self.change(bytes, |pools, owner, has, more| {
            pools.all.fits(owner, more) || pools.moving.used_together(owner) == has
        })
    }

    fn change(&mut self, bytes: usize, fits: impl Fn(&Pools, &Owner, usize, usize) -> bool) -> bool {
        let wanted = bytes.saturating_sub(FREE).next_multiple_of(STEP);
        if wanted == self.bytes {
            return true;
        }
        let mut pools = self.transit.pools();
        if wanted > self.bytes && !fits(&pools, &self.owner, self.bytes, wanted - self.bytes) {
            return false;
        }
        let Pools { all, moving } = &mut *pools;
        for pool in std::iter::once(all).chain((!self.waits).then_some(moving)) {
            if wanted > self.bytes {
                pool.charge(&self.owner, wanted - self.bytes);
            } else {
                pool.credit(&self.owner, self.bytes - wanted);
            }
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

    #[test]
    fn what_waits_for_a_client_does_not_keep_it_from_getting_it() {
        let transit = Transit::new(640 * 1024, 4);
        let (mut waiting, mut connection) = (transit.waiting_lease(&user("r")), transit.lease(&user("r")));
        let all = (1..).take_while(|steps| waiting.hold(FREE + steps * STEP)).count();
        assert_eq!(all * STEP, (64 + 240) * 1024);
        assert!(!connection.hold(FREE + STEP) && connection.hold_needed(FREE + 65_000));
        assert!(connection.hold(0) && waiting.hold(0));
        assert_eq!(transit.used(), 0);
    }
}
