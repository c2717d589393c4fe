//! Bytes that no client of MQTT 5 should send: each gets its reason and costs its own connection.

use mqtt_proto::QoS;
use mqtt_proto::v5::{ConnectReasonCode, DisconnectReasonCode as Reason, DisconnectReasonCode::*};

use crate::common::TestBroker;
use crate::v5::client::{V5, connect, options};

/// What a connected client may send; the specification's statement that forbids it, or the section where none has a number;
/// and the reason it is disconnected with.
const AFTER_CONNECT: &[(&str, &str, &[u8], Reason)] = &[
    ("packet type 0", "2.1.2", b"\x00\x00", MalformedPacket),
    ("a second CONNECT", "MQTT-3.1.0-2", b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a", ProtocolError),
    ("CONNACK", "3.2", b"\x20\x03\x00\x00\x00", ProtocolError),
    ("SUBACK", "3.9", b"\x90\x04\x00\x01\x00\x00", ProtocolError),
    ("PINGRESP", "3.13", b"\xd0\x00", ProtocolError),
    ("AUTH", "4.12", b"\xf0\x00", ProtocolError),
    ("PUBLISH with QoS 3", "MQTT-3.3.1-4", b"\x36\x07\x00\x01a\x00\x01\x00x", MalformedPacket),
    ("PUBLISH with QoS 0 and DUP", "MQTT-3.3.1-2", b"\x38\x05\x00\x01a\x00x", ProtocolError),
    ("PUBLISH with packet id 0", "MQTT-2.2.1-3", b"\x32\x07\x00\x01a\x00\x00\x00x", ProtocolError),
    ("PUBLISH without properties", "3.3.2.3.1", b"\x30\x03\x00\x01a", MalformedPacket),
    ("PUBLISH without topic and alias", "3.3.2.1", b"\x30\x04\x00\x00\x00x", ProtocolError),
    ("PUBLISH with a wildcard", "MQTT-3.3.2-2", b"\x30\x04\x00\x01+\x00", MalformedPacket),
    ("PUBLISH with NUL", "MQTT-1.5.4-2", b"\x30\x05\x00\x02a\x00\x00", MalformedPacket),
    ("PUBLISH in bad UTF-8", "MQTT-1.5.4-1", b"\x30\x05\x00\x02\xc3\x28\x00", MalformedPacket),
    ("topic alias 0", "MQTT-3.3.2-8", b"\x30\x08\x00\x01a\x03\x23\x00\x00x", TopicAliasInvalid),
    (
        "topic alias beyond the maximum",
        "MQTT-3.3.2-9",
        b"\x30\x08\x00\x01a\x03\x23\x00\x09x",
        TopicAliasInvalid,
    ),
    ("topic alias without a topic", "MQTT-3.3.2-7", b"\x30\x07\x00\x00\x03\x23\x00\x01x", ProtocolError),
    ("topic alias twice", "3.3.2.3.4", b"\x30\x0a\x00\x01a\x06\x23\x00\x01\x23\x00\x01", ProtocolError),
    ("an unknown property", "2.2.2.2", b"\x30\x06\x00\x01a\x02\x7f\x00", MalformedPacket),
    ("a property of CONNECT", "2.2.2.2", b"\x30\x07\x00\x01a\x03\x21\x00\x01", MalformedPacket),
    ("properties longer than the packet", "2.2.2.1", b"\x30\x05\x00\x01a\x09\x01", MalformedPacket),
    (
        "a property cut short by its length",
        "2.2.2.1",
        b"\x30\x09\x00\x01a\x02\x02\x00\x00\x00\x01",
        MalformedPacket,
    ),
    ("a long-winded property length", "MQTT-1.5.5-1", b"\x30\x06\x00\x01a\x80\x00x", MalformedPacket),
    ("a property length of five bytes", "1.5.5", b"\x30\x08\x00\x01a\x80\x80\x80\x80\x01", MalformedPacket),
    ("payload format 2", "3.3.2.3.2", b"\x30\x06\x00\x01a\x02\x01\x02", ProtocolError),
    ("payload format twice", "3.3.2.3.2", b"\x30\x08\x00\x01a\x04\x01\x00\x01\x00", ProtocolError),
    (
        "a payload that is not what it says",
        "3.3.2.3.2",
        b"\x30\x07\x00\x01a\x02\x01\x01\xff",
        PayloadFormatInvalid,
    ),
    (
        "a response topic with a wildcard",
        "MQTT-3.3.2-14",
        b"\x30\x08\x00\x01a\x04\x08\x00\x01#",
        ProtocolError,
    ),
    ("an empty response topic", "MQTT-4.7.3-1", b"\x30\x07\x00\x01a\x03\x08\x00\x00", ProtocolError),
    ("NUL in the content type", "MQTT-1.5.4-2", b"\x30\x08\x00\x01a\x04\x03\x00\x01\x00", MalformedPacket),
    (
        "NUL in a user property",
        "MQTT-1.5.4-2",
        b"\x30\x0b\x00\x01a\x07\x26\x00\x01\x00\x00\x01b",
        MalformedPacket,
    ),
    ("a user property without value", "1.5.7", b"\x30\x08\x00\x01a\x04\x26\x00\x01a", MalformedPacket),
    (
        "a subscription identifier from a client",
        "MQTT-3.3.4-6",
        b"\x30\x06\x00\x01a\x02\x0b\x01",
        ProtocolError,
    ),
    ("PUBACK with packet id 0", "2.2.1", b"\x40\x02\x00\x00", ProtocolError),
    ("PUBACK with an unknown reason", "MQTT-3.4.2-1", b"\x40\x03\x00\x01\x42", ProtocolError),
    ("PUBACK with a byte more", "3.4.2.2", b"\x40\x05\x00\x01\x00\x00\x00", MalformedPacket),
    ("PUBACK with reserved flags", "MQTT-2.1.3-1", b"\x41\x02\x00\x01", MalformedPacket),
    ("PUBREL without its flag", "MQTT-3.6.1-1", b"\x60\x02\x00\x01", MalformedPacket),
    ("PUBREL with another property", "2.2.2.2", b"\x62\x07\x00\x01\x00\x03\x21\x00\x01", MalformedPacket),
    ("SUBSCRIBE without its flag", "MQTT-3.8.1-1", b"\x80\x07\x00\x01\x00\x00\x01a\x00", MalformedPacket),
    ("SUBSCRIBE with packet id 0", "MQTT-2.2.1-3", b"\x82\x07\x00\x00\x00\x00\x01a\x00", ProtocolError),
    ("SUBSCRIBE without filters", "MQTT-3.8.3-2", b"\x82\x03\x00\x01\x00", ProtocolError),
    ("SUBSCRIBE with QoS 3", "3.8.3.1", b"\x82\x07\x00\x01\x00\x00\x01a\x03", ProtocolError),
    ("SUBSCRIBE with retain handling 3", "3.8.3.1", b"\x82\x07\x00\x01\x00\x00\x01a\x30", ProtocolError),
    ("SUBSCRIBE with reserved bits", "MQTT-3.8.3-5", b"\x82\x07\x00\x01\x00\x00\x01a\x40", MalformedPacket),
    ("SUBSCRIBE to nothing", "MQTT-4.7.3-1", b"\x82\x06\x00\x01\x00\x00\x00\x00", MalformedPacket),
    ("SUBSCRIBE with identifier 0", "3.8.2.1.2", b"\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", ProtocolError),
    (
        "SUBSCRIBE with a long-winded one",
        "MQTT-1.5.5-1",
        b"\x82\x0a\x00\x01\x03\x0b\x81\x00\x00\x01a\x00",
        MalformedPacket,
    ),
    (
        "an identifier of five bytes",
        "1.5.5",
        b"\x82\x0d\x00\x01\x06\x0b\xff\xff\xff\xff\x01\x00\x01a\x00",
        MalformedPacket,
    ),
    ("SUBSCRIBE with two", "3.8.2.1.2", b"\x82\x0b\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00", ProtocolError),
    ("no local, and shared", "MQTT-3.8.3-4", b"\x82\x10\x00\x01\x00\x00\x0a$share/g/a\x04", ProtocolError),
    ("UNSUBSCRIBE without filters", "MQTT-3.10.3-2", b"\xa2\x03\x00\x01\x00", ProtocolError),
    ("PINGREQ with a payload", "3.12", b"\xc0\x01a", MalformedPacket),
    ("DISCONNECT with flags", "MQTT-3.14.1-1", b"\xe1\x00", MalformedPacket),
    ("DISCONNECT for no known reason", "MQTT-3.14.2-1", b"\xe0\x01\x42", ProtocolError),
    (
        "DISCONNECT that makes a session last",
        "3.14.2.2.2",
        b"\xe0\x07\x00\x05\x11\x00\x00\x00\x01",
        ProtocolError,
    ),
    ("DISCONNECT with a byte more", "3.14.2.2", b"\xe0\x03\x00\x00\x00", MalformedPacket),
    ("a length of five bytes", "1.5.5", b"\x30\xff\xff\xff\xff\x7f", MalformedPacket),
    ("a packet of 268 MB", "MQTT-3.2.2-15", b"\x30\xff\xff\xff\x7f", PacketTooLarge),
];

#[test]
fn each_violation_gets_its_reason() {
    let broker = TestBroker::start();
    let (mut witness, _) = V5::connect(broker.address, connect("witness"));
    witness.subscribe("witnessed", options(QoS::Level1));
    for (number, (what, says, bytes, reason)) in AFTER_CONNECT.iter().enumerate() {
        println!("{what} [{says}]");
        let (mut client, _) = V5::connect(broker.address, connect(&format!("client {number}")));
        client.send_bytes(bytes);
        client.expect_disconnect(*reason);
    }
    broker.client("publisher").publish("witnessed", "still here");
    witness.expect_message("still here");
}

/// A CONNECT of the client `a` with these flags, properties, and what comes behind the id.
fn connect_bytes(flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let body =
        [b"\x00\x04MQTT\x05", &[flags, 0, 60, properties.len() as u8][..], properties, b"\x00\x01a", payload]
            .concat();
    [&[0x10, body.len() as u8], &body[..]].concat()
}

#[test]
fn a_connect_that_is_none_is_told_so() {
    const MALFORMED: ConnectReasonCode = ConnectReasonCode::MalformedPacket;
    const PROTOCOL: ConnectReasonCode = ConnectReasonCode::ProtocolError;
    let broker = TestBroker::start();
    let cases = [
        ("the reserved flag", "MQTT-3.1.2-3", connect_bytes(0x03, b"", b""), MALFORMED),
        ("will retain without a will", "MQTT-3.1.2-13", connect_bytes(0x22, b"", b""), MALFORMED),
        ("will QoS without a will", "MQTT-3.1.2-11", connect_bytes(0x0a, b"", b""), MALFORMED),
        ("a will cut short", "MQTT-3.1.2-9", connect_bytes(0x06, b"", b"\x00\x00\x09t"), MALFORMED),
        ("a will to nowhere", "MQTT-4.7.3-1", connect_bytes(0x06, b"", b"\x00\x00\x00\x00\x01m"), PROTOCOL),
        (
            "a wildcard in the will",
            "MQTT-4.7.0-1",
            connect_bytes(0x06, b"", b"\x00\x00\x01#\x00\x01m"),
            MALFORMED,
        ),
        (
            "another's property in the will",
            "2.2.2.2",
            connect_bytes(0x06, b"", b"\x03\x21\x00\x01\x00\x01t\x00\x01m"),
            MALFORMED,
        ),
        ("a byte more", "3.1.3", connect_bytes(0x02, b"", b"x"), MALFORMED),
        ("an unknown property", "2.2.2.2", connect_bytes(0x02, b"\x7f", b""), MALFORMED),
        ("a property of PUBLISH", "2.2.2.2", connect_bytes(0x02, b"\x01\x00", b""), MALFORMED),
        (
            "session expiry twice",
            "3.1.2.11.2",
            connect_bytes(0x02, b"\x11\0\0\0\x01\x11\0\0\0\x02", b""),
            PROTOCOL,
        ),
        ("receive maximum 0", "3.1.2.11.3", connect_bytes(0x02, b"\x21\0\0", b""), PROTOCOL),
        ("maximum packet size 0", "3.1.2.11.4", connect_bytes(0x02, b"\x27\0\0\0\0", b""), PROTOCOL),
        ("request problem information 2", "3.1.2.11.7", connect_bytes(0x02, b"\x17\x02", b""), PROTOCOL),
        (
            "authentication data without a method",
            "3.1.2.11.10",
            connect_bytes(0x02, b"\x16\0\x01x", b""),
            PROTOCOL,
        ),
        (
            "NUL in a user property",
            "MQTT-1.5.4-2",
            connect_bytes(0x02, b"\x26\0\x01\0\0\x01b", b""),
            MALFORMED,
        ),
    ];
    for (what, says, bytes, reason) in cases {
        println!("{what} [{says}]");
        let mut client = V5::raw(broker.address);
        client.send_bytes(&bytes);
        assert_eq!(client.expect_connack().reason_code, reason);
        client.expect_end();
    }
    // With neither of that it is one. MQTT 5 allows a password without a user name.
    let mut client = V5::raw(broker.address);
    client.send_bytes(&connect_bytes(0x42, b"\x21\0\x01", b"\x00\x01p"));
    assert_eq!(client.expect_connack().reason_code, ConnectReasonCode::Success);
}

#[test]
fn the_long_forms_of_acknowledgements_are_understood() {
    let broker = TestBroker::start();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    for bytes in [&b"\x40\x02\x00\x01"[..], b"\x40\x03\x00\x01\x00", b"\x40\x04\x00\x01\x00\x00"] {
        client.send_bytes(bytes);
        client.ping();
    }
    client.send_bytes(b"\xe0\x01\x00");
    client.expect_end();
}

/// Pseudo-random packets: the broker outlives them.
#[test]
fn noise_is_survived() {
    use std::io::Write;
    let broker = TestBroker::start();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for round in 0..300 {
        let mut client = V5::raw(broker.address);
        if round % 3 > 0 {
            client = V5::connect(broker.address, connect("noise")).0;
        }
        for _ in 0..20 {
            let length = random(60) as usize;
            let kind = if round % 3 == 0 { 0x10 } else { (random(16) << 4 | random(16)) as u8 };
            let mut packet = vec![kind, length as u8];
            if round % 3 == 0 {
                packet.extend(b"\x00\x04MQTT\x05\x06\x00\x3c");
                packet[1] += 10;
            }
            // Small bytes look like lengths and property ids; large ones like anything else.
            packet.extend((0..length).map(|_| random(if round % 2 == 0 { 48 } else { 256 }) as u8));
            if client.stream.write_all(&packet).is_err() {
                break;
            }
        }
    }
    V5::connect(broker.address, connect("after")).0.ping();
}
