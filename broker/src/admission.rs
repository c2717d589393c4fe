//! Who may connect: places for clients, and for those who have not said yet who they are.
//!
//! A connection is *half-open* until its CONNECT is accepted, also while it shakes hands by TLS or WebSocket.
//! It needs no permission for that: when all half-open places are taken, a newcomer displaces the connection
//! that has been half-open for longest, of the network that has most of them ([`Places`]). So a flood of
//! connections that say nothing displaces its own. Who has said who it is waits for its login in a place of another
//! kind, of which there are as many: those who say nothing do not displace it, from however many networks they come.
//!
//! Clients have places of their own, of which one network gets only so many: it can keep others
//! from connecting only together with more networks. Pure but for the lock.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daemon_runtime::{Occupant, Places, network_of};
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
    stage: Stage,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    HalfOpen,
    LoggingIn,
    Client,
}

/// Why a connection does not get a client's place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoSlot {
    #[error("there are as many clients as [mqtt] max_connections allows")]
    Taken,
    #[error("its network has as many clients as [mqtt] max_connections_per_address allows")]
    TakenByNetwork,
    #[error("displaced: too many connections have not sent a CONNECT yet, or wait for their login")]
    Displaced,
}

#[derive(Debug)]
struct Slots {
    max_clients: usize,
    max_clients_per_network: usize,
    half_open: Places<Waiting>,
    logging_in: Places<Waiting>,
    clients: usize,
    clients_of: HashMap<IpAddr, usize>,
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    displaced: CancellationToken,
}

/// The longest first.
impl Occupant for Waiting {
    type Readiness = Reverse<u64>;

    fn displaceable(held: &[Self]) -> Option<(Self::Readiness, usize)> {
        held.iter().enumerate().map(|(index, waiting)| (Reverse(waiting.number), index)).max()
    }
}

impl Admission {
    pub(crate) fn new(settings: &MqttSettings) -> Admission {
        Admission(Arc::new(Mutex::new(Slots {
            max_clients: settings.max_connections,
            max_clients_per_network: most_of_network(settings),
            half_open: Places::new(settings.max_half_open),
            logging_in: Places::new(settings.max_half_open),
            clients: 0,
            clients_of: HashMap::new(),
            last: 0,
        })))
    }

    /// A half-open place for a new connection.
    pub(crate) fn enter(&self, address: IpAddr) -> Slot {
        let mut places = self.places();
        places.last += 1;
        let number = places.last;
        let displaced = places.half_open.enter(address, number);
        Slot { admission: self.clone(), address, number, displaced, stage: Stage::HalfOpen }
    }

    /// From now on as many as these settings say; who is in stays.
    pub(crate) fn adopt(&self, settings: &MqttSettings) {
        let mut places = self.places();
        places.max_clients = settings.max_connections;
        places.max_clients_per_network = most_of_network(settings);
        places.half_open.resize(settings.max_half_open);
        places.logging_in.resize(settings.max_half_open);
    }

    fn places(&self) -> MutexGuard<'_, Slots> {
        // Nothing here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn most_of_network(settings: &MqttSettings) -> usize {
    match settings.max_connections_per_address {
        0 => usize::MAX,
        most => most,
    }
}

/// Taking and leaving such a place.
trait WaitingPlaces {
    fn enter(&mut self, address: IpAddr, number: u64) -> CancellationToken;
    fn leave(&mut self, address: IpAddr, number: u64);
}

impl WaitingPlaces for Places<Waiting> {
    /// Displaces another one if there is no place left; what is returned tells when this one is.
    fn enter(&mut self, address: IpAddr, number: u64) -> CancellationToken {
        let displaced = CancellationToken::new();
        // Each of them can be displaced.
        if let Ok(Some(other)) = self.take(address, Waiting { number, displaced: displaced.clone() }) {
            other.displaced.cancel();
        }
        displaced
    }

    /// One that was displaced has no place any more.
    fn leave(&mut self, address: IpAddr, number: u64) {
        self.free(address, |waiting| waiting.number == number);
    }
}

impl Slots {
    /// Leaves the place of a connection that has come so far.
    fn leave(&mut self, slot: (IpAddr, u64), stage: Stage) {
        match stage {
            Stage::HalfOpen => self.half_open.leave(slot.0, slot.1),
            Stage::LoggingIn => self.logging_in.leave(slot.0, slot.1),
            Stage::Client => self.leave_as_client(slot.0),
        }
    }

    fn leave_as_client(&mut self, address: IpAddr) {
        self.clients -= 1;
        let network = network_of(address);
        if let Some(clients) = self.clients_of.get_mut(&network) {
            *clients -= 1;
            if *clients == 0 {
                self.clients_of.remove(&network);
            }
        }
    }
}

impl Slot {
    /// Waits until another connection gets this one's place.
    pub(crate) async fn displaced(&self) {
        self.displaced.cancelled().await;
    }

    /// Takes a place among those who wait for their login: the CONNECT has come, if only just in time.
    pub(crate) fn log_in(&mut self) {
        let mut places = self.admission.places();
        places.leave((self.address, self.number), self.stage);
        self.displaced = places.logging_in.enter(self.address, self.number);
        self.stage = Stage::LoggingIn;
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
        let network = network_of(self.address);
        if places.clients_of.get(&network).is_some_and(|clients| *clients >= places.max_clients_per_network) {
            return Err(NoSlot::TakenByNetwork);
        }
        places.leave((self.address, self.number), self.stage);
        *places.clients_of.entry(network).or_default() += 1;
        places.clients += 1;
        self.stage = Stage::Client;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.admission.places().leave((self.address, self.number), self.stage);
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
        assert_eq!((places.clients, places.half_open.taken(), places.clients_of.len()), (1, 0, 1));
        drop(places);
    }

    #[test]
    fn whoever_says_nothing_displaces_nobody_who_logs_in() {
        let admission = admission(10, 0, 4);
        let mut honest = enter(&admission, "10.0.0.1");
        honest.log_in();
        let mut late = enter(&admission, "10.0.0.1");
        // Each from a network of its own.
        let flood: Vec<_> = (0..100).map(|number| enter(&admission, &format!("10.1.{number}.1"))).collect();
        assert!(late.displaced.is_cancelled());
        // Its CONNECT was there already.
        late.log_in();
        assert_eq!([honest.become_client(), late.become_client()], [Ok(()), Ok(())]);
        drop((flood, honest, late));
        let places = admission.places();
        assert_eq!((places.half_open.taken(), places.logging_in.taken(), places.clients), (0, 0, 0));
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
        assert_eq!((places.clients, places.half_open.taken(), places.clients_of.len()), (0, 0, 0));
    }

    #[test]
    fn one_network_does_not_get_all_clients_places() {
        let admission = admission(3, 2, 10);
        let mut places: Vec<_> = (0..3).map(|_| enter(&admission, "2001:db8::1")).collect();
        let taken: Vec<_> = places.iter_mut().map(Slot::become_client).collect();
        assert_eq!(taken, [Ok(()), Ok(()), Err(NoSlot::TakenByNetwork)]);
        // The same customer with others of his many addresses.
        for address in ["2001:db8::2", "2001:db8:0:1::1"] {
            assert_eq!(enter(&admission, address).become_client(), Err(NoSlot::TakenByNetwork));
        }
        let mut other = enter(&admission, "2001:db8:1::1");
        assert_eq!(other.become_client(), Ok(()));
        assert_eq!(enter(&admission, "10.0.0.1").become_client(), Err(NoSlot::Taken));
        drop(other);
        assert_eq!(enter(&admission, "10.0.0.1").become_client(), Ok(()));
    }

    /// As many as fit into ten seconds at 2,700 a second, each from another /64.
    #[test]
    fn a_network_of_many_addresses_displaces_its_own() {
        let admission = admission(10, 0, 200);
        let mut honest: Vec<_> =
            (0..20).map(|host| enter(&admission, &format!("2001:db8:ffff:{host:x}::1"))).collect();
        let mut flood = Vec::new();
        for number in 0..27_000 {
            flood.push(enter(&admission, &format!("2001:db8:0:{number:x}::1")));
        }
        assert_eq!(flood.iter().filter(|place| !place.displaced.is_cancelled()).count(), 150);
        let admitted = honest.iter_mut().map(Slot::become_client).take_while(Result::is_ok).count();
        assert_eq!(admitted, 10, "as many as there are places for clients");
    }
}
