//! Lasting sessions over restarts of the broker, as their clients left them.

use std::time::Duration;

use mqtt_proto::QoS;
use mqtt_proto::v5::{Disconnect, DisconnectReasonCode, Packet, SubscriptionOptions};

use crate::program::Home;
use crate::v5::client::{V5, connect, lasting, message, options, with_will};

/// [MQTT-3.8.3-3]: nothing comes back to a connection with the client id of the one that has published it, whether it
/// has subscribed over this connection, an earlier one, or before a restart.
#[test]
fn no_local_is_part_of_a_lasting_subscription() {
    let home = Home::new();
    let broker = home.start();
    let (mut witness, _) = V5::connect(home.address, lasting("witness", 1_000));
    witness.subscribe("#", options(QoS::Level1));
    drop(witness);
    let with_will = || with_will(lasting("client", 1_000), "will", "gone");
    let (mut client, _) = V5::connect(home.address, with_will());
    client.subscribe("#", SubscriptionOptions { no_local: true, ..options(QoS::Level2) });
    client.publish_text("a", "first");
    broker.kill();

    // Its will is published by the start.
    let broker = home.start();
    let (mut client, connack) = V5::connect(home.address, with_will());
    // [MQTT-3.2.2-3]: the session is there.
    assert!(connack.session_present);
    for qos in [QoS::Level0, QoS::Level1] {
        client.send(message(qos, "a", "second"));
    }
    assert!(matches!(client.receive(), Packet::Puback(_)));
    home.client("other").publish("a", "another's");
    client.expect_message("another's");
    client.expect_silence();
    drop(client);
    // What it has acknowledged goes to the disk with this one.
    home.client("other").publish("a", "last");
    broker.kill();

    let _broker = home.start();
    let (mut client, connack) = V5::connect(home.address, lasting("client", 1_000));
    assert!(connack.session_present);
    client.expect_message("last");
    client.expect_silence();
    let (mut witness, _) = V5::connect(home.address, lasting("witness", 1_000));
    for payload in ["first", "gone", "second", "another's"] {
        witness.expect_message(payload);
    }
    // In whichever order.
    let mut rest = [(); 2].map(|()| witness.receive_identified().0);
    rest.sort();
    assert_eq!(rest, ["gone", "last"]);
    witness.expect_silence();
}

/// [MQTT-3.1.2-5] and [MQTT-3.1.3-2]: the session goes on from where it was; and without Clean Start nobody has to
/// subscribe again.
#[test]
fn subscriptions_bring_messages_before_anybody_subscribes_again() {
    let home = Home::new();
    let broker = home.start();
    let (mut client, connack) = V5::connect(home.address, lasting("client", 1_000));
    assert!(!connack.session_present);
    client.subscribe("a/+", options(QoS::Level1));
    broker.kill();

    let _broker = home.start();
    let (mut client, connack) = V5::connect(home.address, lasting("client", 1_000));
    assert!(connack.session_present);
    client.publish_text("a/b", "own");
    client.expect_message("own");
    // [MQTT-3.1.2-4]: a Clean Start is the end of it.
    let (mut client, connack) = V5::connect(home.address, connect("client"));
    assert!(!connack.session_present);
    client.publish_text("a/b", "own");
    client.expect_silence();
}

/// MQTT 5, 3.14.2.2.2: DISCONNECT may say that a session lasts for another time than CONNECT did.
#[test]
fn how_long_a_session_lasts_may_be_changed_by_its_disconnect() {
    let home = Home::new();
    let broker = home.start();
    let leave_with = |client_id, first, then| {
        let (mut client, _) = V5::connect(home.address, lasting(client_id, first));
        let mut disconnect = Disconnect::new_normal();
        disconnect.properties.session_expiry_interval = Some(then);
        client.send(disconnect);
        client.expect_end();
    };
    leave_with("longer", 1, 1_000);
    leave_with("shorter", 1_000, 1);
    leave_with("over", 1_000, 0);
    leave_with("for ever", 1, u32::MAX);
    // Mosquitto's client as well.
    for (client_id, first, then) in [("its longer", "1", "1000"), ("its shorter", "1000", "1")] {
        let arguments = ["-V", "5", "-i", client_id, "-c", "-x", first, "-q", "1", "-t", "a", "-E"];
        let mut command = home.mosquitto("mosquitto_sub", &arguments);
        command.args(["-D", "DISCONNECT", "session-expiry-interval", then]);
        assert!(command.status().unwrap().success());
        // It does not wait for the broker to hear of it.
        let is_closed = |line: &str| line.contains("connection closed") && line.contains(client_id);
        while !home.log().lines().any(is_closed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    broker.kill();
    // Only what must be over is waited for.
    std::thread::sleep(Duration::from_millis(2_200));

    let _broker = home.start();
    for (client_id, present) in [
        ("longer", true),
        ("for ever", true),
        ("its longer", true),
        ("shorter", false),
        ("over", false),
        ("its shorter", false),
    ] {
        let (_client, connack) = V5::connect(home.address, lasting(client_id, 1_000));
        assert_eq!(connack.session_present, present, "{client_id}");
    }
}

/// The same section: who has connected for no time at all cannot have more, and such a DISCONNECT is none, so the will is
/// published [MQTT-3.1.2-8].
#[test]
fn a_session_without_any_time_gets_none_by_its_disconnect() {
    let home = Home::new();
    let _broker = home.start();
    let (mut witness, _) = V5::connect(home.address, connect("witness"));
    witness.subscribe("will", options(QoS::Level1));
    let (mut client, _) = V5::connect(home.address, with_will(lasting("client", 0), "will", "gone"));
    let mut disconnect = Disconnect::new_normal();
    disconnect.properties.session_expiry_interval = Some(1_000);
    client.send(disconnect);
    client.expect_disconnect(DisconnectReasonCode::ProtocolError);
    witness.expect_message("gone");
    let (_client, connack) = V5::connect(home.address, lasting("client", 1_000));
    assert!(!connack.session_present);
}
