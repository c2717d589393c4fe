//! Bytes that no client should send: they cost their own connection, and nobody else notices.

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, Publish};

use crate::common::{TestBroker, qos0};

/// What a connected client may send to be closed for it.
const AFTER_CONNECT: &[(&str, &[u8])] = &[
    ("packet type 0", b"\x00\x00"),
    ("packet type 15", b"\xf0\x00"),
    ("second CONNECT", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"),
    ("CONNACK", b"\x20\x02\x00\x00"),
    ("SUBACK", b"\x90\x03\x00\x01\x00"),
    ("PINGRESP", b"\xd0\x00"),
    ("PUBLISH with QoS 3", b"\x36\x06\x00\x01a\x00\x01x"),
    ("PUBLISH with QoS 0 and DUP", b"\x38\x04\x00\x01ax"),
    ("PUBLISH with packet id 0", b"\x32\x06\x00\x01a\x00\x00x"),
    ("PUBLISH without packet id", b"\x32\x03\x00\x01a"),
    ("PUBLISH without topic", b"\x30\x02\x00\x00"),
    ("PUBLISH with +", b"\x30\x03\x00\x01+"),
    ("PUBLISH with #", b"\x30\x05\x00\x03a/#"),
    ("PUBLISH with NUL", b"\x30\x04\x00\x02a\x00"),
    ("PUBLISH with bad UTF-8", b"\x30\x04\x00\x02\xc3\x28"),
    ("PUBLISH with a surrogate", b"\x30\x05\x00\x03\xed\xa0\x80"),
    ("PUBLISH with a topic beyond its end", b"\x30\x03\x00\x09a"),
    ("PUBLISH under $SYS", b"\x30\x08\x00\x06$SYS/a"),
    ("PUBACK with packet id 0", b"\x40\x02\x00\x00"),
    ("PUBACK with a byte more", b"\x40\x03\x00\x01\x00"),
    ("PUBACK with reserved flags", b"\x41\x02\x00\x01"),
    ("PUBREL without its flag", b"\x60\x02\x00\x01"),
    ("SUBSCRIBE without its flag", b"\x80\x06\x00\x01\x00\x01a\x00"),
    ("SUBSCRIBE with packet id 0", b"\x82\x06\x00\x00\x00\x01a\x00"),
    ("SUBSCRIBE without filters", b"\x82\x02\x00\x01"),
    ("SUBSCRIBE with QoS 3", b"\x82\x06\x00\x01\x00\x01a\x03"),
    ("SUBSCRIBE with reserved bits", b"\x82\x06\x00\x01\x00\x01a\x04"),
    ("SUBSCRIBE cut short", b"\x82\x05\x00\x01\x00\x05a"),
    ("UNSUBSCRIBE without filters", b"\xa2\x02\x00\x01"),
    ("UNSUBSCRIBE cut short", b"\xa2\x01\x00"),
    ("PINGREQ with a payload", b"\xc0\x01a"),
    ("DISCONNECT with flags", b"\xe1\x00"),
    ("a length of five bytes", b"\x30\xff\xff\xff\xff\x7f"),
    ("a packet of 268 MB", b"\x30\xff\xff\xff\x7f"),
    ("PINGREQ with a long-winded length", b"\xc0\x80\x00"),
];

/// What may come in the place of a CONNECT.
const INSTEAD_OF_CONNECT: &[(&str, &[u8])] = &[
    ("PINGREQ", b"\xc0\x00"),
    ("PUBLISH", b"\x30\x04\x00\x01ax"),
    ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    ("another protocol", b"\x10\x0d\x00\x04MQTX\x04\x02\x00\x3c\x00\x01a"),
    ("an empty CONNECT", b"\x10\x00"),
    ("no flags", b"\x10\x07\x00\x04MQTT\x04"),
    ("a reserved flag", b"\x10\x0d\x00\x04MQTT\x04\x03\x00\x3c\x00\x01a"),
    ("a byte more", b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x01axx"),
    ("password without user", b"\x10\x10\x00\x04MQTT\x04\x42\x00\x3c\x00\x01a\x00\x01p"),
    ("NUL in the client id", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01\x00"),
    ("bad UTF-8 in the client id", b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01\xff"),
    ("will QoS without a will", b"\x10\x0d\x00\x04MQTT\x04\x0a\x00\x3c\x00\x01a"),
    ("will QoS 3", b"\x10\x13\x00\x04MQTT\x04\x1e\x00\x3c\x00\x01a\x00\x01t\x00\x01m"),
    ("a wildcard in the will's topic", b"\x10\x13\x00\x04MQTT\x04\x06\x00\x3c\x00\x01a\x00\x01#\x00\x01m"),
    ("a will cut short", b"\x10\x10\x00\x04MQTT\x04\x06\x00\x3c\x00\x01a\x00\x09t"),
];

#[test]
fn a_violation_closes_its_own_connection_only() {
    let broker = TestBroker::start();
    let mut witness = broker.client("witness");
    witness.subscribe("witnessed", QoS::AtMostOnce);
    for (number, (what, bytes)) in AFTER_CONNECT.iter().enumerate() {
        let mut client = broker.client(&format!("client {number}"));
        client.send_bytes(bytes);
        println!("{what}");
        client.expect_end();
    }
    for (what, bytes) in INSTEAD_OF_CONNECT {
        let mut client = broker.raw();
        client.send_bytes(bytes);
        println!("{what}");
        client.expect_end();
    }
    broker.client("publisher").send(&qos0("witnessed", "still here"));
    assert_eq!(witness.receive_message().topic, "witnessed");
}

#[test]
fn a_packet_may_be_as_large_as_the_limit() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_packet_bytes = 1_000);
    let payload = |bytes| "x".repeat(bytes - "..a".len());
    let mut client = broker.client("client");
    client.send(&qos0("a", &payload(1_000)));
    client.ping();
    client.send(&qos0("a", &payload(1_001)));
    client.expect_end();
}

/// What makes rumqttd's own router panic or drop clients does no harm here.
#[test]
fn inputs_that_hurt_rumqttd_are_harmless() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("a//b/+#$");
    subscriber.subscribe("#", QoS::ExactlyOnce);
    subscriber.subscribe("größe/+", QoS::AtLeastOnce);
    subscriber.subscribe("größe/+", QoS::AtMostOnce);
    let mut publisher = broker.client("§");
    for topic in ["größe/x", "éa", "日本", "/", "//", "€", "a//b"] {
        publisher.publish(topic, "x");
        let message = subscriber.receive_message();
        assert_eq!((message.topic.as_str(), message.qos), (topic, QoS::AtLeastOnce));
        subscriber.send(&Packet::PubAck(rumqttc::PubAck::new(message.pkid)));
    }
    // Acknowledgements of nothing, twice, and out of order.
    for packet_id in [9, 1, 9, 65_535] {
        subscriber.send(&Packet::PubAck(rumqttc::PubAck::new(packet_id)));
        subscriber.send(&Packet::PubComp(rumqttc::PubComp::new(packet_id)));
    }
    for _ in 0..20 {
        let mut client = broker.raw();
        client.send_all(&[Packet::Connect(Connect::new("reset")), Packet::PingReq]);
    }
    let mut empty = Publish::new("größe/x", QoS::AtLeastOnce, "");
    empty.pkid = 3;
    publisher.send(&Packet::Publish(empty));
    publisher.receive();
    assert_eq!(subscriber.receive_message().payload.len(), 0);
    publisher.publish("end", "x");
    assert_eq!(subscriber.receive_message().topic, "end");
}

/// Pseudo-random packets: the broker outlives them.
#[test]
fn noise_is_survived() {
    let broker = TestBroker::start();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for round in 0..300 {
        let mut client = broker.client(&format!("noise {round}"));
        for _ in 0..20 {
            let length = random(40) as usize;
            let mut packet = vec![(random(16) << 4 | random(16)) as u8, length as u8];
            // Small bytes look like lengths and ids; large ones like anything else.
            packet.extend((0..length).map(|_| random(if round % 2 == 0 { 4 } else { 256 }) as u8));
            use std::io::Write;
            if client.stream.write_all(&packet).is_err() {
                break;
            }
        }
    }
    broker.client("after").ping();
}
