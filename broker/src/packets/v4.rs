//! Reads packets as strictly as MQTT 3.1.1 asks.
//!
//! rumqttc's codec takes packets apart, but it overlooks what a client would notice least:
//! reserved bits, bytes left over, ids of zero, NUL in strings. Most of that is caught by
//! writing the packet again and comparing; the rest is checked here.

mod oversize;

use bytes::BytesMut;
use mqtt_proto::v3::{self, Connect};
use rumqttc::mqttbytes::{self, QoS};
use rumqttc::{Packet, Publish};

use crate::packets::frame::{ProtocolError, frame, header_bytes};
pub(crate) use crate::packets::v4::oversize::Oversize;
use crate::topics::{valid_string, valid_topic};

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

/// Reads the whole CONNECT in `frame`.
pub(super) fn read_connect(frame: &[u8]) -> Result<Connect, ProtocolError> {
    let packet = match v3::Packet::decode(frame) {
        Ok(Some(packet)) => packet,
        // The frame is complete, but what is in it goes on behind its end.
        Ok(None) => return Err(ProtocolError::Length),
        Err(error) => return Err(ProtocolError::MalformedConnect(error)),
    };
    let written = packet.encode().map_err(ProtocolError::MalformedConnect)?;
    let written = written.as_ref();
    let v3::Packet::Connect(connect) = &packet else {
        return violation("the first packet is not a CONNECT");
    };
    // Its length may be said in more bytes than it takes.
    if written[header_bytes(written)..] != frame[header_bytes(frame)..] {
        return violation("reserved flags are set, or there are extra bytes after the CONNECT");
    }
    check_connect(connect)?;
    Ok(connect.clone())
}

fn decode(mut frame: BytesMut, max_packet_bytes: usize) -> Result<Packet, ProtocolError> {
    Packet::read(&mut frame, max_packet_bytes).map_err(ProtocolError::Malformed)
}

fn check_connect(connect: &Connect) -> Result<(), ProtocolError> {
    if connect.password.is_some() && connect.username.is_none() {
        return violation("a password without a user name");
    }
    if connect.last_will.as_ref().is_some_and(|will| !valid_topic(&will.topic_name)) {
        return violation("the will's topic is invalid");
    }
    let user_name = connect.username.as_deref().unwrap_or_default();
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
