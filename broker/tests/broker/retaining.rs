//! Retained messages, and the broker's own figures among them.

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck};

use crate::common::{TestBroker, qos0, text};

#[test]
fn new_subscriptions_get_what_is_retained() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    let mut early = broker.client("early");
    early.subscribe("a/#", QoS::AtLeastOnce);
    publisher.publish_retain("a/b", "old", true);
    publisher.publish_retain("a/b", "new", true);
    publisher.publish("a/b", "not retained");
    for payload in ["old", "new", "not retained"] {
        let message = early.receive_message();
        assert_eq!((text(&message).as_str(), message.retain), (payload, false));
        early.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    let mut late = broker.client("late");
    // Every subscription brings it again, also the same one.
    for qos in [QoS::AtLeastOnce, QoS::AtMostOnce] {
        late.subscribe("+/b", qos);
        let message = late.receive_message();
        assert_eq!((text(&message).as_str(), message.retain, message.qos), ("new", true, qos));
    }
    late.send(&Packet::PubAck(PubAck::new(1)));
    late.ping();
}

#[test]
fn an_empty_retained_message_deletes_and_is_delivered() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    publisher.publish_retain("a", "x", true);
    // Empty, but not retained: deletes nothing.
    publisher.publish("a", "");
    let mut early = broker.client("early");
    early.subscribe("a", QoS::AtLeastOnce);
    early.expect_messages(["x"]);
    publisher.publish_retain("a", "", true);
    early.expect_messages([""]);
    let mut late = broker.client("late");
    late.subscribe("a", QoS::AtLeastOnce);
    late.expect_silence();
}

#[test]
fn thousands_of_retained_messages_are_sent_on_one_subscription() {
    const COUNT: usize = 3_000;
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    for number in 0..COUNT {
        let mut packet = qos0(&format!("a/{number:05}"), "x");
        if let Packet::Publish(publish) = &mut packet {
            publish.retain = true;
        }
        publisher.send(&packet);
    }
    publisher.publish("other", "dealt with");
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let mut subscriber = broker.client("subscriber");
        subscriber.subscribe("#", qos);
        for number in 0..COUNT {
            let message = subscriber.receive_message();
            assert_eq!(message.topic, format!("a/{number:05}"));
            assert!(message.retain);
        }
    }
}

#[test]
fn leading_wildcards_do_not_see_the_brokers_figures() {
    let broker = TestBroker::start();
    let mut client = broker.client("client");
    client.subscribe("#", QoS::AtMostOnce);
    client.subscribe("+/broker/version", QoS::AtMostOnce);
    client.expect_silence();
    client.subscribe("$SYS/broker/version", QoS::AtMostOnce);
    let message = client.receive_message();
    assert!(message.retain);
    assert_eq!(text(&message), concat!("powerpi-broker ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn retained_messages_are_limited() {
    // The broker's own figures do not count.
    let broker = TestBroker::with(|settings| settings.mqtt.max_retained = 1);
    let mut client = broker.client("client");
    client.publish_retain("a", "kept", true);
    client.publish_retain("b", "not kept", true);
    client.publish_retain("a", "kept instead", true);
    client.subscribe("+", QoS::AtMostOnce);
    assert_eq!(text(&client.receive_message()), "kept instead");
    client.expect_silence();
}
