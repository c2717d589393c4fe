//! Places for connections, of which every network gets its part. Pure.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// What one customer of a provider usually has: an IPv4 address, or 64 bits of IPv6.
pub fn customer_of(address: IpAddr) -> IpAddr {
    bits_of(address, 64)
}

/// What one customer can have at most: an IPv4 address, or 48 bits of IPv6, in which there are as many of
/// 64 bits as anybody likes.
pub fn network_of(address: IpAddr) -> IpAddr {
    bits_of(address, 48)
}

fn bits_of(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - bits))).into(),
        v4 => v4,
    }
}

/// Who has a place.
pub trait Occupant: Sized {
    /// How gladly one is displaced.
    type Readiness: Ord;

    /// Which of one customer's can best be displaced, if one can, and how gladly.
    fn displaceable(held: &[Self]) -> Option<(Self::Readiness, usize)>;
}

/// There is no place, and nobody can be displaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all places are taken")]
pub struct NoPlace;

/// A limited number of places, of which one network gets three quarters.
///
/// When they are taken, or a network has its three quarters, a newcomer gets the place of one that can be
/// displaced: of the network that has most, or of its own, and there of the customer that has most. So a
/// flood displaces its own, from however many addresses of its network it comes.
#[derive(Debug)]
pub struct Places<T> {
    most: usize,
    count: usize,
    by_network: HashMap<IpAddr, HashMap<IpAddr, Vec<T>>>,
}

impl<T: Occupant> Places<T> {
    /// So many places, at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), count: 0, by_network: HashMap::new() }
    }

    /// From now on so many; who has one keeps it.
    pub fn resize(&mut self, most: usize) {
        self.most = most.max(1);
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.count
    }

    /// Gives a newcomer from `address` a place; returns who was displaced for it.
    ///
    /// # Errors
    /// If nobody can be displaced.
    pub fn take(&mut self, address: IpAddr, newcomer: T) -> Result<Option<T>, NoPlace> {
        let network = network_of(address);
        let held =
            self.by_network.get(&network).map_or(0, |customers| customers.values().map(Vec::len).sum());
        let displaced = if held >= most_of_network(self.most) {
            Some(self.displace(Some(network)).ok_or(NoPlace)?)
        } else if self.count >= self.most {
            Some(self.displace(None).ok_or(NoPlace)?)
        } else {
            None
        };
        let customers = self.by_network.entry(network).or_default();
        customers.entry(customer_of(address)).or_default().push(newcomer);
        self.count += 1;
        Ok(displaced)
    }

    /// All that the customer at `address` has.
    pub fn held(&self, address: IpAddr) -> &[T] {
        let customers = self.by_network.get(&network_of(address));
        customers.and_then(|customers| customers.get(&customer_of(address))).map_or(&[], Vec::as_slice)
    }

    /// Frees a place of the customer at `address`; `None` if it was freed before.
    pub fn free(&mut self, address: IpAddr, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let index = self.held(address).iter().position(is_it)?;
        self.remove(network_of(address), customer_of(address), index)
    }

    /// Frees a place: of this network, or of the one that has most.
    fn displace(&mut self, only: Option<IpAddr>) -> Option<T> {
        let networks = self.by_network.iter().filter(|(of, _)| only.is_none_or(|only| only == **of));
        let found = networks.filter_map(|(network, customers)| {
            let all = customers.values().map(Vec::len).sum::<usize>();
            let found = customers.iter().filter_map(|(customer, held)| {
                let (readiness, index) = T::displaceable(held)?;
                Some(((held.len(), readiness), (*customer, index)))
            });
            let ((count, readiness), (customer, index)) = found.max_by(|one, other| one.0.cmp(&other.0))?;
            Some(((all, count, readiness), (*network, customer, index)))
        });
        let (_, (network, customer, index)) = found.max_by(|one, other| one.0.cmp(&other.0))?;
        self.remove(network, customer, index)
    }

    fn remove(&mut self, network: IpAddr, customer: IpAddr, index: usize) -> Option<T> {
        let customers = self.by_network.get_mut(&network)?;
        let held = customers.get_mut(&customer)?;
        let removed = held.swap_remove(index);
        self.count -= 1;
        if held.is_empty() {
            customers.remove(&customer);
        }
        if customers.is_empty() {
            self.by_network.remove(&network);
        }
        Some(removed)
    }
}

/// The places that one network may have of `most`.
pub fn most_of_network(most: usize) -> usize {
    (most - most / 4).max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    /// Comes one after the other, and can be displaced unless it is busy.
    #[derive(Debug, PartialEq, Eq)]
    struct Visitor(u32, bool);

    impl Occupant for Visitor {
        type Readiness = Reverse<u32>;

        fn displaceable(held: &[Self]) -> Option<(Self::Readiness, usize)> {
            let idle = held.iter().enumerate().filter(|(_, visitor)| !visitor.1);
            idle.map(|(index, visitor)| (Reverse(visitor.0), index)).max()
        }
    }

    fn take(places: &mut Places<Visitor>, address: &str, number: u32) -> Option<u32> {
        places.take(address.parse().unwrap(), Visitor(number, false)).unwrap().map(|visitor| visitor.0)
    }

    #[test]
    fn a_network_is_what_one_customer_can_have() {
        for (address, customer, network) in [
            ("10.1.2.3", "10.1.2.3", "10.1.2.3"),
            ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.3"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(customer_of(address).to_string(), customer);
            assert_eq!(network_of(address).to_string(), network);
        }
    }

    #[test]
    fn a_network_displaces_its_own_from_however_many_addresses() {
        let mut places = Places::new(8);
        for number in 0..2 {
            assert_eq!(take(&mut places, "2001:db8:ffff::1", number), None);
        }
        let displaced: Vec<_> = (2..100)
            .filter_map(|number| take(&mut places, &format!("2001:db8:0:{number:x}::1"), number))
            .collect();
        assert_eq!(displaced, (2..94).collect::<Vec<_>>(), "its own, the oldest first");
        // Others displace whoever has most, and there the customer that has most.
        assert_eq!(take(&mut places, "2001:db8:0:63::1", 100), Some(94));
        assert_eq!(take(&mut places, "10.0.0.1", 101), Some(99));
        assert_eq!(places.taken(), 8);
    }

    #[test]
    fn who_is_busy_is_not_displaced() {
        let mut places = Places::new(2);
        let address = |host| IpAddr::from([10, 0, 0, host]);
        places.take(address(1), Visitor(1, true)).unwrap();
        assert_eq!(take(&mut places, "10.0.0.2", 2), None);
        assert_eq!(take(&mut places, "10.0.0.3", 3), Some(2));
        assert_eq!(places.free(address(2), |_| true), None, "it was displaced");
        assert_eq!(places.free(address(3), |visitor| visitor.0 == 3), Some(Visitor(3, false)));
        places.take(address(4), Visitor(4, true)).unwrap();
        assert_eq!(places.take(address(5), Visitor(5, false)), Err(NoPlace));
        places.resize(3);
        assert_eq!(places.take(address(5), Visitor(5, false)), Ok(None));
        assert_eq!(places.held(address(5)), [Visitor(5, false)]);
        for host in [1, 4, 5] {
            places.free(address(host), |_| true).unwrap();
        }
        assert_eq!((places.taken(), places.by_network.len()), (0, 0));
    }
}
