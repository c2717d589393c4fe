//! Reads packets as strictly as MQTT 3.1.1 asks.
//!
//! rumqttc's codec takes packets apart, but it overlooks what a client would notice least:
//! reserved bits, bytes left over, ids of zero, NUL in strings. Most of that is caught by
//! writing the packet again and comparing; the rest is checked here.

use bytes::BytesMut;
use rumqttc::mqttbytes::{self, QoS};
use rumqttc::{Connect, Packet, Protocol, Publish};

use crate::packets::frame::{ProtocolError, frame};
use crate::topics::{valid_string, valid_topic};

const FLAG_USER_NAME: u8 = 0x80;
const FLAG_PASSWORD: u8 = 0x40;
const FLAG_RESERVED: u8 = 0x01;

/// Takes the next packet from `bytes`; `None` if it has not arrived completely.
pub(crate) fn read(bytes: &mut BytesMut, max_packet_bytes: usize) -> Result<Option<Packet>, ProtocolError> {
    let Some(frame) = frame(bytes, max_packet_bytes)? else {
        return Ok(None);
    };
    // A PUBLISH cannot differ except in its first byte, and is the one worth not copying.
    let packet = if frame[0] >> 4 == mqttbytes::PacketType::Publish as u8 {
        decode(frame, max_packet_bytes)?
    } else {
        let packet = decode(frame.clone(), max_packet_bytes)?;
        check_canonical(&packet, &frame)?;
        packet
    };
    check(&packet)?;
    Ok(Some(packet))
}

/// Reads the whole CONNECT in `frame`, with these flags.
pub(super) fn read_connect(
    frame: BytesMut,
    flags: u8,
    max_packet_bytes: usize,
) -> Result<Connect, ProtocolError> {
    let length = frame.len();
    match decode(frame, max_packet_bytes)? {
        Packet::Connect(connect) if connect.protocol == Protocol::V4 => {
            check_connect(&connect, flags, length)?;
            Ok(connect)
        }
        _ => violation("the first packet is not a CONNECT"),
    }
}

fn decode(mut frame: BytesMut, max_packet_bytes: usize) -> Result<Packet, ProtocolError> {
    Packet::read(&mut frame, max_packet_bytes).map_err(ProtocolError::Malformed)
}

fn check_connect(connect: &Connect, flags: u8, length: usize) -> Result<(), ProtocolError> {
    if flags & FLAG_RESERVED != 0 {
        return violation("a reserved flag of CONNECT is set");
    }
    if flags & FLAG_PASSWORD != 0 && flags & FLAG_USER_NAME == 0 {
        return violation("a password without a user name");
    }
    let (user_name, password) = match &connect.login {
        Some(login) => (login.username.as_str(), login.password.as_str()),
        None => ("", ""),
    };
    // The codec forgets that an empty user name or password was there: two bytes each.
    let forgotten = [(FLAG_USER_NAME, user_name), (FLAG_PASSWORD, password)]
        .iter()
        .filter(|(flag, text)| flags & flag != 0 && text.is_empty())
        .count();
    if length > connect.size() + 2 * forgotten + 1 || length < connect.size() + 2 * forgotten {
        return violation("extra bytes after the CONNECT");
    }
    if let Some(will) = &connect.last_will
        && !valid_topic(&will.topic)
    {
        return violation("the will's topic is invalid");
    }
    if !valid_string(&connect.client_id) || !valid_string(user_name) {
        return violation("NUL in a string");
    }
    Ok(())
}

fn check_canonical(packet: &Packet, frame: &[u8]) -> Result<(), ProtocolError> {
    let mut written = BytesMut::with_capacity(frame.len());
    packet.write(&mut written, usize::MAX).map_err(ProtocolError::Malformed)?;
    if written != frame {
        return violation("reserved bits are set, or there are extra bytes");
    }
    Ok(())
}

fn check(packet: &Packet) -> Result<(), ProtocolError> {
    let packet_id = match packet {
        Packet::Publish(publish) => return check_publish(publish),
        Packet::Subscribe(subscribe) => {
            check_filters(subscribe.filters.iter().map(|filter| filter.path.as_str()))?;
            subscribe.pkid
        }
        Packet::Unsubscribe(unsubscribe) => {
            if unsubscribe.topics.is_empty() {
                return violation("an UNSUBSCRIBE without filters");
            }
            check_filters(unsubscribe.topics.iter().map(String::as_str))?;
            unsubscribe.pkid
        }
        Packet::PubAck(ack) => ack.pkid,
        Packet::PubRec(ack) => ack.pkid,
        Packet::PubRel(ack) => ack.pkid,
        Packet::PubComp(ack) => ack.pkid,
        _ => return Ok(()),
    };
    if packet_id == 0 {
        return violation("a packet id of 0");
    }
    Ok(())
}

/// An empty filter, or one with NUL, makes the packet one that nobody may send [MQTT-4.7.3-1, 4.7.3-2]; one with a
/// misplaced wildcard is refused for itself.
fn check_filters<'a>(mut filters: impl Iterator<Item = &'a str>) -> Result<(), ProtocolError> {
    if filters.any(|filter| filter.is_empty() || !valid_string(filter)) {
        return violation("an empty filter, or one with NUL");
    }
    Ok(())
}

fn check_publish(publish: &Publish) -> Result<(), ProtocolError> {
    if publish.dup && publish.qos == QoS::AtMostOnce {
        return violation("DUP on a PUBLISH of QoS 0");
    }
    if !valid_topic(&publish.topic) {
        return violation("an invalid topic");
    }
    Ok(())
}

fn violation<T>(what: &'static str) -> Result<T, ProtocolError> {
    Err(ProtocolError::Violation(what))
}
