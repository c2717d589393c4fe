//! Who asks an endpoint, as far as there is room.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::places::{Occupant, Places};

/// Connections at the same time. Newcomers displace the oldest: of whoever has most, or of their own network.
const MOST: usize = 16;

/// Those who have a place.
#[derive(Debug)]
pub(super) struct Guests(Mutex<Rooms>);

#[derive(Debug)]
struct Rooms {
    places: Places<Place>,
    last: u64,
}

#[derive(Debug)]
struct Place {
    number: u64,
    displaced: CancellationToken,
}

impl Occupant for Place {
    type Readiness = Reverse<u64>;

    fn displaceable(held: &[Self]) -> Option<(Self::Readiness, usize)> {
        let all = held.iter().enumerate().map(|(index, place)| (Reverse(place.number), index));
        all.max()
    }
}

impl Default for Guests {
    fn default() -> Self {
        Self(Mutex::new(Rooms { places: Places::new(MOST), last: 0 }))
    }
}

impl Guests {
    /// Gives somebody a place, which is free again when the guest is dropped.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Guest {
        let displaced = CancellationToken::new();
        let mut rooms = self.rooms();
        rooms.last += 1;
        let number = rooms.last;
        // Everybody can be displaced, so there is always a place.
        if let Ok(Some(other)) = rooms.places.take(address, Place { number, displaced: displaced.clone() }) {
            other.displaced.cancel();
        }
        Guest { guests: self.clone(), address, number, displaced }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct Guest {
    guests: Arc<Guests>,
    address: IpAddr,
    number: u64,
    /// Cancelled when somebody else needs the place.
    pub(super) displaced: CancellationToken,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.rooms().places.free(self.address, |place| place.number == self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_displaces_its_own() {
        let guests = Arc::new(Guests::default());
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let prometheus = guests.admit(address(1));
        let flood: Vec<_> = (0..100).map(|_| guests.admit(address(2))).collect();
        assert!(!prometheus.displaced.is_cancelled());
        let stay = flood.iter().filter(|guest| !guest.displaced.is_cancelled()).count();
        assert_eq!(stay, MOST * 3 / 4, "a network has its part");
        assert!(!flood[99].displaced.is_cancelled(), "the newest one has a place");
        drop(flood);
        drop(prometheus);
        assert_eq!(guests.rooms().places.taken(), 0);
    }
}
