//! The broker's own figures, under `$SYS/broker/`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;

use crate::exchange::keeping::STORE_STATE;
use crate::exchange::{Exchange, Publication};
use crate::owed::Message;
use crate::retained::TooManyRetained;
use crate::router::RouterFailure;

const EVERY: Duration = Duration::from_secs(10);

/// Counts since the start.
#[derive(Debug)]
pub(super) struct Figures {
    started: Instant,
    published: Option<Instant>,
    /// Messages taken from clients.
    pub(super) received: u64,
    /// Messages sent to clients, those sent again included.
    pub(super) sent: u64,
    /// QoS 0 messages not sent to clients that did not read fast enough.
    pub(super) dropped_qos0: u64,
    /// Messages not retained since somebody last asked, and why.
    pub(super) not_retained: Option<(u64, TooManyRetained)>,
}

impl Figures {
    pub(super) fn new(now: Instant) -> Figures {
        Figures { started: now, published: None, received: 0, sent: 0, dropped_qos0: 0, not_retained: None }
    }

    /// Whether they were published some time ago, or never.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        self.published.is_none_or(|published| now.duration_since(published) >= EVERY)
    }
}

impl Exchange {
    /// Publishes the figures, retained.
    pub(super) fn publish_figures(&mut self, now: Instant) -> Result<(), RouterFailure> {
        self.figures.published = Some(now);
        let owed: usize = self.sessions.iter_mut().map(|(_, session)| session.owed_messages()).sum();
        let stored = owed + self.retained.len();
        let figures = &self.figures;
        let uptime_s = now.duration_since(figures.started).as_secs();
        let version = concat!("powerpi-broker ", env!("CARGO_PKG_VERSION"));
        let publications = [
            figure("version", version.to_owned()),
            figure("uptime", format!("{uptime_s} seconds")),
            figure("clients/connected", self.clients.len().to_string()),
            figure("messages/received", figures.received.to_string()),
            figure("messages/sent", figures.sent.to_string()),
            figure("messages/stored", stored.to_string()),
            figure("messages/dropped", figures.dropped_qos0.to_string()),
            figure(STORE_STATE, self.store_state.to_string()),
        ];
        self.route()?;
        self.unrouted.extend(publications.map(|publication| (None, publication)));
        self.route()
    }
}

pub(super) fn figure(name: &str, value: String) -> Publication {
    Publication {
        message: Arc::new(Message { topic: format!("$SYS/broker/{name}"), payload: Bytes::from(value) }),
        qos: QoS::AtMostOnce,
        retain: true,
        packet_id: 0,
    }
}
