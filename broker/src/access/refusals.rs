//! Counts what was refused.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was refused since the start.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) logins: AtomicU64,
    pub(crate) publishes: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
}

impl Refusals {
    /// The counts with their names under `$SYS/broker/`.
    pub(crate) fn figures(&self) -> [(String, String); 3] {
        let counters = [
            ("logins", &self.logins),
            ("publishes", &self.publishes),
            ("subscriptions", &self.subscriptions),
        ];
        counters.map(|(name, counter)| {
            (format!("access/refused/{name}"), counter.load(Ordering::Relaxed).to_string())
        })
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
