//! What the exchange is asked to do.

use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;
use tokio::sync::mpsc;

use crate::access::{Access, Rights};
use crate::account::Owner;
use crate::outgoing::OutgoingSender;
use crate::publication::{Publication, Will};
use crate::session::{Ack, ConnectionId, Expiry, SubscriptionOptions};
use crate::settings::MqttSettings;

/// Requests that may wait for the exchange before connections wait.
pub(crate) const REQUESTS_WAITING: usize = 1_024;

/// What a client asks for with its CONNECT.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) client_id: String,
    /// Whether the session that the client may have ends first.
    pub(crate) clean_start: bool,
    pub(crate) expiry: Expiry,
    pub(crate) will: Option<Will>,
    /// Messages of QoS 1 and 2 that the client takes before it has acknowledged any.
    pub(crate) receive_maximum: u16,
}

/// A packet for the exchange, to be dealt with in the order of sending.
#[derive(Debug)]
pub(crate) enum Incoming {
    Publish(Publication),
    Control(Control),
}

/// A packet that comes after everything its client has published before.
#[derive(Debug)]
pub(crate) enum Control {
    /// A message of QoS 1 or 2 with this packet id that was dropped, because its client may not publish it, or because
    /// it is too large: only an answer is missing.
    Dropped {
        packet_id: u16,
        qos: QoS,
    },
    /// PUBREL.
    Release(u16),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Disconnect {
        /// Whether the client's will is published nevertheless.
        with_will: bool,
        /// How long its session stays from now on, if not as it said when it connected.
        expiry: Option<Expiry>,
    },
}

/// Filters to subscribe to.
#[derive(Debug)]
pub(crate) struct Subscribe {
    pub(crate) packet_id: u16,
    pub(crate) filters: Vec<Wanted>,
}

/// A subscription that a client would like to have.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) filter: String,
    pub(crate) options: SubscriptionOptions,
    pub(crate) retained: RetainedWanted,
}

/// When a subscription brings the messages that are retained already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetainedWanted {
    Always,
    /// If the session was not subscribed to the same filter before.
    IfNew,
    Never,
}

/// Filters not to be subscribed to any more.
#[derive(Debug)]
pub(crate) struct Unsubscribe {
    pub(crate) packet_id: u16,
    pub(crate) filters: Vec<String>,
}

/// What connections, and the clock, tell the exchange.
#[derive(Debug)]
pub(crate) enum Request {
    Connect {
        connection: ConnectionId,
        opening: Opening,
        rights: Arc<Rights>,
        /// To whom what is kept for the client is charged.
        owner: Owner,
        outgoing: OutgoingSender,
    },
    /// Answered with [`Outgoing::Next`](crate::outgoing::Outgoing::Next).
    Packets { connection: ConnectionId, packets: Vec<Incoming> },
    /// Dealt with at once, even while packets of the same connection have to wait.
    Acks { connection: ConnectionId, acks: Vec<Ack> },
    /// The connection is gone.
    Closed(ConnectionId),
    /// Comes about once a second.
    Tick(Instant),
    /// From now on other users have other rights, also those who are connected.
    Access(Arc<Access>),
    /// From now on other limits hold, and so many users share what there is.
    Settings(Arc<MqttSettings>, usize),
}

/// A channel into the exchange, and its end inside.
pub(crate) fn requests() -> (mpsc::Sender<Request>, mpsc::Receiver<Request>) {
    mpsc::channel(REQUESTS_WAITING)
}
