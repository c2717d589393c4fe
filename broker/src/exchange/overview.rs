//! Taking stock: how the broker does, for its figures and for the health endpoint.

use std::fmt::{self, Display};
use std::time::{Duration, Instant};

use crate::store::{Journal, StoreBytes};

/// How the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreState {
    /// There is none.
    InMemory,
    Ok,
    /// There is little room left on the disk, or in what `[store] max_bytes` allows: publishers
    /// wait, so that there is room for all others.
    Full,
    /// There is none at all: nothing goes in or out.
    Exhausted,
    /// Nothing can be written for another reason: nothing goes in or out.
    Failing,
}

impl StoreState {
    pub(super) fn of(journal: &Journal) -> StoreState {
        if journal.is_kept() { StoreState::Ok } else { StoreState::InMemory }
    }
}

impl Display for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreState::InMemory => "in memory",
            StoreState::Ok => "ok",
            StoreState::Full | StoreState::Exhausted => "full",
            StoreState::Failing => "failing",
        })
    }
}

/// How the broker does, as of the last tick.
#[derive(Debug, Clone)]
pub(crate) struct Overview {
    pub(crate) taken: Instant,
    pub(crate) uptime: Duration,
    pub(crate) store: StoreState,
    /// Bytes in the store's file, and free on its disk; `None` without a store.
    pub(crate) store_bytes: Option<StoreBytes>,
    pub(crate) clients: usize,
    pub(crate) most_clients: usize,
    /// Clients connected, and absent ones whose sessions are kept.
    pub(crate) sessions: usize,
    pub(crate) subscriptions: usize,
    /// Different shared subscriptions, however many take part in each.
    pub(crate) shares: usize,
    /// Messages owed to sessions, and bytes of topics and payloads of those not sent yet. A
    /// message that is owed to several counts for each.
    pub(crate) owed: usize,
    pub(crate) owed_bytes: usize,
    pub(crate) retained: usize,
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) dropped: u64,
    /// Messages that went from one member of a share to another.
    pub(crate) handed_on: u64,
}

impl Overview {
    /// Before anything has happened.
    pub(crate) fn new(store: StoreState, now: Instant) -> Overview {
        Overview {
            taken: now,
            uptime: Duration::ZERO,
            store,
            store_bytes: None,
            clients: 0,
            most_clients: 0,
            sessions: 0,
            subscriptions: 0,
            shares: 0,
            owed: 0,
            owed_bytes: 0,
            retained: 0,
            received: 0,
            sent: 0,
            dropped: 0,
            handed_on: 0,
        }
    }
}
