//! What the health endpoint tells of the broker: how it does, and its figures for Prometheus.

use std::time::Duration;

use daemon_runtime::{Health, MetricUnit, Metrics, Tells};
use serde_json::json;
use tokio::sync::watch;

use crate::exchange::{Overview, StoreState};

/// The exchange takes stock every second; after so long it hangs, in the disk mostly.
const STALE: Duration = Duration::from_secs(60);

/// How the broker does, from moment to moment.
pub(crate) struct Said(pub(crate) watch::Receiver<Overview>);

impl Tells for Said {
    fn health(&self) -> Option<Health> {
        Some(health(&self.0.borrow()))
    }

    async fn metrics(&self) -> Metrics {
        metrics(&self.0.borrow())
    }
}

/// Whether messages are taken and passed on.
fn health(overview: &Overview) -> Health {
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

/// The broker's figures.
fn metrics(overview: &Overview) -> Metrics {
    let mut metrics = Metrics::of_process("powerpi-broker");
    let well = f64::from(u8::from(health(overview).well));
    metrics.gauge("powerpi_broker_well", "1 if messages are taken and passed on, 0 if not", None, well);
    for (name, help, value) in [
        ("powerpi_broker_clients", "Clients that are connected", overview.clients),
        ("powerpi_broker_sessions", "Sessions, of clients that are connected or absent", overview.sessions),
        ("powerpi_broker_subscriptions", "Subscriptions of all sessions", overview.subscriptions),
        ("powerpi_broker_shared_subscriptions", "Different shared subscriptions", overview.shares),
        ("powerpi_broker_owed_messages", "Messages owed to sessions, sent or not", overview.owed),
        ("powerpi_broker_retained_messages", "Retained messages", overview.retained),
    ] {
        metrics.gauge(name, help, None, value as f64);
    }
    let bytes = || Some(MetricUnit::Bytes);
    let help = "Topics and payloads that are owed and not sent";
    metrics.gauge("powerpi_broker_owed", help, bytes(), overview.owed_bytes as f64);
    if let Some(store) = overview.store_bytes {
        metrics.gauge("powerpi_broker_store", "What is in the store's file", bytes(), store.used as f64);
        metrics.gauge("powerpi_broker_store_free", "Room left for it", bytes(), store.free as f64);
    }
    for (name, help, value) in [
        ("powerpi_broker_received_messages", "Messages taken from clients", overview.received),
        ("powerpi_broker_sent_messages", "Messages sent to clients", overview.sent),
        ("powerpi_broker_dropped_messages", "Messages dropped for want of room", overview.dropped),
        ("powerpi_broker_handed_on_messages", "Messages of a share that went on", overview.handed_on),
    ] {
        metrics.counter(name, help, None, value as f64);
    }
    metrics
}
