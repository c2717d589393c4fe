//! The broker's own figures: under `$SYS/broker/`, by mosquitto's names where it has them, and
//! for the health endpoint.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;

use crate::account::Owner;
use crate::exchange::load::Load;
use crate::exchange::overview::Overview;
use crate::message::Message;
use crate::publication::Publication;
use crate::session::Delivery;
use crate::store::StoreBytes;
use crate::traffic::Traffic;

/// Why a message is not retained.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotRetained {
    #[error("{0} has as many retained messages as it may")]
    Messages(Owner),
    #[error("{0} has as many bytes of retained messages as it may")]
    Bytes(Owner),
    #[error("{0} has as much memory as it may")]
    Memory(Owner),
}

/// The figure under `$SYS/broker/` that tells how the store does.
pub(super) const STORE_STATE: &str = "store/state";
const EVERY: Duration = Duration::from_secs(10);

/// Counts since the start.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) started: Instant,
    pub(super) published: Option<Instant>,
    /// What the connections count.
    traffic: Arc<Traffic>,
    /// Messages taken from clients, and the bytes of their payloads.
    pub(super) received: u64,
    received_bytes: u64,
    /// Messages sent to clients, those sent again included, and the bytes of their payloads.
    pub(super) sent: u64,
    sent_bytes: u64,
    /// Messages that did not reach a client: of QoS 0, if it did not read fast enough, and of all
    /// kinds, if it was absent and its queue was full.
    pub(super) dropped: u64,
    /// Messages that went from one member of a share to another.
    pub(super) handed_on: u64,
    /// Messages not retained since somebody last asked, and why.
    pub(super) not_retained: Option<(u64, NotRetained)>,
    pub(super) most_clients: usize,
    expired_sessions: u64,
    /// Sessions of absent clients that made way for new ones of the same owner.
    pub(super) displaced_sessions: u64,
    load: [Load; 7],
}

impl Figures {
    pub(super) fn new(traffic: Arc<Traffic>, now: Instant) -> Figures {
        Figures {
            started: now,
            published: None,
            traffic,
            received: 0,
            received_bytes: 0,
            sent: 0,
            sent_bytes: 0,
            dropped: 0,
            handed_on: 0,
            not_retained: None,
            most_clients: 0,
            expired_sessions: 0,
            displaced_sessions: 0,
            load: [
                "messages/received",
                "messages/sent",
                "publish/received",
                "publish/sent",
                "bytes/received",
                "bytes/sent",
                "connections",
            ]
            .map(|name| Load::new(name, now)),
        }
    }

    /// A message was taken from a client.
    pub(super) fn received(&mut self, message: &Message) {
        self.received += 1;
        self.received_bytes += message.payload.len() as u64;
    }

    /// A step is taken towards a client.
    pub(super) fn delivered(&mut self, delivery: &Delivery) {
        if let Delivery::Publish { message, .. } = delivery {
            self.sent(message);
        }
    }

    /// A message is sent to a client.
    pub(super) fn sent(&mut self, message: &Message) {
        self.sent += 1;
        self.sent_bytes += message.payload.len() as u64;
    }

    /// So many clients are connected.
    pub(super) fn connected(&mut self, clients: usize) {
        self.traffic.connections.add(1);
        self.most_clients = self.most_clients.max(clients);
    }

    pub(super) fn expired(&mut self, sessions: usize) {
        self.expired_sessions += sessions as u64;
    }

    /// Whether they were published some time ago, or never.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        self.published.is_none_or(|published| now.duration_since(published) >= EVERY)
    }

    pub(super) fn update_load(&mut self, now: Instant) {
        let traffic = &self.traffic;
        let counts = [
            traffic.packets_received.get(),
            traffic.packets_sent.get(),
            self.received,
            self.sent,
            traffic.bytes_received.get(),
            traffic.bytes_sent.get(),
            traffic.connections.get(),
        ];
        for (load, count) in self.load.iter_mut().zip(counts) {
            load.update(count, now);
        }
    }

    /// What stands under `$SYS/broker/`.
    pub(super) fn named(&self, overview: &Overview) -> Vec<(String, String)> {
        let traffic = &self.traffic;
        let mut named = vec![
            ("version", concat!("powerpi-broker ", env!("CARGO_PKG_VERSION")).to_owned()),
            ("uptime", format!("{} seconds", overview.uptime.as_secs())),
            (STORE_STATE, overview.store.to_string()),
        ];
        if let Some(StoreBytes { used, free }) = overview.store_bytes {
            named.push(("store/size", used.to_string()));
            named.push(("store/free", free.to_string()));
        }
        let counts = [
            ("clients/connected", overview.clients as u64),
            ("clients/disconnected", overview.sessions.saturating_sub(overview.clients) as u64),
            ("clients/expired", self.expired_sessions),
            ("clients/displaced", self.displaced_sessions),
            ("clients/maximum", overview.most_clients as u64),
            ("clients/total", overview.sessions as u64),
            ("subscriptions/count", overview.subscriptions as u64),
            ("shared_subscriptions/count", overview.shares as u64),
            ("retained messages/count", overview.retained as u64),
            ("messages/received", traffic.packets_received.get()),
            ("messages/sent", traffic.packets_sent.get()),
            ("messages/stored", (overview.owed + overview.retained) as u64),
            ("store/messages/count", (overview.owed + overview.retained) as u64),
            ("store/messages/bytes", overview.owed_bytes as u64),
            ("publish/messages/received", self.received),
            ("publish/messages/sent", self.sent),
            ("publish/messages/dropped", self.dropped),
            ("publish/messages/handed on", self.handed_on),
            ("publish/messages/too large", traffic.oversize.get()),
            ("publish/bytes/received", self.received_bytes),
            ("publish/bytes/sent", self.sent_bytes),
            ("bytes/received", traffic.bytes_received.get()),
            ("bytes/sent", traffic.bytes_sent.get()),
        ];
        named.extend(counts.map(|(name, count)| (name, count.to_string())));
        let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
        named.chain(self.load.iter().flat_map(Load::figures)).collect()
    }
}

pub(super) fn figure(name: &str, value: String) -> Publication {
    Publication {
        message: Arc::new(Message::plain(format!("$SYS/broker/{name}"), value)),
        qos: QoS::AtMostOnce,
        retain: true,
        packet_id: 0,
    }
}
