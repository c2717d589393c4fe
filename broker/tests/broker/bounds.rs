//! Subscribers that are slower than publishers.

use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck};

use crate::common::{Client, TestBroker, qos0, qos1, text};

fn publish_without_waiting(publisher: &mut Client, count: u16) {
    let packets: Vec<_> = (1..=count).map(|id| qos1(id, "a", &id.to_string(), false)).collect();
    publisher.send_all(&packets);
}

#[test]
fn a_publisher_waits_for_a_connected_subscriber_and_nobody_else_does() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 20;
        settings.mqtt.in_flight_messages = 10;
    });
    let mut slow = broker.client("slow");
    slow.subscribe("a", QoS::AtLeastOnce);
    let mut quick = broker.client("quick");
    quick.subscribe("#", QoS::AtMostOnce);
    let mut publisher = broker.client("publisher");
    publish_without_waiting(&mut publisher, 200);
    // Owed to the slow one: some under way, and the rest of the queue. No more is acknowledged.
    let mut acknowledged = 0;
    while acknowledged < 20 {
        acknowledged += 1;
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(acknowledged)));
    }
    std::thread::sleep(Duration::from_millis(200));
    // It waits, but its pings are answered.
    publisher.send(&Packet::PingReq);
    loop {
        match publisher.receive() {
            Packet::PubAck(ack) => acknowledged = ack.pkid,
            Packet::PingResp => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(acknowledged <= 40, "{acknowledged} acknowledged");
    // Others go on.
    broker.client("other").publish("b", "meanwhile");
    for id in 1..=acknowledged {
        assert_eq!(text(&quick.receive_message()), id.to_string());
    }
    assert_eq!(text(&quick.receive_message()), "meanwhile");
    // All of it arrives when the slow one takes it.
    slow.expect_messages((1..=200).map(|id: u16| id.to_string()));
    for id in acknowledged + 1..=200 {
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(id)));
    }
}

#[test]
fn a_client_that_publishes_to_itself_does_not_block_itself() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 5;
        settings.mqtt.in_flight_messages = 5;
    });
    let mut client = broker.client("client");
    client.subscribe("a", QoS::AtLeastOnce);
    publish_without_waiting(&mut client, 500);
    let (mut acknowledged, mut received) = (0, 0);
    while acknowledged < 500 || received < 500 {
        match client.receive() {
            Packet::PubAck(_) => acknowledged += 1,
            Packet::Publish(publish) => {
                received += 1;
                assert_eq!(text(&publish), received.to_string());
                client.send(&Packet::PubAck(PubAck::new(publish.pkid)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_stalled_subscriber_is_disconnected_so_that_publishers_go_on() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 5;
        settings.mqtt.in_flight_messages = 5;
        settings.mqtt.stalled_after_s = 1;
    });
    let (mut stalled, _) = broker.lasting("stalled");
    stalled.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = broker.client("publisher");
    publish_without_waiting(&mut publisher, 50);
    for id in 1..=50 {
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(id)));
    }
    // Being absent, it has lost the oldest of what was not under way.
    let (mut stalled, present) = broker.lasting("stalled");
    assert!(present);
    stalled.expect_messages(["1", "2", "3", "4", "5", "46", "47", "48", "49", "50"]);
}

#[test]
fn an_absent_subscriber_loses_its_oldest_messages() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 10;
        settings.mqtt.max_owed_bytes = 1_000;
    });
    for client_id in ["few", "large"] {
        let (mut subscriber, _) = broker.lasting(client_id);
        subscriber.subscribe(client_id, QoS::AtLeastOnce);
        // Gone once the broker has closed the connection.
        subscriber.send(&Packet::Disconnect);
        subscriber.expect_end();
    }
    let mut publisher = broker.client("publisher");
    for number in 1..=30 {
        publisher.publish("few", &number.to_string());
        publisher.publish("large", &format!("{number:0>395}"));
    }
    let (mut few, _) = broker.lasting("few");
    few.expect_messages((21..=30).map(|number| number.to_string()));
    let (mut large, _) = broker.lasting("large");
    large.expect_messages((28..=30).map(|number| format!("{number:0>395}")));
    large.expect_silence();
}

#[test]
fn qos_0_to_a_client_that_does_not_read_is_dropped_and_nothing_else_is() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_waiting_bytes = 100_000);
    let mut idle = broker.client("idle");
    idle.subscribe("#", QoS::AtLeastOnce);
    let mut publisher = broker.client("publisher");
    let payload = "x".repeat(10_000);
    // More than the sockets' buffers hold.
    for _ in 0..3_000 {
        publisher.send(&qos0("a", &payload));
    }
    publisher.publish("end", "x");
    let mut received = 0;
    loop {
        let message = idle.receive_message();
        if message.topic == "end" {
            break;
        }
        received += 1;
    }
    assert!(received > 0 && received < 3_000, "{received} received");
}

#[test]
fn a_client_that_never_reads_is_disconnected() {
    let broker = TestBroker::with(|settings| settings.mqtt.write_timeout_s = 1);
    let mut watcher = broker.client("watcher");
    watcher.subscribe("status", QoS::AtMostOnce);
    let mut connect = rumqttc::Connect::new("idle");
    connect.last_will = Some(rumqttc::LastWill::new("status", "gone", QoS::AtMostOnce, false));
    let (mut idle, _) = Client::connect(broker.address, connect);
    idle.subscribe("a", QoS::AtMostOnce);
    let mut publisher = broker.client("publisher");
    let payload = "x".repeat(10_000);
    for _ in 0..2_000 {
        publisher.send(&qos0("a", &payload));
    }
    assert_eq!(text(&watcher.receive_message()), "gone");
}

#[test]
fn subscribing_again_and_again_does_not_pile_up_retained_messages() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 20;
        settings.mqtt.in_flight_messages = 5;
    });
    let mut publisher = broker.client("publisher");
    for number in 0..10 {
        publisher.publish_retain(&format!("a/{number}"), "x", true);
    }
    let mut client = broker.client("client");
    for id in 1..=100 {
        let mut subscribe = rumqttc::Subscribe::new("a/#", QoS::AtLeastOnce);
        subscribe.pkid = id;
        client.send(&Packet::Subscribe(subscribe));
    }
    // Only so many are answered before the client has taken something.
    let (mut answered, mut taken) = (0, Vec::new());
    while taken.len() < 5 {
        match client.receive() {
            Packet::SubAck(_) => answered += 1,
            Packet::Publish(publish) => taken.push(publish.pkid),
            other => panic!("{other:?}"),
        }
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(answered <= 4, "{answered} answered");
    let mut received = taken.len();
    for id in taken {
        client.send(&Packet::PubAck(PubAck::new(id)));
    }
    while answered < 100 || received < 1_000 {
        match client.receive() {
            Packet::SubAck(_) => answered += 1,
            Packet::Publish(publish) => {
                received += 1;
                client.send(&Packet::PubAck(PubAck::new(publish.pkid)));
            }
            other => panic!("{other:?}"),
        }
    }
}
