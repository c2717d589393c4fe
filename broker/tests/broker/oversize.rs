//! Messages that are larger than `[mqtt] max_packet_bytes`, from clients of MQTT 3.1.1, which nobody can tell.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck, PubComp, PubRel, Publish};

use crate::common::{TestBroker, bytes_of, qos1, text};
use crate::program::Home;

const PATIENCE: Duration = Duration::from_secs(60);

fn oversize(qos: QoS, packet_id: u16, topic: &str, bytes: usize) -> Packet {
    let mut publish = Publish::new(topic, qos, vec![b'x'; bytes]);
    publish.pkid = packet_id;
    Packet::Publish(publish)
}

/// What mosquitto's client has to say gets through behind what is too large.
#[test]
fn mosquitto_gets_rid_of_300_kilobytes() {
    let home = Home::new();
    let _running = home.start();
    let mut subscriber = home.client("subscriber");
    subscriber.subscribe("a/#", QoS::AtLeastOnce);
    let file = home.path().join("large");
    fs::write(&file, vec![b'x'; 300_000]).unwrap();
    for qos in ["0", "1", "2"] {
        let topic = format!("a/large/{qos}");
        let arguments = ["-V", "311", "-q", qos, "-t", &topic, "-f", file.to_str().unwrap()];
        assert!(home.mosquitto("mosquitto_pub", &arguments).status().unwrap().success(), "QoS {qos}");
    }
    let arguments = ["-V", "311", "-q", "1", "-t", "a/small", "-m", "small"];
    assert!(home.mosquitto("mosquitto_pub", &arguments).status().unwrap().success());
    subscriber.expect_messages(["small"]);
    subscriber.subscribe("$SYS/broker/publish/messages/too large", QoS::AtMostOnce);
    let start = Instant::now();
    while text(&subscriber.receive_message()) != "3" {
        // Figures come every ten seconds.
        assert!(start.elapsed() < PATIENCE);
    }
    for qos in 0..3 {
        let said = format!("message dropped: it is larger than [mqtt] max_packet_bytes: \"a/large/{qos}\"");
        assert!(home.log().contains(&said), "{}", home.log());
    }
}

/// Before, behind and between others, whichever way it comes in.
#[test]
fn what_is_too_large_is_acknowledged_in_its_turn() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_packet_bytes = 1_000);
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("#", QoS::AtLeastOnce);
    let packets = [
        qos1(1, "a", "one", false),
        oversize(QoS::AtLeastOnce, 2, "a", 1_000),
        oversize(QoS::AtMostOnce, 0, "a", 20_000),
        oversize(QoS::ExactlyOnce, 3, "a", 20_000),
        qos1(4, "a", "four", false),
        oversize(QoS::AtLeastOnce, 5, &"t".repeat(900), 1_000),
        Packet::PingReq,
    ];
    let bytes: Vec<u8> = packets.iter().flat_map(bytes_of).collect();
    for piece in [1, 7, 1_003, bytes.len()] {
        let mut publisher = broker.client("publisher");
        for piece in bytes.chunks(piece) {
            publisher.stream.write_all(piece).unwrap();
        }
        let mut answers = Vec::new();
        while answers.len() < 6 {
            match publisher.receive() {
                Packet::PingResp => answers.push((0, 0)),
                Packet::PubAck(ack) => answers.push((1, ack.pkid)),
                Packet::PubRec(ack) => answers.push((2, ack.pkid)),
                other => panic!("{other:?}"),
            }
        }
        // Pings are answered at once.
        answers.retain(|answer| *answer != (0, 0));
        assert_eq!(answers, [(1, 1), (1, 2), (2, 3), (1, 4), (1, 5)], "in pieces of {piece}");
        publisher.send(&Packet::PubRel(PubRel::new(3)));
        assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(3)));
        subscriber.expect_messages(["one", "four"]);
    }
}

/// The most that MQTT knows: 256 MB, of which nothing is kept.
#[test]
fn what_is_too_large_takes_no_memory() {
    const LARGEST: usize = 268_435_455;
    let home = Home::new();
    let running = home.start();
    let mut publisher = home.client("publisher");
    publisher.publish("a", "x");
    let before = running.memory_kib("VmHWM");
    publisher.stream.write_all(b"\x32\xff\xff\xff\x7f\x00\x01a\x00\x07").unwrap();
    let zeros = vec![0; 1 << 20];
    let mut left = LARGEST - 5;
    while left > 0 {
        let piece = left.min(zeros.len());
        publisher.stream.write_all(&zeros[..piece]).unwrap();
        left -= piece;
    }
    assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(7)));
    let more = running.memory_kib("VmHWM") - before;
    assert!(more < 4 * 1024, "{more} KiB more than before");
    publisher.publish("a", "x");
}

#[test]
fn what_is_too_large_and_wrong_ends_its_connection() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_packet_bytes = 1_000);
    let mut wrong = vec![
        ("a wildcard in the topic", bytes_of(&oversize(QoS::AtLeastOnce, 1, "a/#", 1_000))),
        ("an empty topic", bytes_of(&oversize(QoS::AtLeastOnce, 1, "", 1_000))),
        // Its front alone is larger than a packet may be.
        ("a long topic", bytes_of(&oversize(QoS::AtLeastOnce, 1, &"t".repeat(1_001), 0))),
        ("no UTF-8", b"\x32\xff\xff\x7f\x00\x01\xff\x00\x01".to_vec()),
        ("a packet id of 0", b"\x32\xff\xff\x7f\x00\x01a\x00\x00".to_vec()),
        ("QoS 3", b"\x36\xff\xff\x7f\x00\x01a\x00\x01".to_vec()),
        ("a SUBSCRIBE", b"\x82\xff\xff\x7f\x00\x01".to_vec()),
    ];
    let mut duplicate = bytes_of(&oversize(QoS::AtMostOnce, 0, "a", 1_000));
    duplicate[0] |= 0x08;
    wrong.push(("QoS 0 and DUP", duplicate));
    for (what, bytes) in wrong {
        println!("{what}");
        let mut client = broker.client("client");
        // The broker may have closed before all of it was sent.
        let _ = client.stream.write_all(&bytes);
        client.expect_end();
    }
}
