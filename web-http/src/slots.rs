//! Who may be connected: a slot for each connection, of which one network gets three quarters. Ours,
//! because limits that crates have count connections and know neither addresses nor who is idle.
//!
//! When they are taken, a newcomer gets the slot of one that can be displaced ([`Places`]). That is the
//! connection that has been idle for longest, or else the oldest stream of events, of the browser that has
//! most of them: it comes back by itself. So a flood displaces its own; any other request in work is never
//! displaced. Pure but for the lock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daemon_runtime::{Occupant, Places, customer_of, network_of};
use tokio_util::sync::CancellationToken;

/// The slots of all connections.
#[derive(Debug, Clone)]
pub(crate) struct Slots(Arc<Mutex<Taken>>);

/// One connection's slot, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    connection: Arc<Connection>,
}

/// A request in work, until it is dropped: its connection keeps its slot.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

/// Who has a slot.
#[derive(Debug)]
struct Connection {
    number: u64,
    address: IpAddr,
    came: Instant,
    displaced: CancellationToken,
    work: Mutex<Work>,
    /// When it went idle, in milliseconds since it came; 0 before its first request.
    idle_since_ms: AtomicU64,
}

/// A connection among those that have slots.
#[derive(Debug)]
struct Present(Arc<Connection>);

impl Deref for Present {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Idle,
    Request,
    /// A stream of events to a browser, which is a customer's.
    Stream(IpAddr),
}

#[derive(Debug)]
struct Taken {
    places: Places<Present>,
    last: u64,
}

impl Slots {
    /// So many.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(Taken { places: Places::new(most), last: 0 })))
    }

    /// A slot for a new connection; `None` where all are in work.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let mut taken = self.taken();
        taken.last += 1;
        let connection = Arc::new(Connection {
            number: taken.last,
            address,
            came: Instant::now(),
            displaced: CancellationToken::new(),
            work: Mutex::new(Work::Idle),
            idle_since_ms: AtomicU64::new(0),
        });
        if let Some(displaced) = taken.places.take(address, Present(connection.clone())).ok()? {
            displaced.displaced.cancel();
        }
        Some(Slot { slots: self.clone(), connection })
    }

    /// Ends the oldest stream of events of a browser whose requests come from `peer`; false where it has none.
    pub(crate) fn end_stream(&self, peer: IpAddr, browser: IpAddr) -> bool {
        let mut taken = self.taken();
        let stream = Work::Stream(customer_of(browser));
        let streams = taken.places.held(peer).iter().filter(|it| it.work() == stream);
        let Some(oldest) = streams.map(|it| it.number).min() else { return false };
        let ended = taken.places.free(peer, |it| it.number == oldest);
        ended.is_some_and(|it| {
            it.displaced.cancel();
            true
        })
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
        self.connection.work() != Work::Idle || self.connection.idle_since_ms.load(Ordering::Relaxed) > 0
    }

    /// Notes that a request is in work.
    pub(crate) fn busy(&self) -> Busy {
        self.connection.set(Work::Request);
        Busy(self.connection.clone())
    }
}

impl Busy {
    /// Notes that the answer is a stream of events to a browser, which may be ended; returns what tells its end.
    pub(crate) fn stream_to(&self, browser: IpAddr) -> CancellationToken {
        self.0.set(Work::Stream(customer_of(browser)));
        self.0.displaced.clone()
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.came.elapsed().as_millis().max(1);
        self.0.idle_since_ms.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.set(Work::Idle);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let Connection { address, number, .. } = *self.connection;
        // One that was displaced has none any more.
        let _ = self.slots.taken().places.free(address, |it| it.number == number);
    }
}

impl Connection {
    fn work(&self) -> Work {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, work: Work) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = work;
    }

    fn idle_since(&self) -> Instant {
        self.came + Duration::from_millis(self.idle_since_ms.load(Ordering::Relaxed))
    }
}

/// One that is idle, the longest first; else the oldest stream of the browser that has most.
impl Occupant for Present {
    /// Whether it has a stream, and since when it is idle or there.
    type Readiness = Reverse<(bool, Instant)>;

    fn displaceable(held: &[Self]) -> Option<(Self::Readiness, usize)> {
        let all = held.iter().enumerate();
        let idle = all.clone().filter(|(_, it)| it.work() == Work::Idle);
        if let Some((index, longest)) = idle.min_by_key(|(_, it)| (it.idle_since(), it.number)) {
            return Some((Reverse((false, longest.idle_since())), index));
        }
        let streams: Vec<_> = all
            .filter_map(|(index, it)| match it.work() {
                Work::Stream(browser) => Some((browser, index, it)),
                Work::Idle | Work::Request => None,
            })
            .collect();
        let (mut of_network, mut of_customer) = (HashMap::new(), HashMap::new());
        for (browser, ..) in &streams {
            *of_network.entry(network_of(*browser)).or_insert(0_usize) += 1;
            *of_customer.entry(*browser).or_insert(0_usize) += 1;
        }
        let has = |browser: &IpAddr| (of_network[&network_of(*browser)], of_customer[browser]);
        let oldest = streams.iter().max_by_key(|(browser, _, it)| (has(browser), Reverse(it.number)));
        oldest.map(|(_, index, it)| (Reverse((true, it.came)), *index))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn enter(slots: &Slots, address: &str) -> Option<Slot> {
        slots.take(address.parse().unwrap())
    }

    /// A connection with a stream of events to a browser.
    fn stream(slots: &Slots, peer: &str, browser: &str) -> Option<(Slot, Busy)> {
        let slot = enter(slots, peer)?;
        let busy = slot.busy();
        busy.stream_to(browser.parse().unwrap());
        Some((slot, busy))
    }

    fn stays(slot: &Slot) -> bool {
        !slot.connection.displaced.is_cancelled()
    }

    fn staying(streams: &[(Slot, Busy)]) -> usize {
        streams.iter().filter(|(slot, _)| stays(slot)).count()
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
        assert_eq!(taken.places.taken(), 0);
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

    #[test]
    fn two_addresses_full_of_streams_keep_nobody_out() {
        let slots = Slots::new(2_000);
        let open = |address: &str, count| -> Vec<_> {
            (0..count).map(|_| stream(&slots, address, address).unwrap()).collect()
        };
        let (first, second) = (open("10.0.0.1", 1_500), open("10.0.0.2", 500));
        let honest: Vec<_> =
            (1..=100).map(|host| enter(&slots, &format!("10.1.0.{host}")).unwrap()).collect();
        assert!(honest.iter().all(stays));
        assert_eq!((staying(&first), staying(&second)), (1_400, 500), "of who has most");
        assert!(first[..100].iter().all(|(slot, _)| !stays(slot)), "the oldest");
        let more = open("10.0.0.1", 200);
        assert_eq!((staying(&first), staying(&more), staying(&second)), (1_200, 200, 500), "its own");
        assert!(honest.iter().all(stays));
    }

    #[test]
    fn behind_a_proxy_streams_of_three_browsers_keep_nobody_out() {
        let slots = Slots::new(40);
        let browsers = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];
        let streams = browsers.map(|browser| -> Vec<_> {
            (0..10).map(|_| stream(&slots, "127.0.0.1", browser).unwrap()).collect()
        });
        let (_honest, _stream) = stream(&slots, "127.0.0.1", "203.0.113.5").unwrap();
        let others: Vec<_> = (0..9).map(|_| stream(&slots, "127.0.0.1", "198.51.100.1").unwrap()).collect();
        assert!(stays(&_honest), "who has one keeps it");
        assert_eq!(streams.iter().map(|held| staying(held)).sum::<usize>() + staying(&others), 29);
        assert!(slots.end_stream("127.0.0.1".parse().unwrap(), "203.0.113.5".parse().unwrap()));
        assert!(!stays(&_honest) && !slots.end_stream([127, 0, 0, 1].into(), [203, 0, 113, 5].into()));
    }

    #[test]
    fn a_network_of_many_customers_displaces_its_own() {
        let slots = Slots::new(100);
        let honest: Vec<_> =
            (0..6).map(|_| stream(&slots, "2001:db8:ffff::1", "2001:db8:ffff::1").unwrap()).collect();
        let enter_from = |subnet: u32| enter(&slots, &format!("2001:db8:0:{subnet:x}::1")).unwrap();
        let flood: Vec<_> = (0..3_000).map(enter_from).collect();
        assert_eq!(staying(&honest), 6, "though each of the others has only one");
        assert_eq!(flood.iter().filter(|slot| stays(slot)).count(), 75);
        // And also where the honest ones are idle.
        let (slots_only, _): (Vec<_>, Vec<_>) = honest.into_iter().unzip();
        let _more: Vec<_> = (3_000..4_000).map(enter_from).collect();
        assert!(slots_only.iter().all(stays));
    }
}
