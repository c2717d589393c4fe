//! Between bytes and what the exchange speaks of, in the version of MQTT that the client speaks.
//! Nothing behind this knows of versions.

mod from_client;
mod v4;
mod v5;

use std::time::Instant;

use bytes::BytesMut;
use daemon_runtime::random_id;
use rumqttc::ConnectReturnCode;

use crate::connection::Ending;
pub(super) use crate::connection::translation::from_client::{ConnectRequest, FromClient, Written};
use crate::outgoing::{Answer, ConnectRefused};
use crate::packets::{BadConnect, Connect, ProtocolError};
use crate::session::Delivery;
use crate::settings::MqttSettings;
use crate::topics::TopicLimits;

/// Longer client ids are refused; the standard asks for 23 characters.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// The version of MQTT that a client speaks, and what it has said about how.
#[derive(Debug)]
pub(super) enum Version {
    V4(v4::Terms),
    V5(v5::Terms),
}

/// What a CONNECT asks for, and in which version.
pub(super) fn connect_request(connect: Connect, settings: &MqttSettings) -> (ConnectRequest, Version) {
    match connect {
        Connect::V4 { connect, is_bridge } => {
            (v4::connect_request(connect), Version::V4(v4::Terms::new(is_bridge, settings)))
        }
        Connect::V5(connect) => {
            let (request, terms) = v5::connect_request(*connect, settings);
            (request, Version::V5(terms))
        }
    }
}

/// The CONNACK that tells a client what is wrong with its CONNECT, if anything can be told.
pub(super) fn refuse_connect(bad: &BadConnect) -> Option<BytesMut> {
    match bad.error {
        // The client speaks a later version, whose CONNACK begins like that of the last one we
        // know. (With the highest bit, it is a bridge that speaks MQTT 3.1.)
        ProtocolError::Level(6..0x80) => v5::refuse_level(),
        ProtocolError::Level(_) => v4::refuse(ConnectReturnCode::RefusedProtocolVersion),
        _ if bad.is_v5 => v5::refuse_error(&bad.error),
        _ => None,
    }
}

impl Version {
    /// Why a client that asks for this may not connect.
    pub(super) fn objection(
        &self,
        request: &ConnectRequest,
        topic_limits: TopicLimits,
    ) -> Option<ConnectRefused> {
        let will = request.opening.will.as_ref().map(|will| &*will.publication.message.topic);
        let client_id = &request.opening.client_id;
        // In MQTT 5 it is told the id that it gets, with which it can come back.
        let is_nameless = client_id.is_empty() && !request.opening.clean_start;
        if request.wants_other_authentication {
            Some(ConnectRefused::AuthenticationMethod)
        } else if is_nameless && matches!(self, Version::V4(_)) {
            Some(ConnectRefused::NoClientId)
        } else if client_id.len() > MAX_CLIENT_ID_BYTES {
            Some(ConnectRefused::ClientIdTooLong)
        } else if will.is_some_and(|topic| !topic_limits.allow(topic)) {
            Some(ConnectRefused::WillTopicTooLong)
        } else {
            None
        }
    }

    /// Gives a client without an id one that nobody can guess.
    pub(super) fn ensure_client_id(&mut self, client_id: &mut String) {
        if !client_id.is_empty() {
            return;
        }
        *client_id = format!("unnamed-{}{}", random_id(), random_id());
        if let Version::V5(terms) = self {
            terms.assign_client_id(client_id);
        }
    }

    /// Bytes that are kept of what the client has sent.
    pub(super) fn kept_bytes(&self) -> usize {
        match self {
            Version::V4(_) => 0,
            Version::V5(terms) => terms.kept_bytes(),
        }
    }

    /// Takes what the next packet in `bytes` asks for; `None` if it has not arrived completely.
    pub(super) fn read(&mut self, bytes: &mut BytesMut) -> Result<Option<FromClient>, ProtocolError> {
        match self {
            Version::V4(terms) => terms.read(bytes),
            Version::V5(terms) => terms.read(bytes),
        }
    }

    pub(super) fn write_answer(&mut self, answer: Answer, to: &mut BytesMut) -> Result<(), ProtocolError> {
        match self {
            Version::V4(_) => v4::write(&v4::answer(answer), to),
            Version::V5(terms) => terms.write_answer(answer, to),
        }
    }

    pub(super) fn write_delivery(
        &mut self,
        delivery: Delivery,
        now: Instant,
        to: &mut BytesMut,
    ) -> Result<Written, ProtocolError> {
        match self {
            Version::V4(_) => v4::write(&v4::delivery(delivery), to).map(|()| Written::Yes),
            Version::V5(terms) => terms.write_delivery(delivery, now, to),
        }
    }

    pub(super) fn write_ping_response(&mut self, to: &mut BytesMut) -> Result<(), ProtocolError> {
        match self {
            Version::V4(_) => v4::write(&rumqttc::Packet::PingResp, to),
            Version::V5(terms) => terms.write(&mqtt_proto::v5::Packet::Pingresp, to),
        }
    }

    /// The last word to a client whose CONNECT was accepted, if there is any.
    pub(super) fn write_ending(&mut self, ending: &Ending, to: &mut BytesMut) {
        if let Version::V5(terms) = self {
            terms.write_ending(ending, to);
        }
    }
}
