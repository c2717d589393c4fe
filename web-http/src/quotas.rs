//! What a browser may use up at a time, whichever connections its requests come by: behind a proxy
//! all connections are the proxy's.
//!
//! Of what has to be worked out, an address gets a few answers at a time. However much it asks
//! for, others wait for no more than these. Behind a proxy it also gets no more than its part of the
//! proxy's slots: who takes all of them with streams would shut out everybody there. What a proxy
//! says can be an invention where somebody else gets hold of its address, so what it hands on is
//! limited altogether. Pure but for the lock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daemon_runtime::{customer_of, network_of};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Answers that are worked out for an address at a time.
const TURNS: usize = 8;

/// The same of all browsers behind a proxy, and of all customers of an IPv6 network of 48 bits.
const TURNS_TOGETHER: usize = 4 * TURNS;

/// The quotas of all browsers.
#[derive(Debug, Clone)]
pub struct RequestQuotas {
    /// Requests of one browser behind a proxy.
    most: usize,
    held: Arc<Mutex<HashMap<Holder, Held>>>,
}

/// Whose quota it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    Browser(IpAddr),
    /// For all customers in it.
    Network(IpAddr),
    /// For all that it hands on.
    Proxy(IpAddr),
}

/// While there are requests.
#[derive(Debug)]
struct Held {
    requests: usize,
    turns: Arc<Semaphore>,
}

/// One request's part, until it is dropped.
#[derive(Debug)]
pub struct RequestQuota {
    quotas: RequestQuotas,
    /// The browser's own part first.
    parts: Vec<(Holder, Arc<Semaphore>)>,
}

/// A turn to have something worked out, until it is dropped.
#[derive(Debug)]
pub struct Turn<'quota>(
    #[allow(dead_code, reason = "held until it is dropped")] Vec<SemaphorePermit<'quota>>,
);

impl RequestQuotas {
    /// With so many requests at a time of each browser behind a proxy.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), held: Arc::default() }
    }

    /// The part of a request of `browser` that `peer` sends. Where a proxy sends too many of it, one of them
    /// has to end, which `make_room` sees to; `None` where it cannot.
    pub fn take(
        &self,
        peer: IpAddr,
        browser: IpAddr,
        make_room: impl FnOnce() -> bool,
    ) -> Option<RequestQuota> {
        let network = Holder::Network(network_of(browser));
        let (peer, browser) = (customer_of(peer), customer_of(browser));
        let (own, proxy) = (Holder::Browser(browser), Holder::Proxy(peer));
        let mut held = self.held();
        // Without a proxy its slots are limit enough.
        let is_handed_on = peer != browser;
        let is_full = is_handed_on && held.get(&own).is_some_and(|held| held.requests >= self.most);
        if is_full && !make_room() {
            return None;
        }
        let mut part = |holder, turns| {
            let new = || Held { requests: 0, turns: Arc::new(Semaphore::new(turns)) };
            let held = held.entry(holder).or_insert_with(new);
            held.requests += 1;
            (holder, held.turns.clone())
        };
        let mut parts = vec![part(own, TURNS), part(network, TURNS_TOGETHER)];
        if is_handed_on {
            parts.push(part(proxy, TURNS_TOGETHER));
        }
        Some(RequestQuota { quotas: self.clone(), parts })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Holder, Held>> {
        // Nothing here panics half-way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RequestQuota {
    /// Waits for a turn: of its address first, so that who asks for much waits among their own.
    pub async fn turn(&self) -> Turn<'_> {
        let mut turns = Vec::with_capacity(self.parts.len());
        for (_, part) in &self.parts {
            // Never closed.
            turns.extend(part.acquire().await.ok());
        }
        Turn(turns)
    }
}

impl Drop for RequestQuota {
    fn drop(&mut self) {
        let mut held = self.quotas.held();
        for (holder, _) in &self.parts {
            if let Some(part) = held.get_mut(holder) {
                part.requests -= 1;
                if part.requests == 0 {
                    held.remove(holder);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(quotas: &RequestQuotas, peer: &str, browser: &str) -> Option<RequestQuota> {
        quotas.take(peer.parse().unwrap(), browser.parse().unwrap(), || false)
    }

    /// How many of these get a turn while the others keep theirs.
    fn at_a_time(quotas: &[RequestQuota]) -> usize {
        let turns: Vec<_> = quotas.iter().filter_map(|quota| quota.turn().now_or_never()).collect();
        turns.len()
    }

    #[test]
    fn who_asks_for_much_waits_among_their_own() {
        let quotas = RequestQuotas::new(100);
        let greedy: Vec<_> = (0..20).map(|_| take(&quotas, "::1", "198.51.100.9").unwrap()).collect();
        let turns: Vec<_> = greedy.iter().filter_map(|quota| quota.turn().now_or_never()).collect();
        assert_eq!(turns.len(), TURNS);
        let other = take(&quotas, "::1", "203.0.113.5").unwrap();
        assert!(other.turn().now_or_never().is_some(), "behind the same proxy");
        let direct = take(&quotas, "198.51.100.10", "198.51.100.10").unwrap();
        assert!(direct.turn().now_or_never().is_some());
        drop(turns);
        assert_eq!(at_a_time(&greedy), TURNS, "turns come back");
    }

    #[test]
    fn what_a_proxy_hands_on_is_limited_altogether() {
        let quotas = RequestQuotas::new(100);
        let named = |host: u32| take(&quotas, "127.0.0.1", &format!("198.51.{}.{}", host / 250, host % 250));
        let invented: Vec<_> = (0..1000).map(|host| named(host).unwrap()).collect();
        assert_eq!(at_a_time(&invented), TURNS_TOGETHER);
        drop(invented);
        assert!(quotas.held().is_empty());
    }

    #[test]
    fn many_customers_of_one_network_wait_among_their_own() {
        let quotas = RequestQuotas::new(100);
        let of = |subnet: u32| {
            let address = format!("2001:db8:0:{subnet:x}::1");
            take(&quotas, &address, &address).unwrap()
        };
        let flood: Vec<_> = (0..1000).map(of).collect();
        let turns: Vec<_> = flood.iter().filter_map(|quota| quota.turn().now_or_never()).collect();
        assert_eq!(turns.len(), TURNS_TOGETHER);
        let other = take(&quotas, "2001:db8:1::1", "2001:db8:1::1").unwrap();
        assert!(other.turn().now_or_never().is_some());
    }

    #[test]
    fn behind_a_proxy_nobody_has_more_requests_than_their_part() {
        let quotas = RequestQuotas::new(3);
        let of = |host: u32| take(&quotas, "127.0.0.1", &format!("2001:db8:0:1::{host}"));
        let streams: Vec<_> = (0..3).map(|host| of(host).unwrap()).collect();
        assert!(of(4).is_none(), "one customer of a provider");
        assert!(take(&quotas, "127.0.0.1", "2001:db8:0:2::1").is_some());
        let with_room = quotas.take([127, 0, 0, 1].into(), "2001:db8:0:1::4".parse().unwrap(), || true);
        assert!(with_room.is_some(), "a stream of its own ends for it");
        drop((streams, with_room));
        assert!(of(4).is_some());
        let direct: Vec<_> = (0..9).map(|_| take(&quotas, "10.0.0.1", "10.0.0.1")).collect();
        assert!(direct.iter().all(Option::is_some), "slots limit these");
    }
}
