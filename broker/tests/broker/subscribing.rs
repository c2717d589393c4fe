//! SUBSCRIBE and UNSUBSCRIBE.

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, Subscribe, SubscribeFilter, SubscribeReasonCode, UnsubAck, Unsubscribe};

use crate::common::{TestBroker, text};

#[test]
fn wildcards_match_levels() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    let cases: [(&str, &[&str]); 8] = [
        ("a/b", &["a/b"]),
        ("a/+", &["a/b", "a/"]),
        ("a/#", &["a", "a/b", "a/", "a/b/c"]),
        ("+", &["a"]),
        ("+/+", &["a/b", "a/", "/b"]),
        ("/+", &["/b"]),
        ("#", &["a", "a/b", "a/", "a/b/c", "/b"]),
        ("$x/+", &["$x/y"]),
    ];
    for (number, (filter, expected)) in cases.iter().enumerate() {
        let mut subscriber = broker.client(&format!("subscriber {number}"));
        subscriber.subscribe(filter, QoS::AtLeastOnce);
        for topic in ["a", "a/b", "a/", "a/b/c", "/b", "$x/y"] {
            publisher.publish(topic, topic);
        }
        subscriber.expect_messages(*expected);
        subscriber.ping();
    }
}

#[test]
fn invalid_filters_are_refused_one_by_one() {
    let broker = TestBroker::start();
    let mut client = broker.client("client");
    let filter = |path: &str| SubscribeFilter::new(path.to_owned(), QoS::AtLeastOnce);
    let mut subscribe = Subscribe::new_many(["a", "a#", "$share/g", "#/b", "b"].map(filter));
    subscribe.pkid = 5;
    client.send(&Packet::Subscribe(subscribe));
    let Packet::SubAck(suback) = client.receive() else {
        panic!("expected a SUBACK");
    };
    let granted = SubscribeReasonCode::Success(QoS::AtLeastOnce);
    let refused = SubscribeReasonCode::Failure;
    assert_eq!(suback.pkid, 5);
    assert_eq!(suback.return_codes, [granted, refused, refused, refused, granted]);
    client.publish("other", "nobody");
    client.ping();
}

#[test]
fn subscriptions_of_a_session_are_limited() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_subscriptions = 2);
    let mut client = broker.client("client");
    client.subscribe("a", QoS::AtMostOnce);
    client.subscribe("b", QoS::AtMostOnce);
    let refused = client.try_subscribe("c", QoS::AtMostOnce);
    assert_eq!(refused, SubscribeReasonCode::Failure);
    client.subscribe("b", QoS::AtLeastOnce);
}

#[test]
fn different_filters_are_limited() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_filters = 2);
    let mut client = broker.client("client");
    client.subscribe("a", QoS::AtMostOnce);
    client.subscribe("b", QoS::AtMostOnce);
    // This one is past the router's memory, and the last of three quarters of twice as many.
    client.subscribe("c/+", QoS::AtMostOnce);
    let refused = client.try_subscribe("e", QoS::AtMostOnce);
    assert_eq!(refused, SubscribeReasonCode::Failure);
    let mut other = broker.client("other");
    other.subscribe("a", QoS::AtLeastOnce);
    other.subscribe("c/+", QoS::AtLeastOnce);
    broker.client("publisher").publish("c/d", "x");
    assert_eq!(client.receive_message().topic, "c/d");
    other.expect_messages(["x"]);
    // What somebody gives up, somebody else may have.
    let mut unsubscribe = Unsubscribe::new("b");
    unsubscribe.pkid = 5;
    client.send(&Packet::Unsubscribe(unsubscribe));
    assert_eq!(client.receive(), Packet::UnsubAck(UnsubAck::new(5)));
    client.subscribe("e", QoS::AtMostOnce);
}

#[test]
fn topics_beyond_the_routers_memory_are_matched_as_well() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_topics = 2);
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("+/x", QoS::AtLeastOnce);
    let mut publisher = broker.client("publisher");
    let topics: Vec<_> = (0..10).map(|n| format!("{n}/x")).collect();
    for topic in &topics {
        publisher.publish(topic, topic);
        publisher.publish(&format!("{topic}/y"), "not for us");
    }
    subscriber.expect_messages(&topics);
}

#[test]
fn overlapping_subscriptions_deliver_once_with_the_highest_qos() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    for (filter, qos) in [("a/#", QoS::AtMostOnce), ("a/b", QoS::AtLeastOnce), ("+/b", QoS::AtMostOnce)] {
        subscriber.subscribe(filter, qos);
    }
    broker.client("publisher").publish("a/b", "once");
    let message = subscriber.receive_message();
    assert_eq!((message.qos, text(&message).as_str()), (QoS::AtLeastOnce, "once"));
    subscriber.expect_silence();
}

#[test]
fn a_second_subscription_replaces_the_first() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    subscriber.subscribe("a", QoS::AtMostOnce);
    broker.client("publisher").publish("a", "x");
    assert_eq!(subscriber.receive_message().qos, QoS::AtMostOnce);
    subscriber.expect_silence();
}

#[test]
fn unsubscribe_ends_deliveries() {
    let broker = TestBroker::start();
    let mut client = broker.client("client");
    let mut other = broker.client("other");
    let mut publisher = broker.client("publisher");
    client.subscribe("a", QoS::AtLeastOnce);
    other.subscribe("a", QoS::AtLeastOnce);
    for remaining in [true, false] {
        let leaving = if remaining { &mut client } else { &mut other };
        let mut unsubscribe = Unsubscribe::new("a");
        unsubscribe.topics.push("never subscribed".to_owned());
        unsubscribe.pkid = 9;
        leaving.send(&Packet::Unsubscribe(unsubscribe));
        assert_eq!(leaving.receive(), Packet::UnsubAck(UnsubAck::new(9)));
        publisher.publish("a", "x");
        if remaining {
            other.expect_messages(["x"]);
        }
    }
    client.ping();
    other.ping();
    // The router has seen the filter before; it works again.
    client.subscribe("a", QoS::AtLeastOnce);
    publisher.publish("a", "again");
    client.expect_messages(["again"]);
}
