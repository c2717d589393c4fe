//! What clients of all versions say, and what becomes of what is said to them.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;

use crate::exchange::{Incoming, Opening};
use crate::packets::v4::Oversize;
use crate::session::Ack;

/// What a client asks for with its CONNECT.
pub(in crate::connection) struct ConnectRequest {
    pub(in crate::connection) opening: Opening,
    pub(in crate::connection) keep_alive: Duration,
    /// User name and password, which may be any bytes.
    pub(in crate::connection) login: Option<(String, Bytes)>,
    /// Whether it asks to be authenticated in a way of its own.
    pub(in crate::connection) wants_other_authentication: bool,
}

/// What a client logs in with. An empty user name without a password says as little as none; one with no password has an
/// empty one.
pub(super) fn login(user: Option<&str>, password: Option<&Bytes>) -> Option<(String, Bytes)> {
    let password = password.cloned().unwrap_or_default();
    let user = user.filter(|user| !user.is_empty() || !password.is_empty())?;
    Some((user.to_owned(), password))
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
    /// The same: a message that was too large, and was passed over.
    Oversize(Oversize),
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

/// The QoS in a packet that mqtt-proto has read.
pub(super) fn qos(qos: mqtt_proto::QoS) -> QoS {
    match qos {
        mqtt_proto::QoS::Level0 => QoS::AtMostOnce,
        mqtt_proto::QoS::Level1 => QoS::AtLeastOnce,
        mqtt_proto::QoS::Level2 => QoS::ExactlyOnce,
    }
}
