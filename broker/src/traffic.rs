//! What goes in and out of the broker altogether: counted by the connections, read by the exchange.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) packets_received: Count,
    pub(crate) packets_sent: Count,
    pub(crate) bytes_received: Count,
    pub(crate) bytes_sent: Count,
    /// Messages that were dropped because they are too large.
    pub(crate) oversize: Count,
    /// CONNECTs that were accepted.
    pub(crate) connections: Count,
}

/// A count that many tasks add to.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
