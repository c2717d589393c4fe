//! What the health endpoint tells of the broker.

use std::time::Duration;

use daemon_runtime::Health;
use serde_json::json;

use crate::exchange::{Overview, StoreState};

/// The exchange takes stock every second; after so long it hangs, in the disk mostly.
const STALE: Duration = Duration::from_secs(60);

/// Whether messages are taken and passed on.
pub(crate) fn health(overview: &Overview) -> Health {
    let Overview { store, store_bytes, .. } = overview;
    let problem = match store {
        StoreState::InMemory | StoreState::Ok if overview.taken.elapsed() > STALE => {
            Some("the broker hangs: its disk does not respond, or it is overloaded")
        }
        StoreState::InMemory | StoreState::Ok => None,
        StoreState::Full => Some("the store is full: publishers of QoS 1 and 2 wait"),
        StoreState::Exhausted => Some("the disk is full: nothing is received or delivered"),
        StoreState::Failing => Some("the store cannot be written: nothing is received or delivered"),
    };
    Health {
        well: problem.is_none(),
        told: json!({
            "status": if problem.is_none() { "ok" } else { "failing" },
            "problem": problem,
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": overview.uptime.as_secs(),
            "store": {
                "state": store.to_string(),
                "bytes": store_bytes.map(|bytes| bytes.used),
                "free_bytes": store_bytes.map(|bytes| bytes.free),
            },
            "clients": {
                "connected": overview.clients,
                "maximum": overview.most_clients,
                "total": overview.sessions,
            },
            "subscriptions": overview.subscriptions,
            "messages": {
                "received": overview.received,
                "sent": overview.sent,
                "dropped": overview.dropped,
                "owed": overview.owed,
                "retained": overview.retained,
            },
        }),
    }
}
