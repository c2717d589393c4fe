//! Who may be connected: slots for connections, of which one address gets three quarters. Ours,
//! because limits that crates have count connections and know neither addresses nor who is idle.
//!
//! When they are taken, a newcomer gets the slot of one that can be displaced, of who has most: first the
//! network, then the customer in it. That is the connection that has been idle for longest, or else the oldest
//! stream of events, of the browser that has most of them: it comes back by itself. So a flood displaces
//! its own; any other request in work is never displaced. Pure but for the lock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
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
    connection: Arc<Connection>,
}

/// A request in work, until it is dropped: its connection keeps its slot.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

/// Who has a slot.
#[derive(Debug)]
struct Connection {
    number: u64,
    holder: Holder,
    came: Instant,
    displaced: CancellationToken,
    work: Mutex<Work>,
    /// When it went idle, in milliseconds since it came; 0 before its first request.
    idle_since_ms: AtomicU64,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Idle,
    Request,
    /// A stream of events to a browser.
    Stream(Holder),
}

/// A network, and a customer in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Holder {
    network: Network,
    customer: Network,
}

#[derive(Debug)]
struct Taken {
    most: usize,
    most_of_address: usize,
    by_network: HashMap<Network, HashMap<Network, Vec<Arc<Connection>>>>,
    count: usize,
    last: u64,
}

/// The slots that one address may have of `most`.
pub(crate) fn most_of_address(most: usize) -> usize {
    (most - most / 4).max(1)
}

impl Holder {
    fn of(address: IpAddr) -> Self {
        Self { network: Network::of_site(address), customer: Network::of_customer(address) }
    }
}

impl Slots {
    /// So many.
    pub(crate) fn new(most: usize) -> Self {
        let (most, most_of_address) = (most.max(1), most_of_address(most));
        let by_network = HashMap::new();
        Self(Arc::new(Mutex::new(Taken { most, most_of_address, by_network, count: 0, last: 0 })))
    }

    /// A slot for a new connection; `None` where all are in work.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let holder = Holder::of(address);
        let mut taken = self.taken();
        if taken.of_network(holder.network) >= taken.most_of_address {
            taken.displace(Some(holder.network))?;
        } else if taken.count >= taken.most {
            taken.displace(None)?;
        }
        taken.last += 1;
        let connection = Arc::new(Connection {
            number: taken.last,
            holder,
            came: Instant::now(),
            displaced: CancellationToken::new(),
            work: Mutex::new(Work::Idle),
            idle_since_ms: AtomicU64::new(0),
        });
        taken.add(connection.clone());
        Some(Slot { slots: self.clone(), connection })
    }

    /// Ends the oldest stream of events of a browser whose requests come from `peer`; false where it has none.
    pub(crate) fn end_stream(&self, peer: IpAddr, browser: IpAddr) -> bool {
        let (peer, browser) = (Holder::of(peer), Holder::of(browser));
        let mut taken = self.taken();
        let held = taken.by_network.get(&peer.network).and_then(|network| network.get(&peer.customer));
        let streams = held.into_iter().flatten().filter(|it| it.work() == Work::Stream(browser));
        let Some(oldest) = streams.min_by_key(|it| it.number).cloned() else { return false };
        taken.remove(&oldest);
        oldest.displaced.cancel();
        true
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
        self.0.set(Work::Stream(Holder::of(browser)));
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
        self.slots.taken().remove(&self.connection);
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

impl Taken {
    fn of_network(&self, network: Network) -> usize {
        self.by_network.get(&network).map_or(0, |held| held.values().map(Vec::len).sum())
    }

    fn add(&mut self, connection: Arc<Connection>) {
        self.count += 1;
        let Holder { network, customer } = connection.holder;
        self.by_network.entry(network).or_default().entry(customer).or_default().push(connection);
    }

    /// Frees a slot that can be displaced: of this network, or of the one that has most slots.
    fn displace(&mut self, only: Option<Network>) -> Option<()> {
        let networks = self.by_network.iter().filter(|(of, _)| only.is_none_or(|only| only == **of));
        let found = networks.filter_map(|(_, customers)| {
            let all = customers.values().map(Vec::len).sum::<usize>();
            let found = customers.values().filter_map(|held| Some((held.len(), displaceable(held)?)));
            let (count, (idle, connection)) = found.max_by_key(|(count, (idle, _))| (*count, *idle))?;
            Some((all, count, idle, connection))
        });
        let (.., connection) = found.max_by_key(|(all, count, idle, _)| (*all, *count, *idle))?;
        self.remove(&connection);
        connection.displaced.cancel();
        Some(())
    }

    fn remove(&mut self, connection: &Connection) -> Option<()> {
        let Holder { network, customer } = connection.holder;
        let customers = self.by_network.get_mut(&network)?;
        let held = customers.get_mut(&customer)?;
        let index = held.iter().position(|it| it.number == connection.number)?;
        held.swap_remove(index);
        self.count -= 1;
        if held.is_empty() {
            customers.remove(&customer);
        }
        if customers.is_empty() {
            self.by_network.remove(&network);
        }
        Some(())
    }
}

/// How gladly a connection is displaced: whether it has a stream, and since when it is idle or there.
type Readiness = Reverse<(bool, Instant)>;

/// Which of one customer's connections can be displaced, and how gladly: one that is idle, the longest first;
/// else the oldest stream of the browser that has most.
fn displaceable(held: &[Arc<Connection>]) -> Option<(Readiness, Arc<Connection>)> {
    let idle = held.iter().filter(|it| it.work() == Work::Idle);
    if let Some(longest) = idle.min_by_key(|it| (it.idle_since(), it.number)) {
        return Some((Reverse((false, longest.idle_since())), longest.clone()));
    }
    let stream = |it: &Arc<Connection>| match it.work() {
        Work::Stream(browser) => Some((browser, it.clone())),
        Work::Idle | Work::Request => None,
    };
    let streams: Vec<(Holder, Arc<Connection>)> = held.iter().filter_map(stream).collect();
    let (mut of_network, mut of_customer) = (HashMap::new(), HashMap::new());
    for (browser, _) in &streams {
        *of_network.entry(browser.network).or_insert(0_usize) += 1;
        *of_customer.entry(browser.customer).or_insert(0_usize) += 1;
    }
    let has = |browser: &Holder| (of_network[&browser.network], of_customer[&browser.customer]);
    let (_, oldest) = streams.iter().max_by_key(|(browser, it)| (has(browser), Reverse(it.number)))?;
    Some((Reverse((true, oldest.came)), oldest.clone()))
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
        assert_eq!((taken.count, taken.by_network.len()), (0, 0));
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
