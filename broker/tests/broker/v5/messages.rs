//! Messages: what is said of them, how old they get, how many and how large they may be.

use std::time::Duration;

use bytes::Bytes;
use mqtt_proto::v5::{
    DisconnectReasonCode, Packet, Puback, PubackReasonCode, Pubcomp, PubcompReasonCode, Publish,
    PublishProperties, Pubrec, PubrecReasonCode, Pubrel, PubrelReasonCode, UserProperty,
};
use mqtt_proto::{QoS, QosPid};

use crate::common::TestBroker;
use crate::v5::client::{V5, connect, lasting, message, options, pid, text};

/// Everything that can be said.
pub(crate) fn properties() -> PublishProperties {
    let user = |name: &str, value: &str| UserProperty { name: name.into(), value: value.into() };
    PublishProperties {
        payload_is_utf8: Some(true),
        content_type: Some("text/plain; größe".into()),
        response_topic: Some("answers/here".try_into().unwrap()),
        correlation_data: Some(Bytes::from_static(b"\x00\xff\x01")),
        user_properties: vec![user("a", "1"), user("b", ""), user("a", "2")],
        ..PublishProperties::default()
    }
}

pub(crate) fn with_properties(topic: &str, payload: &str) -> Publish {
    Publish { properties: properties(), ..message(QoS::Level1, topic, payload) }
}

#[test]
fn what_is_said_of_a_message_arrives_with_it() {
    let broker = TestBroker::start();
    let (mut subscriber, _) = V5::connect(broker.address, connect("subscriber"));
    let mut old_subscriber = broker.client("old subscriber");
    old_subscriber.subscribe("a", rumqttc::mqttbytes::QoS::AtLeastOnce);
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    for qos in [QoS::Level0, QoS::Level1, QoS::Level2] {
        subscriber.subscribe("a", options(qos));
        publisher.publish(with_properties("a", "x"));
        assert_eq!(subscriber.receive_message().properties, properties(), "{qos:?}");
        old_subscriber.expect_messages(["x"]);
    }
    // And back: of a message from MQTT 3.1.1 nothing is said.
    broker.client("old publisher").publish("a", "y");
    let message = subscriber.receive_message();
    assert_eq!((text(&message), &message.properties), ("y", &PublishProperties::default()));
    // Retained messages have them as well.
    let mut retained = with_properties("r", "x");
    retained.retain = true;
    publisher.publish(retained);
    subscriber.subscribe("r", options(QoS::Level0));
    assert_eq!(subscriber.receive_message().properties, properties());
}

#[test]
fn a_message_grows_old_and_is_not_sent_any_more() {
    let broker = TestBroker::start();
    V5::connect(broker.address, lasting("absent", 100)).0.leave();
    let (mut absent, _) = V5::connect(broker.address, lasting("absent", 100));
    absent.subscribe("#", options(QoS::Level1));
    absent.leave();
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    let mut publish = |topic: &str, interval, retain| {
        let mut publish = Publish { retain, ..message(QoS::Level1, topic, topic) };
        publish.properties.message_expiry_interval = Some(interval);
        publisher.publish(publish);
    };
    publish("short", 2, false);
    publish("long", 100, false);
    publish("short/retained", 2, true);
    publish("long/retained", 100, true);
    std::thread::sleep(Duration::from_millis(3_200));
    let left = |publish: &Publish| publish.properties.message_expiry_interval.unwrap();
    let (mut absent, _) = V5::connect(broker.address, lasting("absent", 100));
    for payload in ["long", "long/retained"] {
        let left = left(&absent.expect_message(payload));
        assert!((60..=97).contains(&left), "{left} seconds left");
    }
    absent.expect_silence();
    let (mut late, _) = V5::connect(broker.address, connect("late"));
    late.subscribe("#", options(QoS::Level1));
    let left = left(&late.expect_message("long/retained"));
    assert!((60..=97).contains(&left), "{left} seconds left");
    late.expect_silence();
}

#[test]
fn no_more_are_under_way_than_the_client_takes() {
    let broker = TestBroker::start();
    let mut modest = lasting("modest", 100);
    modest.properties.receive_max = Some(3);
    let (mut client, _) = V5::connect(broker.address, modest.clone());
    client.subscribe("a", options(QoS::Level2));
    broker.client("publisher").publish_numbers("a", 0..10);
    for number in 0..3 {
        assert_eq!(text(&client.receive_message()), number.to_string());
    }
    client.expect_silence();
    client.send(Puback::new_success(pid(2)));
    assert_eq!(text(&client.receive_message()), "3");
    client.expect_silence();
    drop(client);
    // A new connection may take fewer; what was under way comes first, and marked.
    modest.properties.receive_max = Some(1);
    let (mut client, _) = V5::connect(broker.address, modest);
    for number in [0, 2, 3, 4] {
        let publish = client.receive_message();
        assert_eq!((text(&publish), publish.dup), (number.to_string().as_str(), number < 4));
        client.expect_silence();
        client.send(Puback::new_success(publish.qos_pid.pid().unwrap()));
    }
}

#[test]
fn a_message_that_is_too_large_for_a_client_counts_as_taken() {
    let broker = TestBroker::start();
    let mut small = lasting("small", 100);
    small.properties.max_packet_size = Some(60);
    let (mut client, _) = V5::connect(broker.address, small.clone());
    client.subscribe("a", options(QoS::Level2));
    let large = "x".repeat(60);
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    for qos in [QoS::Level0, QoS::Level1, QoS::Level2] {
        publisher.send(message(qos, "a", &large));
    }
    publisher.send(message(QoS::Level1, "a", "fits"));
    client.expect_message("fits");
    client.expect_silence();
    drop(client);
    let (mut client, connack) = V5::connect(broker.address, small);
    assert!(connack.session_present);
    client.expect_silence();
}

#[test]
fn a_publisher_must_not_have_more_unacknowledged_than_it_was_told() {
    let broker = TestBroker::with(|settings| settings.mqtt.in_flight_messages = 2);
    let (mut publisher, connack) = V5::connect(broker.address, connect("publisher"));
    assert_eq!(connack.properties.receive_max, Some(2));
    let qos2 = |id| Publish { qos_pid: QosPid::Level2(pid(id)), ..message(QoS::Level2, "a", "x") };
    for id in [1, 2] {
        publisher.send(qos2(id));
        assert!(matches!(publisher.receive(), Packet::Pubrec(_)));
    }
    publisher.send(Pubrel::new_success(pid(1)));
    assert!(matches!(publisher.receive(), Packet::Pubcomp(_)));
    publisher.send(qos2(3));
    assert!(matches!(publisher.receive(), Packet::Pubrec(_)));
    publisher.send(qos2(4));
    publisher.expect_disconnect(DisconnectReasonCode::ReceiveMaximumExceeded);
}

#[test]
fn acknowledgements_say_more_than_that_it_worked() {
    let broker = TestBroker::start();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    let nobody = client.publish(message(QoS::Level1, "a", "x"));
    assert_eq!(nobody.reason_code, PubackReasonCode::NoMatchingSubscribers);
    client.send(message(QoS::Level2, "a", "x"));
    let nobody = Pubrec::new(pid(7), PubrecReasonCode::NoMatchingSubscribers);
    assert_eq!(client.receive(), Packet::Pubrec(nobody));
    client.send(Pubrel::new_success(pid(7)));
    assert_eq!(client.receive(), Packet::Pubcomp(Pubcomp::new_success(pid(7))));
    client.send(Pubrel::new_success(pid(7)));
    let unknown = Pubcomp::new(pid(7), PubcompReasonCode::PacketIdentifierNotFound);
    assert_eq!(client.receive(), Packet::Pubcomp(unknown));
    client.send(Pubrec::new_success(pid(9)));
    let unknown = Pubrel::new(pid(9), PubrelReasonCode::PacketIdentifierNotFound);
    assert_eq!(client.receive(), Packet::Pubrel(unknown));

    let (mut subscriber, _) = V5::connect(broker.address, lasting("subscriber", 100));
    subscriber.subscribe("a", options(QoS::Level2));
    let reached = client.publish(message(QoS::Level1, "a", "x"));
    assert_eq!(reached.reason_code, PubackReasonCode::Success);
    subscriber.expect_message("x");
    // A subscriber that will not have a message does not get it again.
    client.send(message(QoS::Level2, "a", "y"));
    let id = subscriber.receive_message().qos_pid.pid().unwrap();
    subscriber.send(Pubrec::new(id, PubrecReasonCode::QuotaExceeded));
    subscriber.ping();
    drop(subscriber);
    let (mut subscriber, _) = V5::connect(broker.address, lasting("subscriber", 100));
    subscriber.expect_silence();
}

#[test]
fn a_topic_may_be_sent_as_a_number() {
    let broker = TestBroker::start();
    let (mut subscriber, _) = V5::connect(broker.address, connect("subscriber"));
    subscriber.subscribe("#", options(QoS::Level0));
    let (mut publisher, connack) = V5::connect(broker.address, connect("publisher"));
    let highest = connack.properties.topic_alias_max.unwrap();
    let aliased = |topic: &str, alias| {
        let mut publish = message(QoS::Level1, topic, "x");
        publish.properties.topic_alias = Some(alias);
        publish
    };
    let names = [("a", 1), ("b", highest), ("", 1), ("", highest), ("c", 1), ("", 1)];
    for ((name, alias), topic) in names.into_iter().zip(["a", "b", "a", "b", "c", "c"]) {
        publisher.publish(aliased(name, alias));
        let received = subscriber.receive_message();
        assert_eq!((&*received.topic_name, received.properties.topic_alias), (topic, None));
    }
    // Numbers are forgotten with the connection.
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    publisher.send(aliased("", 1));
    publisher.expect_disconnect(DisconnectReasonCode::ProtocolError);
}

/// [MQTT-3.3.2-8, 3.3.2-9]: the broker gives topics numbers where the client takes them, no more than it takes, and none
/// where it takes none.
#[test]
fn topics_have_numbers_where_the_client_takes_them() {
    let broker = TestBroker::start();
    let topics = ["a/1", "a/2", "a/3", "a/1", "a/3", "a/2", "a/1"];
    let mut wanting = lasting("wanting", 1_000);
    wanting.properties.topic_alias_max = Some(2);
    let (mut wanting, _) = V5::connect(broker.address, wanting);
    let (mut other, _) = V5::connect(broker.address, connect("other"));
    wanting.subscribe("a/#", options(QoS::Level1));
    other.subscribe("a/#", options(QoS::Level0));
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    for topic in topics {
        publisher.publish(message(QoS::Level1, topic, "x"));
    }
    let expected: Vec<(&str, Option<u16>)> = vec![
        ("a/1", Some(1)),
        ("a/2", Some(2)),
        ("a/3", None),
        ("", Some(1)),
        ("a/3", None),
        ("", Some(2)),
        ("", Some(1)),
    ];
    for (topic, alias) in expected {
        let message = wanting.receive_message();
        assert_eq!((&*message.topic_name.to_string(), message.properties.topic_alias), (topic, alias));
    }
    for topic in topics {
        let message = other.receive_message();
        assert_eq!((&*message.topic_name.to_string(), message.properties.topic_alias), (topic, None));
    }
    // Another connection knows none of them.
    drop(wanting);
    let (mut wanting, _) = V5::connect(broker.address, lasting("wanting", 1_000));
    let message = wanting.receive_message();
    assert_eq!((&*message.topic_name.to_string(), message.properties.topic_alias), ("a/1", None));
}
