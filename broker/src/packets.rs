//! Reads packets as strictly as MQTT 3.1.1 and MQTT 5 ask, each with its codec.
//!
//! mqtt-proto 0.4 knows MQTT 3.1.1 as well, but cannot take rumqttc's place here: it refuses a
//! SUBSCRIBE as a whole if one of its filters is invalid, before anybody can look at the others, while
//! in MQTT 3.1.1 each filter gets its own answer (`invalid_filters_are_refused_one_by_one`). It copies
//! each payload, where rumqttc hands on a slice of what was read; and it takes a password without a
//! user name, left-over bytes and NUL in names, so that our own checks would stay (a test below shows it).
//! Only a CONNECT of MQTT 3.1.1 is mqtt-proto's: to rumqttc a password is text, and an empty one is none.

mod frame;
pub(crate) mod v4;
pub(crate) mod v5;

use bytes::BytesMut;

pub(crate) use crate::packets::frame::ProtocolError;
use crate::packets::frame::{frame, header_bytes};

/// The level bytes of MQTT 3.1.1 and MQTT 5.
const LEVEL_4: u8 = 4;
const LEVEL_5: u8 = 5;
/// Added to the level by a bridge of mosquitto's.
const BRIDGE: u8 = 0x80;
/// Offsets into a CONNECT without its fixed header.
const LEVEL_AT: usize = 6;
const FLAGS_AT: usize = 7;

/// The first packet of a client.
#[derive(Debug)]
pub(crate) enum Connect {
    V4 {
        connect: mqtt_proto::v3::Connect,
        /// Whether a bridge says that it is one.
        is_bridge: bool,
    },
    V5(Box<mqtt_proto::v5::Connect>),
}

/// A first packet that is no CONNECT we understand.
#[derive(Debug)]
pub(crate) struct BadConnect {
    /// Whether it says that its client speaks MQTT 5.
    pub(crate) is_v5: bool,
    pub(crate) error: ProtocolError,
}

/// How many bytes of the next packet are still missing, as far as its first bytes tell; 0 if it is complete, or none, or
/// too large to be taken.
pub(crate) fn missing(bytes: &BytesMut, max_packet_bytes: usize) -> usize {
    match rumqttc::mqttbytes::check(bytes.iter(), max_packet_bytes) {
        Err(rumqttc::mqttbytes::Error::InsufficientBytes(missing)) if !bytes.is_empty() => missing,
        _ => 0,
    }
}

/// Takes the first packet, which must be a CONNECT, from `bytes`; `None` if it has not arrived
/// completely.
pub(crate) fn read_connect(
    bytes: &mut BytesMut,
    max_packet_bytes: usize,
) -> Result<Option<Connect>, BadConnect> {
    let of_unknown = |error| BadConnect { is_v5: false, error };
    if bytes.first().is_some_and(|byte| *byte != 0x10) {
        return Err(of_unknown(ProtocolError::Violation("the first packet is not a CONNECT")));
    }
    let Some(mut frame) = frame(bytes, max_packet_bytes).map_err(of_unknown)? else {
        return Ok(None);
    };
    let is_bridge = clear_bridge(&mut frame);
    let (level, flags) = level_and_flags(&frame).map_err(of_unknown)?;
    let connect = if level == LEVEL_4 {
        v4::read_connect(&frame).map(|connect| Connect::V4 { connect, is_bridge })
    } else {
        v5::read_connect(&frame, flags).map(|connect| Connect::V5(Box::new(connect)))
    };
    connect.map(Some).map_err(|error| BadConnect { is_v5: level == LEVEL_5, error })
}

/// Whether it is a bridge that speaks MQTT 3.1.1; its CONNECT is like any other then.
fn clear_bridge(frame: &mut [u8]) -> bool {
    let level_at = header_bytes(frame) + LEVEL_AT;
    let level = frame.get_mut(level_at).filter(|level| **level == BRIDGE | LEVEL_4);
    level.map(|level| *level = LEVEL_4).is_some()
}

/// Level and flags of a CONNECT. Looks at its name first, which says how the rest is laid out.
fn level_and_flags(frame: &[u8]) -> Result<(u8, u8), ProtocolError> {
    let rest = frame.get(header_bytes(frame)..).unwrap_or_default();
    let level = match (rest.get(..LEVEL_AT), rest.get(LEVEL_AT)) {
        (Some(b"\x00\x04MQTT"), Some(&level @ (LEVEL_4 | LEVEL_5))) => level,
        (Some(b"\x00\x04MQTT"), Some(level)) => return Err(ProtocolError::Level(*level)),
        // MQTT 3.1, with another name and level 3.
        (Some(b"\x00\x06MQIs"), _) => return Err(ProtocolError::Level(3)),
        _ => return Err(ProtocolError::Violation("the client does not speak MQTT")),
    };
    let flags = rest.get(FLAGS_AT).ok_or(ProtocolError::Violation("a CONNECT that ends before its flags"))?;
    Ok((level, *flags))
}

#[cfg(test)]
mod tests {
    use mqtt_proto::v3::Packet;

    use super::v4;

    /// Why there are two codecs. If this fails with a newer mqtt-proto, one may do for both versions.
    #[test]
    fn mqtt_proto_is_not_strict_enough_for_3_1_1() {
        for (what, packet) in [
            ("a password without a user name", &b"\x10\x0f\x00\x04MQTT\x04\x42\x00\x00\x00\x01c\x00\x00"[..]),
            ("NUL in a client id", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\0"),
            ("bytes left over", b"\x40\x03\x00\x01x"),
        ] {
            assert!(matches!(Packet::decode(packet), Ok(Some(_))), "{what} is refused by mqtt-proto");
            let mut ours = packet.into();
            let is_refused = if packet[0] == 0x10 {
                super::read_connect(&mut ours, 100).is_err()
            } else {
                v4::read(&mut ours, 100).is_err()
            };
            assert!(is_refused, "{what} is taken by ours");
        }
        // One of its two filters is invalid: each gets its own answer.
        let subscribe = b"\x82\x0b\x00\x01\x00\x01a\x00\x00\x02a#\x00";
        assert!(Packet::decode(subscribe).is_err());
        assert!(matches!(v4::read(&mut subscribe[..].into(), 100), Ok(Some(_))));
    }
}
