//! Who may be connected: slots for connections, of which one address gets three quarters. Ours,
//! because limits that crates have count connections and know neither addresses nor who is idle.
//!
//! When they are taken, a newcomer gets the slot of the connection that has been idle for longest,
//! of the address that has most of them. So a flood of connections that ask nothing, or ask slowly,
//! displaces its own; a request in work is never displaced. Pure but for the lock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::forwarded::Network;

/// The slots of all connections.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Mutex<Taken>>);

/// One connection's slot, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    address: Network,
    connection: Arc<Connection>,
}

/// A request in work, until it is dropped: its connection keeps its slot.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

/// Who has a slot.
#[derive(Debug)]
struct Connection {
    number: u64,
    came: Instant,
    displaced: CancellationToken,
    in_work: AtomicBool,
    /// When it went idle, in milliseconds since it came; 0 before its first request.
    idle_since_ms: AtomicU64,
}

#[derive(Debug)]
struct Taken {
    most: usize,
    most_of_address: usize,
    count: usize,
    by_address: HashMap<Network, Vec<Arc<Connection>>>,
    last: u64,
}

/// The slots that one address may have of `most`.
pub(crate) fn most_of_address(most: usize) -> usize {
    (most - most / 4).max(1)
}

impl Slots {
    /// So many.
    pub(crate) fn new(most: usize) -> Self {
        let (most, most_of_address) = (most.max(1), most_of_address(most));
        let by_address = HashMap::new();
        Self(Arc::new(Mutex::new(Taken { most, most_of_address, count: 0, by_address, last: 0 })))
    }

    /// A slot for a new connection; `None` where all are in work.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = Network::of_customer(address);
        let mut taken = self.taken();
        let of_address = taken.by_address.get(&address).map_or(0, Vec::len);
        if of_address >= taken.most_of_address {
            taken.displace(Some(address))?;
        } else if taken.count >= taken.most {
            taken.displace(None)?;
        }
        taken.last += 1;
        taken.count += 1;
        let connection = Arc::new(Connection {
            number: taken.last,
            came: Instant::now(),
            displaced: CancellationToken::new(),
            in_work: AtomicBool::new(false),
            idle_since_ms: AtomicU64::new(0),
        });
        taken.by_address.entry(address).or_default().push(connection.clone());
        Some(Slot { slots: self.clone(), address, connection })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Waits until another connection gets this slot.
    pub(crate) async fn displaced(&self) {
        self.connection.displaced.cancelled().await;
    }

    /// Whether it ever asked for anything.
    pub(crate) fn has_asked(&self) -> bool {
        self.connection.in_work.load(Ordering::Relaxed)
            || self.connection.idle_since_ms.load(Ordering::Relaxed) > 0
    }

    /// Notes that a request is in work.
    pub(crate) fn busy(&self) -> Busy {
        self.connection.in_work.store(true, Ordering::Relaxed);
        Busy(self.connection.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.came.elapsed().as_millis().max(1);
        self.0.idle_since_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.in_work.store(false, Ordering::Relaxed);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.taken().remove(self.address, self.connection.number);
    }
}

impl Connection {
    fn idle_since(&self) -> Option<Instant> {
        let idle = !self.in_work.load(Ordering::Relaxed);
        let since = Duration::from_millis(self.idle_since_ms.load(Ordering::Relaxed));
        idle.then(|| self.came + since)
    }
}

impl Taken {
    /// Frees the slot that has been idle for longest: of this address, or of the one that has
    /// most slots.
    fn displace(&mut self, address: Option<Network>) -> Option<()> {
        let longest_idle = |held: &Vec<Arc<Connection>>| {
            held.iter().filter_map(|it| Some((it.idle_since()?, it.number))).min()
        };
        let addresses = self.by_address.iter().filter(|(of, _)| address.is_none_or(|only| only == **of));
        let found = addresses.filter_map(|(of, held)| Some((held.len(), Reverse(longest_idle(held)?), *of)));
        let (_, Reverse((_, number)), of) = found.max_by_key(|(count, idle, _)| (*count, *idle))?;
        self.remove(of, number)?.displaced.cancel();
        Some(())
    }

    fn remove(&mut self, address: Network, number: u64) -> Option<Arc<Connection>> {
        let held = self.by_address.get_mut(&address)?;
        let index = held.iter().position(|connection| connection.number == number)?;
        let removed = held.swap_remove(index);
        self.count -= 1;
        if held.is_empty() {
            self.by_address.remove(&address);
        }
        Some(removed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn enter(slots: &Slots, address: &str) -> Option<Slot> {
        slots.take(address.parse().unwrap())
    }

    fn stays(slot: &Slot) -> bool {
        !slot.connection.displaced.is_cancelled()
    }

    #[test]
    fn a_flood_displaces_its_own_oldest() {
        let slots = Slots::new(8);
        let honest = enter(&slots, "10.0.0.1").unwrap();
        let flood: Vec<_> = (0..100).map(|_| enter(&slots, "10.0.0.2").unwrap()).collect();
        assert!(stays(&honest));
        assert_eq!(flood.iter().filter(|slot| stays(slot)).count(), 6, "three quarters");
        assert!(flood[94..].iter().all(stays), "the newest");
        drop((honest, flood));
        let taken = slots.taken();
        assert_eq!((taken.count, taken.by_address.len()), (0, 0));
    }

    #[test]
    fn many_addresses_do_not_displace_who_is_busy() {
        let slots = Slots::new(4);
        let busy = enter(&slots, "10.0.0.1").unwrap();
        let in_work = busy.busy();
        let flood: Vec<_> = (2..200).map(|host| enter(&slots, &format!("10.0.0.{host}")).unwrap()).collect();
        assert!(stays(&busy) && flood[195..].iter().all(stays));
        drop(in_work);
        assert!(busy.has_asked() && !flood[0].has_asked());
    }

    #[test]
    fn where_all_are_in_work_nobody_comes_in() {
        let slots = Slots::new(4);
        let busy: Vec<_> = (0..3).map(|_| enter(&slots, "10.0.0.1").unwrap()).collect();
        let in_work: Vec<_> = busy.iter().map(Slot::busy).collect();
        assert!(enter(&slots, "10.0.0.1").is_none(), "its address has three quarters");
        let other = enter(&slots, "10.0.0.2").unwrap();
        let other_in_work = other.busy();
        assert!(enter(&slots, "10.0.0.3").is_none());
        drop((in_work, other_in_work));
        assert!(enter(&slots, "10.0.0.3").is_some());
        assert!(!stays(&busy[0]) && busy[1..].iter().all(stays) && stays(&other));
    }
}
