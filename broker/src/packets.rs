//! Reads packets as strictly as MQTT 3.1.1 asks.
//!
//! rumqttc's codec takes packets apart, but it overlooks what a client would notice least:
//! reserved bits, bytes left over, ids of zero, NUL in strings. Most of that is caught by
//! writing the packet again and comparing; the rest is checked here.

use bytes::{Buf, BytesMut};
use rumqttc::mqttbytes::{self, QoS};
use rumqttc::{Connect, Packet, Protocol, Publish};

use crate::topics::{valid_string, valid_topic};

/// The level byte of MQTT 3.1.1.
const LEVEL: u8 = 4;
/// Offsets into a CONNECT without its fixed header.
const LEVEL_AT: usize = 6;
const FLAGS_AT: usize = 7;
const FLAG_USER_NAME: u8 = 0x80;
const FLAG_PASSWORD: u8 = 0x40;
const FLAG_RESERVED: u8 = 0x01;

/// Why a client's bytes cannot be answered other than by closing its connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a packet of {0} bytes is too large")]
    TooLarge(usize),
    #[error("malformed packet: {0}")]
    Malformed(mqttbytes::Error),
    #[error("{0}")]
    Violation(&'static str),
    /// The client speaks another version, as far as one can tell.
    #[error("protocol level {0} is not MQTT 3.1.1")]
    Level(u8),
}

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

/// Takes the first packet, which must be a CONNECT, from `bytes`; `None` if it has not arrived
/// completely.
pub(crate) fn read_connect(
    bytes: &mut BytesMut,
    max_packet_bytes: usize,
) -> Result<Option<Connect>, ProtocolError> {
    if bytes.first().is_some_and(|byte| *byte != 0x10) {
        return Err(ProtocolError::Violation("the first packet is no CONNECT"));
    }
    let Some(frame) = frame(bytes, max_packet_bytes)? else {
        return Ok(None);
    };
    let flags = connect_flags(&frame)?;
    let length = frame.len();
    match decode(frame, max_packet_bytes)? {
        Packet::Connect(connect) if connect.protocol == Protocol::V4 => {
            check_connect(&connect, flags, length)?;
            Ok(Some(connect))
        }
        _ => Err(ProtocolError::Violation("the first packet is no CONNECT")),
    }
}

fn frame(bytes: &mut BytesMut, max_packet_bytes: usize) -> Result<Option<BytesMut>, ProtocolError> {
    match mqttbytes::check(bytes.iter(), max_packet_bytes) {
        Ok(header) => Ok(Some(bytes.split_to(header.frame_length()))),
        Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
        Err(mqttbytes::Error::PayloadSizeLimitExceeded(size)) => Err(ProtocolError::TooLarge(size)),
        Err(error) => Err(ProtocolError::Malformed(error)),
    }
}

fn decode(mut frame: BytesMut, max_packet_bytes: usize) -> Result<Packet, ProtocolError> {
    Packet::read(&mut frame, max_packet_bytes).map_err(ProtocolError::Malformed)
}

/// The flags of a CONNECT. Looks at name and level first: the codec would take a CONNECT of
/// MQTT 5, which is laid out otherwise, for one of ours.
fn connect_flags(frame: &[u8]) -> Result<u8, ProtocolError> {
    let mut rest = frame;
    rest.advance(1);
    while rest.has_remaining() && rest.get_u8() >= 0x80 {}
    match (rest.get(..LEVEL_AT), rest.get(LEVEL_AT)) {
        (Some(b"\x00\x04MQTT"), Some(&LEVEL)) => {}
        (Some(b"\x00\x04MQTT"), Some(level)) => return Err(ProtocolError::Level(*level)),
        // MQTT 3.1, with another name and level 3.
        (Some(b"\x00\x06MQIs"), _) => return Err(ProtocolError::Level(3)),
        _ => return Err(ProtocolError::Violation("the client does not speak MQTT")),
    }
    rest.get(FLAGS_AT).copied().ok_or(ProtocolError::Violation("a CONNECT without flags"))
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
        return violation("bytes are left over in CONNECT");
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
        return violation("reserved bits are set, or bytes are left over");
    }
    Ok(())
}

fn check(packet: &Packet) -> Result<(), ProtocolError> {
    let packet_id = match packet {
        Packet::Publish(publish) => return check_publish(publish),
        Packet::Subscribe(subscribe) => subscribe.pkid,
        Packet::Unsubscribe(unsubscribe) => {
            if unsubscribe.topics.is_empty() {
                return violation("an UNSUBSCRIBE without filters");
            }
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
