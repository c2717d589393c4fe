//! Topics and filters that are longer, or have more levels, than the settings allow.

use mqtt_proto::QoS as V5QoS;
use mqtt_proto::v5::{ConnectReasonCode, DisconnectReasonCode, SubscribeReasonCode as V5Code};
use rumqttc::mqttbytes::QoS;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, LastWill, Packet, SubscribeReasonCode};

use crate::common::{TestBroker, qos0, qos1};
use crate::v5::client::{V5, connect, message, options, with_will};

/// As long as they may be, and with as many levels.
const GOOD: [&str; 3] = ["a/b/c", "//", "0123456789"];
const GOOD_FILTERS: [&str; 3] = ["a/b/c", "+/+/#", "0123456/+"];
const TOO_LONG: [&str; 3] = ["a/b/c/d", "///", "0123456789x"];
const TOO_LONG_FILTERS: [&str; 3] = ["a/b/c/#", "+/+/+/+", "012345678/#"];

fn limited() -> TestBroker {
    TestBroker::with(|settings| {
        settings.mqtt.max_topic_levels = 3;
        settings.mqtt.max_topic_bytes = 10;
    })
}

#[test]
fn topics_and_filters_are_limited_in_mqtt_3() {
    let broker = limited();
    let mut client = broker.client("client");
    for filter in GOOD_FILTERS {
        client.subscribe(filter, QoS::AtMostOnce);
    }
    for filter in TOO_LONG_FILTERS {
        assert_eq!(client.try_subscribe(filter, QoS::AtMostOnce), SubscribeReasonCode::Failure, "{filter}");
    }
    let mut publisher = broker.client("publisher");
    for topic in GOOD {
        publisher.publish(topic, "x");
    }
    for topic in TOO_LONG {
        for packet in [qos0(topic, "x"), qos1(1, topic, "x", true)] {
            let mut publisher = broker.client("too long");
            publisher.send(&packet);
            publisher.expect_end();
        }
    }
    let with_will = |topic: &str| Connect {
        last_will: Some(LastWill::new(topic, "gone", QoS::AtMostOnce, false)),
        ..Connect::new("mortal")
    };
    for topic in GOOD {
        let mut client = broker.raw();
        client.send(&Packet::Connect(with_will(topic)));
        let accepted = ConnAck { session_present: false, code: ConnectReturnCode::Success };
        assert_eq!(client.receive(), Packet::ConnAck(accepted), "{topic}");
    }
    for topic in TOO_LONG {
        let mut client = broker.raw();
        client.send(&Packet::Connect(with_will(topic)));
        let refused = ConnAck { session_present: false, code: ConnectReturnCode::NotAuthorized };
        assert_eq!(client.receive(), Packet::ConnAck(refused), "{topic}");
        client.expect_end();
    }
}

#[test]
fn a_client_of_mqtt_5_is_told_that_its_topic_is_too_long() {
    let broker = limited();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    for filter in GOOD_FILTERS {
        client.subscribe(filter, options(V5QoS::Level0));
    }
    for filter in TOO_LONG_FILTERS {
        let code = client.try_subscribe(filter, options(V5QoS::Level0));
        assert_eq!(code, V5Code::TopicFilterInvalid, "{filter}");
    }
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    for topic in GOOD {
        publisher.publish_text(topic, "x");
    }
    for topic in TOO_LONG {
        for qos in [V5QoS::Level0, V5QoS::Level1, V5QoS::Level2] {
            let (mut publisher, _) = V5::connect(broker.address, connect("too long"));
            publisher.send(message(qos, topic, "x"));
            publisher.expect_disconnect(DisconnectReasonCode::TopicNameInvalid);
        }
        let mut client = V5::raw(broker.address);
        client.send(with_will(connect("mortal"), topic, "gone"));
        assert_eq!(client.expect_connack().reason_code, ConnectReasonCode::TopicNameInvalid, "{topic}");
        client.expect_end();
    }
    V5::connect(broker.address, with_will(connect("mortal"), GOOD[0], "gone"));
}

/// MQTT sets no other limit than the length of a string, and neither does the broker on its own.
#[test]
fn without_a_limit_topics_are_as_long_as_mqtt_allows() {
    let broker = TestBroker::start();
    let mut client = broker.client("client");
    for topic in ["/".repeat(65_535), "x".repeat(65_535)] {
        client.publish(&topic, "x");
        client.subscribe(&topic, QoS::AtMostOnce);
    }
}
