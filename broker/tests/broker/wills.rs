//! Wills are published on every end but a DISCONNECT.

use std::net::Shutdown;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, LastWill, Packet};

use crate::common::{Client, TestBroker, text};

fn with_will(client_id: &str, retain: bool) -> Connect {
    let mut connect = Connect::new(client_id);
    connect.keep_alive = 1;
    connect.last_will = Some(LastWill::new("status", "offline", QoS::AtLeastOnce, retain));
    connect
}

#[test]
fn a_will_is_published_unless_the_client_disconnects() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("status", QoS::AtLeastOnce);

    let (mut client, _) = Client::connect(broker.address, with_will("a", false));
    client.send(&Packet::Disconnect);
    client.expect_end();
    subscriber.expect_silence();

    let (client, _) = Client::connect(broker.address, with_will("a", false));
    client.stream.shutdown(Shutdown::Both).unwrap();
    subscriber.expect_messages(["offline"]);

    let (mut client, _) = Client::connect(broker.address, with_will("a", false));
    client.send_bytes(b"\x00\x00");
    subscriber.expect_messages(["offline"]);

    let (_silent, _) = Client::connect(broker.address, with_will("a", false));
    subscriber.expect_messages(["offline"]);
}

#[test]
fn a_takeover_publishes_the_earlier_will_before_the_later_client_speaks() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("status", QoS::AtLeastOnce);
    let (_earlier, _) = Client::connect(broker.address, with_will("a", false));
    let (mut later, _) = Client::connect(broker.address, with_will("a", false));
    later.publish("status", "online");
    subscriber.expect_messages(["offline", "online"]);
}

#[test]
fn a_retained_will_is_retained() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("status", QoS::AtLeastOnce);
    drop(Client::connect(broker.address, with_will("a", true)));
    subscriber.expect_messages(["offline"]);
    let mut late = broker.client("late");
    late.subscribe("status", QoS::AtLeastOnce);
    let message = late.receive_message();
    assert_eq!((text(&message).as_str(), message.retain), ("offline", true));
}
