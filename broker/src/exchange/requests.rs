//! What the exchange is asked to do.

use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Subscribe, Unsubscribe};
use tokio::sync::mpsc;

use crate::outlet::Outlet;
use crate::owed::Message;
use crate::session::{Ack, ConnectionId};

/// Requests that may wait for the exchange before connections wait.
pub(crate) const REQUESTS_WAITING: usize = 1_024;

/// A message on its way to its subscribers.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// The publisher's packet id; 0 with QoS 0.
    pub(crate) packet_id: u16,
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
    /// PUBREL.
    Release(u16),
    Subscribe(Subscribe),
    Unsubscribe(Unsubscribe),
    Disconnect,
}

/// What connections, and the clock, tell the exchange.
#[derive(Debug)]
pub(crate) enum Request {
    Connect {
        connection: ConnectionId,
        connect: Connect,
        outlet: Outlet,
    },
    /// Answered with [`Outgoing::Next`](crate::outlet::Outgoing::Next).
    Packets {
        connection: ConnectionId,
        packets: Vec<Incoming>,
    },
    /// Dealt with at once, even while packets of the same connection have to wait.
    Acks {
        connection: ConnectionId,
        acks: Vec<Ack>,
    },
    /// The connection is gone.
    Closed(ConnectionId),
    /// Comes about once a second.
    Tick(Instant),
}

/// A channel into the exchange, and its end inside.
pub(crate) fn requests() -> (mpsc::Sender<Request>, mpsc::Receiver<Request>) {
    mpsc::channel(REQUESTS_WAITING)
}
