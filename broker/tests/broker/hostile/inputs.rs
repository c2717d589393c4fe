//! Bytes that no client should send, with the answer that MQTT 3.1.1 asks for.
//!
//! `says` is the number of the specification's statement, without its "MQTT-", or of the section
//! where it numbers none. Where it leaves the answer to the broker, ours is given.

use rumqttc::ConnectReturnCode::{self, BadClientId, RefusedProtocolVersion};

/// What a client gets for its input.
pub(super) enum Answer {
    /// The connection is closed without a word.
    Closed,
    /// A CONNACK with this code, then the connection is closed.
    Refused(ConnectReturnCode),
    /// These bytes, and the connection goes on.
    Goes(Vec<u8>),
}

use Answer::{Closed, Goes, Refused};

/// A named input.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) answer: Answer,
}

fn input(name: &'static str, says: &'static str, bytes: impl Into<Vec<u8>>, answer: Answer) -> Input {
    Input { name, says, bytes: bytes.into(), answer }
}

/// A packet with its length in front.
fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
    let (mut bytes, mut length) = (vec![first], rest.len());
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(rest);
    bytes
}

/// A string with its length in front.
fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// A CONNECT of level 4 with these flags and this payload.
fn connect(flags: u8, payload: &[u8]) -> Vec<u8> {
    packet(0x10, &[b"\x00\x04MQTT\x04", &[flags][..], b"\x00\x3c", payload].concat())
}

/// A PUBLISH of QoS 1 with packet id 1.
fn publish(topic: &str) -> Vec<u8> {
    packet(0x32, &[&string(topic)[..], b"\x00\x01x"].concat())
}

fn subscribe(filter: &str) -> Vec<u8> {
    packet(0x82, &[b"\x00\x01", &string(filter)[..], b"\x00"].concat())
}

const PUBACK_1: &[u8] = b"\x40\x02\x00\x01";
const SUBACK_1_GRANTED: &[u8] = b"\x90\x03\x00\x01\x00";
const SUBACK_1_REFUSED: &[u8] = b"\x90\x03\x00\x01\x80";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";

/// What may come in the place of a CONNECT.
pub(super) fn instead_of_connect() -> Vec<Input> {
    let long_id = |length| connect(2, &string(&"i".repeat(length)));
    vec![
        input("PINGREQ before CONNECT", "3.1.0-1", b"\xc0\x00", Closed),
        input("PUBLISH before CONNECT", "3.1.0-1", b"\x30\x04\x00\x01ax", Closed),
        input("SUBSCRIBE before CONNECT", "3.1.0-1", subscribe("a"), Closed),
        input("DISCONNECT before CONNECT", "3.1.0-1", b"\xe0\x00", Closed),
        input("HTTP", "3.1.0-1", b"GET / HTTP/1.1\r\n\r\n", Closed),
        input("TLS on the plain port", "3.1.0-1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Closed),
        input("NUL bytes", "3.1.0-1", [0; 64], Closed),
        input(
            "CONNECT with header flags",
            "2.2.2-2",
            b"\x12\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a",
            Closed,
        ),
        input("empty CONNECT", "3.1.4-1", b"\x10\x00", Closed),
        input("CONNECT without flags", "3.1.4-1", b"\x10\x07\x00\x04MQTT\x04", Closed),
        input("CONNECT without client id", "3.1.3-3", connect(2, b""), Closed),
        input("CONNECT with a byte more", "3.1.4-1", connect(2, b"\x00\x01axx"), Closed),
        input("CONNECT length of five bytes", "section 2.2.3", b"\x10\xff\xff\xff\xff\x01", Closed),
        input("CONNECT of 268 MB", "section 2.2.3", b"\x10\xff\xff\xff\x7f", Closed),
        input("another protocol's name", "3.1.2-1", b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x3c\x00\x01a", Closed),
        input(
            "protocol name in lower case",
            "3.1.2-1",
            b"\x10\x0d\x00\x04mqtt\x04\x02\x00\x3c\x00\x01a",
            Closed,
        ),
        input("protocol name of 65,535 bytes", "3.1.2-1", packet(0x10, &string(&"M".repeat(65_535))), Closed),
        input(
            "MQTT 3.1",
            "3.1.2-2",
            b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a",
            Refused(RefusedProtocolVersion),
        ),
        input("reserved connect flag", "3.1.2-3", connect(3, b"\x00\x01a"), Closed),
        input("will QoS without a will", "3.1.2-13", connect(0x0a, b"\x00\x01a"), Closed),
        input("will retain without a will", "3.1.2-15", connect(0x22, b"\x00\x01a"), Closed),
        input("will QoS 3", "3.1.2-14", connect(0x1e, b"\x00\x01a\x00\x01t\x00\x01m"), Closed),
        input("will flag without a will", "3.1.2-9", connect(6, b"\x00\x01a"), Closed),
        input("will cut short", "3.1.2-9", connect(6, b"\x00\x01a\x00\x09t"), Closed),
        input("will's topic with a wildcard", "4.7.1-1", connect(6, b"\x00\x01a\x00\x01#\x00\x01m"), Closed),
        input("will's topic empty", "4.7.3-1", connect(6, b"\x00\x01a\x00\x00\x00\x01m"), Closed),
        input("will's topic in bad UTF-8", "3.1.3-10", connect(6, b"\x00\x01a\x00\x01\xff\x00\x01m"), Closed),
        input("password without user name", "3.1.2-22", connect(0x42, b"\x00\x01a\x00\x01p"), Closed),
        input("user flag without a user name", "3.1.2-19", connect(0x82, b"\x00\x01a"), Closed),
        input("password flag without a password", "3.1.2-21", connect(0xc2, b"\x00\x01a\x00\x01u"), Closed),
        input("user name in bad UTF-8", "3.1.3-11", connect(0x82, b"\x00\x01a\x00\x02\xc3\x28"), Closed),
        input("user name with NUL", "1.5.3-2", connect(0x82, b"\x00\x01a\x00\x01\x00"), Closed),
        input("client id in bad UTF-8", "3.1.3-4", connect(2, b"\x00\x01\xff"), Closed),
        input("client id with a surrogate", "1.5.3-1", connect(2, b"\x00\x03\xed\xa0\x80"), Closed),
        input("client id in overlong UTF-8", "1.5.3-1", connect(2, b"\x00\x02\xc0\xaf"), Closed),
        input("client id with NUL", "1.5.3-2", connect(2, b"\x00\x01\x00"), Closed),
        input("client id longer than its packet", "3.1.4-1", connect(2, b"\x00\x09a"), Closed),
        input("no client id, lasting session", "3.1.3-8", connect(0, b"\x00\x00"), Refused(BadClientId)),
        input("client id of 257 bytes", "3.1.3-9", long_id(257), Refused(BadClientId)),
        input("client id of 65,535 bytes", "3.1.3-9", long_id(65_535), Refused(BadClientId)),
        input("client id with slashes", "3.1.4-4", connect(2, &string("a//b/")), Goes(CONNACK.into())),
        input("client id of wildcards", "3.1.4-4", connect(2, &string("+/#$")), Goes(CONNACK.into())),
        input("client id of 256 bytes", "3.1.4-4", long_id(256), Goes(CONNACK.into())),
        input("no client id, clean session", "3.1.3-6", connect(2, b"\x00\x00"), Goes(CONNACK.into())),
    ]
}

/// What a connected client may send.
pub(super) fn after_connect() -> Vec<Input> {
    [publishing(), acknowledging(), subscribing(), others()].into_iter().flatten().collect()
}

fn publishing() -> Vec<Input> {
    let levels = "/".repeat(65_535);
    vec![
        input("PUBLISH with QoS 3", "3.3.1-4", b"\x36\x06\x00\x01a\x00\x01x", Closed),
        input("PUBLISH with QoS 0 and DUP", "3.3.1-2", b"\x38\x04\x00\x01ax", Closed),
        input("PUBLISH with packet id 0", "2.3.1-1", b"\x32\x06\x00\x01a\x00\x00x", Closed),
        input("PUBLISH without packet id", "2.3.1-1", b"\x32\x03\x00\x01a", Closed),
        input("PUBLISH without anything", "3.3.2-1", b"\x30\x00", Closed),
        input("PUBLISH with an empty topic", "4.7.3-1", b"\x30\x02\x00\x00", Closed),
        input("PUBLISH with +", "3.3.2-2", b"\x30\x03\x00\x01+", Closed),
        input("PUBLISH with #", "3.3.2-2", b"\x30\x05\x00\x03a/#", Closed),
        input("PUBLISH with + in a level", "3.3.2-2", publish("a+b"), Closed),
        input("PUBLISH with NUL", "4.7.3-2", b"\x30\x04\x00\x02a\x00", Closed),
        input("PUBLISH in bad UTF-8", "1.5.3-1", b"\x30\x04\x00\x02\xc3\x28", Closed),
        input("PUBLISH with a surrogate", "1.5.3-1", b"\x30\x05\x00\x03\xed\xa0\x80", Closed),
        input("PUBLISH in overlong UTF-8", "1.5.3-1", b"\x30\x04\x00\x02\xc0\x80", Closed),
        input("PUBLISH with a topic beyond its end", "3.3.2-1", b"\x30\x03\x00\x09a", Closed),
        input("PUBLISH under $SYS", "3.3.5-2", publish("$SYS/a"), Goes(PUBACK_1.into())),
        input(
            "PUBLISH larger than the limit",
            "4.3.2-2",
            packet(0x32, &[b"\x00\x01a\x00\x01", &[b'x'; 262_140][..]].concat()),
            Goes(PUBACK_1.into()),
        ),
        input("PUBLISH, non-ASCII first letter", "4.7.3-4", publish("éa"), Goes(PUBACK_1.into())),
        input("PUBLISH with a byte order mark", "1.5.3-3", publish("\u{feff}a"), Goes(PUBACK_1.into())),
        input(
            "PUBLISH with control characters",
            "1.5.3-1",
            publish("\u{1}\u{7f}\u{85}"),
            Goes(PUBACK_1.into()),
        ),
        input("PUBLISH to 65,536 empty levels", "4.7.3-3", publish(&levels), Goes(PUBACK_1.into())),
        input(
            "PUBLISH to a topic of 65,535 bytes",
            "4.7.3-3",
            publish(&"t".repeat(65_535)),
            Goes(PUBACK_1.into()),
        ),
        input("PUBLISH under $", "4.7.2-1", publish("$x"), Goes(PUBACK_1.into())),
    ]
}

fn acknowledging() -> Vec<Input> {
    vec![
        input("PUBACK with packet id 0", "2.3.1-1", b"\x40\x02\x00\x00", Closed),
        input("PUBACK with a byte more", "4.8.0-1", b"\x40\x03\x00\x01\x00", Closed),
        input("PUBACK with a byte less", "4.8.0-1", b"\x40\x01\x00", Closed),
        input("PUBACK with flags", "2.2.2-2", b"\x41\x02\x00\x01", Closed),
        input("PUBREC with flags", "2.2.2-2", b"\x52\x02\x00\x01", Closed),
        input("PUBREL without its flag", "3.6.1-1", b"\x60\x02\x00\x01", Closed),
        input("PUBREL with other flags", "3.6.1-1", b"\x66\x02\x00\x01", Closed),
        input("PUBCOMP with flags", "2.2.2-2", b"\x7f\x02\x00\x01", Closed),
        input("PUBACK of nothing", "4.3.2-2", b"\x40\x02\x00\x09", Goes(vec![])),
        input("PUBREC of nothing", "4.3.3-1", b"\x50\x02\x00\x09", Goes(b"\x62\x02\x00\x09".into())),
        input("PUBREL of nothing", "4.3.3-2", b"\x62\x02\x00\x09", Goes(b"\x70\x02\x00\x09".into())),
        input("PUBCOMP of nothing", "4.3.3-1", b"\x70\x02\x00\x09", Goes(vec![])),
    ]
}

fn subscribing() -> Vec<Input> {
    let deep = format!("{}#", "+/".repeat(32_767));
    let refused = || Goes(SUBACK_1_REFUSED.into());
    vec![
        input("SUBSCRIBE without its flag", "3.8.1-1", b"\x80\x06\x00\x01\x00\x01a\x00", Closed),
        input("SUBSCRIBE with packet id 0", "2.3.1-1", b"\x82\x06\x00\x00\x00\x01a\x00", Closed),
        input("SUBSCRIBE without filters", "3.8.3-3", b"\x82\x02\x00\x01", Closed),
        input("SUBSCRIBE without anything", "2.3.1-1", b"\x82\x00", Closed),
        input("SUBSCRIBE without QoS", "3.8.3-3", b"\x82\x05\x00\x01\x00\x01a", Closed),
        input("SUBSCRIBE with QoS 3", "3-8.3-4", b"\x82\x06\x00\x01\x00\x01a\x03", Closed),
        input("SUBSCRIBE with reserved bits", "3-8.3-4", b"\x82\x06\x00\x01\x00\x01a\x04", Closed),
        input("SUBSCRIBE in bad UTF-8", "3.8.3-1", b"\x82\x06\x00\x01\x00\x01\xff\x00", Closed),
        input("SUBSCRIBE cut short", "3.8.3-1", b"\x82\x05\x00\x01\x00\x05a", Closed),
        input("SUBSCRIBE to #/a", "4.7.1-2", subscribe("#/a"), refused()),
        input("SUBSCRIBE to a#", "4.7.1-2", subscribe("a#"), refused()),
        input("SUBSCRIBE to a+", "4.7.1-3", subscribe("a+"), refused()),
        input("SUBSCRIBE to nothing", "4.7.3-1", subscribe(""), Closed),
        input("SUBSCRIBE with NUL", "4.7.3-2", subscribe("a\0"), Closed),
        input(
            "SUBSCRIBE with an empty filter behind another",
            "4.7.3-1",
            b"\x82\x09\x00\x01\x00\x01a\x00\x00\x00\x00",
            Closed,
        ),
        input("UNSUBSCRIBE from nothing", "4.7.3-1", b"\xa2\x04\x00\x01\x00\x00", Closed),
        input("UNSUBSCRIBE with NUL", "4.7.3-2", b"\xa2\x05\x00\x01\x00\x01\x00", Closed),
        input(
            "UNSUBSCRIBE with NUL behind another",
            "1.5.3-2",
            b"\xa2\x08\x00\x01\x00\x01a\x00\x01\x00",
            Closed,
        ),
        input("SUBSCRIBE to 32,767 wildcards", "4.7.3-3", subscribe(&deep), Goes(SUBACK_1_GRANTED.into())),
        input("UNSUBSCRIBE without its flag", "3.10.1-1", b"\xa0\x05\x00\x01\x00\x01a", Closed),
        input("UNSUBSCRIBE with packet id 0", "2.3.1-1", b"\xa2\x05\x00\x00\x00\x01a", Closed),
        input("UNSUBSCRIBE without filters", "3.10.3-2", b"\xa2\x02\x00\x01", Closed),
        input("UNSUBSCRIBE in bad UTF-8", "3.10.3-1", b"\xa2\x05\x00\x01\x00\x01\xff", Closed),
        input("UNSUBSCRIBE cut short", "3.10.3-1", b"\xa2\x01\x00", Closed),
        input(
            "UNSUBSCRIBE from what is not subscribed",
            "3.10.4-5",
            b"\xa2\x05\x00\x01\x00\x01?",
            Goes(b"\xb0\x02\x00\x01".into()),
        ),
    ]
}

fn others() -> Vec<Input> {
    vec![
        input("packet type 0", "section 2.2.1", b"\x00\x00", Closed),
        input("packet type 15", "section 2.2.1", b"\xf0\x00", Closed),
        input("second CONNECT", "3.1.0-2", connect(2, b"\x00\x01a"), Closed),
        input("CONNACK from a client", "4.8.0-1", CONNACK, Closed),
        input("SUBACK from a client", "4.8.0-1", SUBACK_1_GRANTED, Closed),
        input("UNSUBACK from a client", "4.8.0-1", b"\xb0\x02\x00\x01", Closed),
        input("PINGRESP from a client", "4.8.0-1", b"\xd0\x00", Closed),
        input("PINGREQ with flags", "2.2.2-2", b"\xc1\x00", Closed),
        input("PINGREQ with a payload", "4.8.0-1", b"\xc0\x01a", Closed),
        input("PINGREQ with a long-winded length", "section 2.2.3", b"\xc0\x80\x00", Closed),
        input("DISCONNECT with flags", "3.14.1-1", b"\xe1\x00", Closed),
        input("DISCONNECT with a payload", "4.8.0-1", b"\xe0\x01a", Closed),
        input("a length of five bytes", "section 2.2.3", b"\x30\xff\xff\xff\xff\x7f", Closed),
        input("a packet of 268 MB", "section 2.2.3", b"\x82\xff\xff\xff\x7f", Closed),
        input("what follows DISCONNECT", "3.14.4-2", b"\xe0\x00\x32\x06\x00\x01a\x00\x01x", Closed),
    ]
}
