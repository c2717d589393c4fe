//! What clients of all versions say, and what becomes of what is said to them.

use std::time::Duration;

use crate::exchange::{Incoming, Opening};
use crate::session::Ack;

/// What a client asks for with its CONNECT.
pub(in crate::connection) struct ConnectRequest {
    pub(in crate::connection) opening: Opening,
    pub(in crate::connection) keep_alive: Duration,
    /// User name and password.
    pub(in crate::connection) login: Option<(String, String)>,
    /// Whether it asks to be authenticated in a way of its own.
    pub(in crate::connection) wants_other_authentication: bool,
}

/// A packet of a connected client, by who deals with it.
#[derive(Debug)]
pub(in crate::connection) enum FromClient {
    /// The exchange, in the order of sending.
    Ordered(Incoming),
    /// The exchange, at once.
    Ack(Ack),
    /// The connection itself.
    Ping,
}

/// Whether a message was written.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::connection) enum Written {
    Yes,
    /// It is larger than the client takes, so it counts as delivered.
    TooLarge {
        packet_id: u16,
    },
    /// It was of QoS 0, and is too old or too large.
    LeftOut,
}
