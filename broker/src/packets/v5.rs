//! MQTT 5.
//!
//! mqtt-proto's codec knows which property belongs where and how often, and refuses lengths that
//! do not fit. It overlooks bytes left over, NUL in strings, and values that are out of range.
//! The former are caught by the length that the packet has when it is written again (the order of
//! properties is the client's own, so the bytes cannot be compared); the rest is checked here.

use bytes::BytesMut;
use mqtt_proto::QoS;
use mqtt_proto::v5::{
    Connect, ConnectProperties, ErrorV5, LastWill, Packet, Publish, PublishProperties, UserProperty,
};

use crate::packets::frame::{ProtocolError, frame};
use crate::topics::{valid_string, valid_topic};

const FLAG_WILL: u8 = 0x04;
const FLAG_WILL_RETAIN: u8 = 0x20;

/// Takes the next packet from `bytes`; `None` if it has not arrived completely.
pub(crate) fn read(bytes: &mut BytesMut, max_packet_bytes: usize) -> Result<Option<Packet>, ProtocolError> {
    let Some(frame) = frame(bytes, max_packet_bytes)? else {
        return Ok(None);
    };
    // What we have announced as our maximum counts the fixed header.
    if frame.len() > max_packet_bytes {
        return Err(ProtocolError::TooLarge(frame.len()));
    }
    let packet = decode(&frame)?;
    check_length(&packet, frame.len())?;
    check(&packet)?;
    Ok(Some(packet))
}

/// Reads the whole CONNECT in `frame`, with these flags.
pub(super) fn read_connect(frame: &[u8], flags: u8) -> Result<Connect, ProtocolError> {
    let packet = decode(frame)?;
    check_length(&packet, frame.len())?;
    let Packet::Connect(connect) = packet else {
        return violation("the first packet is not a CONNECT");
    };
    if flags & FLAG_WILL == 0 && flags & FLAG_WILL_RETAIN != 0 {
        return Err(ProtocolError::MalformedV5(mqtt_proto::Error::InvalidConnectFlags(flags).into()));
    }
    check_connect(&connect)?;
    Ok(connect)
}

fn decode(frame: &[u8]) -> Result<Packet, ProtocolError> {
    match Packet::decode(frame) {
        Ok(Some(packet)) => Ok(packet),
        // The frame is complete, but what is in it goes on behind its end.
        Ok(None) => Err(ProtocolError::Length),
        Err(error) => Err(ProtocolError::MalformedV5(error)),
    }
}

/// Whether the packet takes the bytes that it came in. Acknowledgements and DISCONNECT may say
/// explicitly that they succeeded and have no properties, which is up to two bytes more.
fn check_length(packet: &Packet, length: usize) -> Result<(), ProtocolError> {
    let written = packet.encode_len().map_err(ProtocolError::MalformedV5)?;
    let longest = match packet {
        Packet::Puback(ack) if ack.properties == Default::default() => 6,
        Packet::Pubrec(ack) if ack.properties == Default::default() => 6,
        Packet::Pubrel(ack) if ack.properties == Default::default() => 6,
        Packet::Pubcomp(ack) if ack.properties == Default::default() => 6,
        Packet::Disconnect(disconnect) if disconnect.properties == Default::default() => 4,
        _ => written,
    };
    if length < written || length > longest {
        return Err(ProtocolError::Length);
    }
    Ok(())
}

fn check(packet: &Packet) -> Result<(), ProtocolError> {
    let (reason, user) = match packet {
        Packet::Publish(publish) => return check_publish(publish),
        Packet::Subscribe(subscribe) => {
            if subscribe.properties.subscription_id.is_some_and(|id| id.value() == 0) {
                return violation("a subscription identifier of 0");
            }
            (None, &subscribe.properties.user_properties)
        }
        Packet::Unsubscribe(unsubscribe) => {
            if unsubscribe.topics.is_empty() {
                return violation("an UNSUBSCRIBE without filters");
            }
            (None, &unsubscribe.properties.user_properties)
        }
        Packet::Puback(ack) => (ack.properties.reason_string.as_deref(), &ack.properties.user_properties),
        Packet::Pubrec(ack) => (ack.properties.reason_string.as_deref(), &ack.properties.user_properties),
        Packet::Pubrel(ack) => (ack.properties.reason_string.as_deref(), &ack.properties.user_properties),
        Packet::Pubcomp(ack) => (ack.properties.reason_string.as_deref(), &ack.properties.user_properties),
        Packet::Disconnect(disconnect) => {
            let properties = &disconnect.properties;
            if properties.server_reference.is_some() {
                return violation("a server reference from a client");
            }
            (properties.reason_string.as_deref(), &properties.user_properties)
        }
        _ => return Ok(()),
    };
    check_strings(reason)?;
    check_user_properties(user)
}

fn check_publish(publish: &Publish) -> Result<(), ProtocolError> {
    let properties = &publish.properties;
    if publish.dup && publish.qos_pid.qos() == QoS::Level0 {
        return violation("DUP on a PUBLISH of QoS 0");
    }
    if publish.topic_name.is_empty() && properties.topic_alias.is_none() {
        return violation("a PUBLISH with neither topic nor alias");
    }
    if properties.subscription_id.is_some() {
        return violation("a subscription identifier from a client");
    }
    check_message(properties)
}

fn check_message(properties: &PublishProperties) -> Result<(), ProtocolError> {
    if properties.response_topic.as_ref().is_some_and(|topic| !valid_topic(topic)) {
        return Err(ProtocolError::MalformedV5(ErrorV5::InvalidResponseTopic));
    }
    check_strings(properties.content_type.as_deref())?;
    check_user_properties(&properties.user_properties)
}

fn check_connect(connect: &Connect) -> Result<(), ProtocolError> {
    let ConnectProperties { receive_max, max_packet_size, auth_method, auth_data, user_properties, .. } =
        &connect.properties;
    if *receive_max == Some(0) || *max_packet_size == Some(0) {
        return violation("a receive maximum or maximum packet size of 0");
    }
    if auth_data.is_some() && auth_method.is_none() {
        return violation("authentication data without a method");
    }
    if let Some(will) = &connect.last_will {
        check_will(will)?;
    }
    let strings = [Some(connect.client_id.as_ref()), connect.username.as_deref(), auth_method.as_deref()];
    check_strings(strings.into_iter().flatten())?;
    check_user_properties(user_properties)
}

fn check_will(will: &LastWill) -> Result<(), ProtocolError> {
    let properties = &will.properties;
    let topics = [Some(&will.topic_name), properties.response_topic.as_ref()];
    if topics.into_iter().flatten().any(|topic| !valid_topic(topic)) {
        return violation("the will's topic is invalid");
    }
    check_strings(properties.content_type.as_deref())?;
    check_user_properties(&properties.user_properties)
}

fn check_user_properties(user: &[UserProperty]) -> Result<(), ProtocolError> {
    check_strings(user.iter().flat_map(|UserProperty { name, value }| [&**name, &**value]))
}

fn check_strings<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), ProtocolError> {
    if texts.into_iter().all(valid_string) {
        return Ok(());
    }
    Err(ProtocolError::MalformedV5(mqtt_proto::Error::InvalidString.into()))
}

fn violation<T>(what: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError::Violation(what))
}
