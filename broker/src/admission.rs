//! Who may connect: places for clients, and for those who have not said yet who they are.
//!
//! A connection is *half-open* until its CONNECT is accepted. It needs no permission for that:
//! when all half-open places are taken, a newcomer displaces the connection that has been half-open
//! for longest, of the address that has most of them. So a flood of connections that say nothing
//! displaces its own, while a client that means it needs its place for milliseconds.
//!
//! Clients have places of their own, of which one address gets only so many: it can keep others
//! from connecting only together with more addresses. Pure but for the lock.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_users::network;
use tokio_util::sync::CancellationToken;

use crate::settings::MqttSettings;

/// The places of all connections.
#[derive(Debug, Clone)]
pub(crate) struct Admission(Arc<Mutex<Slots>>);

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    admission: Admission,
    address: IpAddr,
    number: u64,
    displaced: CancellationToken,
    is_client: bool,
}

/// Why a connection does not get a client's place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSlot {
    #[error("there are as many clients as [mqtt] max_connections allows")]
    Taken,
    #[error("its address has as many clients as [mqtt] max_connections_per_address allows")]
    TakenByAddress,
    #[error("displaced: too many connections have not sent a CONNECT yet")]
    Displaced,
}

#[derive(Debug)]
struct Slots {
    max_clients: usize,
    max_clients_per_address: usize,
    max_half_open: usize,
    clients: usize,
    half_open: usize,
    by_address: HashMap<IpAddr, Address>,
    last: u64,
}

/// What one address holds.
#[derive(Debug, Default)]
struct Address {
    clients: usize,
    /// Oldest first.
    half_open: VecDeque<(u64, CancellationToken)>,
}

impl Admission {
    pub(crate) fn new(settings: &MqttSettings) -> Admission {
        let per_address = settings.max_connections_per_address;
        Admission(Arc::new(Mutex::new(Slots {
            max_clients: settings.max_connections,
            max_clients_per_address: if per_address == 0 { usize::MAX } else { per_address },
            // One that may come in, whatever else is there.
            max_half_open: settings.max_half_open.max(1),
            clients: 0,
            half_open: 0,
            by_address: HashMap::new(),
            last: 0,
        })))
    }

    /// A half-open place for a new connection.
    pub(crate) fn enter(&self, address: IpAddr) -> Slot {
        let address = network(address);
        let mut places = self.places();
        if places.half_open >= places.max_half_open {
            places.displace();
        }
        places.last += 1;
        let (number, displaced) = (places.last, CancellationToken::new());
        let held = places.by_address.entry(address).or_default();
        held.half_open.push_back((number, displaced.clone()));
        places.half_open += 1;
        Slot { admission: self.clone(), address, number, displaced, is_client: false }
    }

    /// From now on as many as these settings say; who is in stays.
    pub(crate) fn adopt(&self, settings: &MqttSettings) {
        let mut places = self.places();
        let per_address = settings.max_connections_per_address;
        places.max_clients = settings.max_connections;
        places.max_clients_per_address = if per_address == 0 { usize::MAX } else { per_address };
        places.max_half_open = settings.max_half_open.max(1);
    }

    fn places(&self) -> MutexGuard<'_, Slots> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Waits until another connection gets this one's half-open place.
    pub(crate) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }

    /// Takes a client's place for the half-open one.
    pub(crate) fn become_client(&mut self) -> Result<(), NoSlot> {
        let mut places = self.admission.places();
        if self.displaced.is_cancelled() {
            return Err(NoSlot::Displaced);
        }
        if places.clients >= places.max_clients {
            return Err(NoSlot::Taken);
        }
        let per_address = places.max_clients_per_address;
        let held = places.by_address.entry(self.address).or_default();
        if held.clients >= per_address {
            return Err(NoSlot::TakenByAddress);
        }
        held.clients += 1;
        held.half_open.retain(|(number, _)| *number != self.number);
        places.half_open -= 1;
        places.clients += 1;
        self.is_client = true;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut places = self.admission.places();
        let Some(held) = places.by_address.get_mut(&self.address) else {
            return;
        };
        let before = held.half_open.len();
        if self.is_client {
            held.clients -= 1;
        } else {
            held.half_open.retain(|(number, _)| *number != self.number);
        }
        let gone = before - held.half_open.len();
        if held.is_empty() {
            places.by_address.remove(&self.address);
        }
        places.half_open -= gone;
        places.clients -= usize::from(self.is_client);
    }
}

impl Slots {
    /// Takes the oldest half-open place from the address that has most of them.
    fn displace(&mut self) {
        let Some((address, held)) = self.by_address.iter_mut().max_by_key(|(_, held)| held.half_open.len())
        else {
            return;
        };
        if let Some((_, displaced)) = held.half_open.pop_front() {
            displaced.cancel();
            self.half_open -= 1;
        }
        if held.is_empty() {
            let address = *address;
            self.by_address.remove(&address);
        }
    }
}

impl Address {
    fn is_empty(&self) -> bool {
        self.clients == 0 && self.half_open.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn admission(max_connections: usize, per_address: usize, max_half_open: usize) -> Admission {
        let mut settings = MqttSettings { max_connections, max_half_open, ..MqttSettings::default() };
        settings.max_connections_per_address = per_address;
        Admission::new(&settings)
    }

    fn enter(admission: &Admission, address: &str) -> Slot {
        admission.enter(address.parse().unwrap())
    }

    #[test]
    fn a_flood_displaces_its_own_oldest() {
        let admission = admission(10, 0, 4);
        let mut honest = enter(&admission, "10.0.0.1");
        let flood: Vec<_> = (0..100).map(|_| enter(&admission, "10.0.0.2")).collect();
        assert!(flood[..97].iter().all(|place| place.displaced.is_cancelled()));
        assert!(flood[97..].iter().all(|place| !place.displaced.is_cancelled()));
        assert_eq!(honest.become_client(), Ok(()));
        drop(flood);
        let places = admission.places();
        assert_eq!((places.clients, places.half_open, places.by_address.len()), (1, 0, 1));
        drop(places);
    }

    #[test]
    fn who_was_displaced_is_no_client() {
        let admission = admission(10, 0, 1);
        let mut late = enter(&admission, "10.0.0.1");
        let mut next = enter(&admission, "10.0.0.2");
        assert_eq!(late.become_client(), Err(NoSlot::Displaced));
        assert_eq!(next.become_client(), Ok(()));
        drop((late, next));
        let places = admission.places();
        assert_eq!((places.clients, places.half_open, places.by_address.len()), (0, 0, 0));
    }

    #[test]
    fn one_address_does_not_get_all_clients_places() {
        let admission = admission(3, 2, 10);
        let mut places: Vec<_> = (0..3).map(|_| enter(&admission, "2001:db8::1")).collect();
        let taken: Vec<_> = places.iter_mut().map(Slot::become_client).collect();
        assert_eq!(taken, [Ok(()), Ok(()), Err(NoSlot::TakenByAddress)]);
        // The same customer with another of his many addresses.
        assert_eq!(enter(&admission, "2001:db8::2").become_client(), Err(NoSlot::TakenByAddress));
        let mut other = enter(&admission, "2001:db8:0:1::1");
        assert_eq!(other.become_client(), Ok(()));
        assert_eq!(enter(&admission, "10.0.0.1").become_client(), Err(NoSlot::Taken));
        drop(other);
        assert_eq!(enter(&admission, "10.0.0.1").become_client(), Ok(()));
    }
}
