//! CONNECT and CONNACK, DISCONNECT from either side.

use std::time::Duration;

use mqtt_proto::QoS;
use mqtt_proto::v5::{ConnectReasonCode, Disconnect, DisconnectReasonCode, Packet};

use crate::common::{Client, TestBroker};
use crate::v5::client::{V5, connect, lasting, options, with_will};

#[test]
fn the_connack_tells_what_there_is() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_packet_bytes = 12_345;
        settings.mqtt.in_flight_messages = 321;
        settings.mqtt.session_expiry_days = 1;
    });
    let (_client, connack) = V5::connect(broker.address, connect("a"));
    let told = connack.properties;
    assert_eq!((told.max_packet_size, told.receive_max), (Some(12_345), Some(321)));
    assert_eq!(
        (told.subscription_id_available, told.shared_subscription_available),
        (Some(true), Some(true))
    );
    // What is not said is there: retained messages, wildcards, QoS 2.
    assert_eq!(
        (told.retain_available, told.wildcard_subscription_available, told.max_qos),
        (None, None, None)
    );
    assert_eq!((told.session_expiry_interval, told.assigned_client_id), (None, None));
    // More than there is of a session's time is granted as much as there is.
    for (asked, granted) in [(86_399, None), (86_401, Some(86_400)), (u32::MAX, Some(86_400))] {
        let (_client, connack) = V5::connect(broker.address, lasting("b", asked));
        assert_eq!(connack.properties.session_expiry_interval, granted, "{asked}");
    }
}

#[test]
fn a_client_without_an_id_gets_one_to_come_back_with() {
    let broker = TestBroker::start();
    let (client, connack) = V5::connect(broker.address, lasting("", 100));
    let assigned = connack.properties.assigned_client_id.unwrap();
    assert!(!connack.session_present);
    let (_other, connack) = V5::connect(broker.address, connect(""));
    assert_ne!(connack.properties.assigned_client_id.unwrap(), assigned);
    client.leave();
    let (_client, connack) = V5::connect(broker.address, lasting(&assigned, 100));
    assert!(connack.session_present);
    assert_eq!(connack.properties.assigned_client_id, None);
}

#[test]
fn who_cannot_be_accepted_is_told_why() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_sessions = 1);
    let (_first, _) = V5::connect(broker.address, lasting("first", 100));
    let mut other_authentication = connect("first");
    other_authentication.properties.auth_method = Some("SCRAM-SHA-1".into());
    let refused = [
        (lasting("second", 100), ConnectReasonCode::QuotaExceeded),
        (connect(&"x".repeat(300)), ConnectReasonCode::ClientIdentifierNotValid),
        (other_authentication, ConnectReasonCode::BadAuthMethod),
    ];
    for (connect, reason) in refused {
        let mut client = V5::raw(broker.address);
        client.send(connect);
        assert_eq!(client.expect_connack().reason_code, reason);
        client.expect_end();
    }
}

/// [MQTT-3.2.2-19, 3.14.2-3]: words are left out, not the packet.
#[test]
fn a_client_that_takes_little_is_told_the_code_alone() {
    let broker = TestBroker::start();
    for (most, in_words) in [(1_000, true), (10, false)] {
        let mut refused = connect("a");
        refused.properties.auth_method = Some("SCRAM-SHA-1".into());
        refused.properties.max_packet_size = Some(most);
        let mut client = V5::raw(broker.address);
        client.send(refused);
        let connack = client.expect_connack();
        assert_eq!(connack.reason_code, ConnectReasonCode::BadAuthMethod);
        assert_eq!(connack.properties.reason_string.is_some(), in_words, "{most}");
        client.expect_end();
    }
    for (most, in_words) in [(1_000, true), (30, false)] {
        let mut little = connect("a");
        little.properties.max_packet_size = Some(most);
        let (mut client, _) = V5::connect(broker.address, little);
        client.send_bytes(b"\x10\x00");
        let Packet::Disconnect(disconnect) = client.receive() else { panic!("expected a DISCONNECT") };
        assert_eq!(disconnect.properties.reason_string.is_some(), in_words, "{most}");
        client.expect_end();
    }
}

#[test]
fn a_takeover_is_told_whichever_version_takes_over() {
    let broker = TestBroker::start();
    let (mut first, _) = V5::connect(broker.address, lasting("a", 100));
    first.subscribe("x", options(QoS::Level1));
    let (mut second, connack) = V5::connect(broker.address, lasting("a", 100));
    assert!(connack.session_present);
    first.expect_disconnect(DisconnectReasonCode::SessionTakenOver);
    second.ping();
    let (mut third, present) = broker.lasting("a");
    assert!(present);
    second.expect_disconnect(DisconnectReasonCode::SessionTakenOver);
    let (mut fourth, connack) = V5::connect(broker.address, lasting("a", 100));
    assert!(connack.session_present);
    third.expect_end();
    broker.client("publisher").publish("x", "for the last one");
    fourth.expect_message("for the last one");
}

#[test]
fn the_broker_says_why_it_closes() {
    let mut broker = TestBroker::with(|settings| settings.mqtt.max_packet_bytes = 1_000);
    let mut impatient = connect("silent");
    impatient.keep_alive = 1;
    let (mut silent, _) = V5::connect(broker.address, impatient);
    silent.expect_disconnect(DisconnectReasonCode::KeepAliveTimeout);

    let (mut large, _) = V5::connect(broker.address, connect("large"));
    large.send_bytes(b"\x30\xe9\x07");
    large.expect_disconnect(DisconnectReasonCode::PacketTooLarge);

    let (mut other, _) = V5::connect(broker.address, connect("other"));
    let (mut old, _) = Client::connect(broker.address, rumqttc::Connect::new("old"));
    broker.stop();
    other.expect_disconnect(DisconnectReasonCode::ServerShuttingDown);
    old.expect_end();
}

#[test]
fn a_client_that_stalls_others_is_told_so() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_owed_messages = 2;
        settings.mqtt.in_flight_messages = 2;
        settings.mqtt.stalled_after_s = 1;
    });
    let (mut stalled, _) = V5::connect(broker.address, connect("stalled"));
    stalled.subscribe("a", options(QoS::Level1));
    let mut publisher = broker.client("publisher");
    for _ in 0..10 {
        publisher.publish("a", "x");
    }
    stalled.receive_message();
    stalled.receive_message();
    stalled.expect_disconnect(DisconnectReasonCode::QuotaExceeded);
}

#[test]
fn good_bye_comes_with_the_will_or_without() {
    let broker = TestBroker::start();
    let (mut witness, _) = V5::connect(broker.address, connect("witness"));
    witness.subscribe("status", options(QoS::Level1));
    let come = || V5::connect(broker.address, with_will(connect("a"), "status", "gone")).0;
    come().leave();
    witness.expect_silence();
    for reason in [DisconnectReasonCode::DisconnectWithWillMessage, DisconnectReasonCode::UnspecifiedError] {
        let mut client = come();
        client.send(Disconnect::new(reason));
        client.expect_end();
        witness.expect_message("gone");
    }
    // The long form says the same.
    let mut client = come();
    client.send_bytes(b"\xe0\x02\x00\x00");
    client.expect_end();
    witness.expect_silence();
}

#[test]
fn a_session_lasts_as_long_as_its_client_says() {
    let broker = TestBroker::start();
    let connect_again = |interval| V5::connect(broker.address, lasting("a", interval));
    let leave_with = |client: &mut V5, interval| {
        let mut disconnect = Disconnect::new_normal();
        disconnect.properties.session_expiry_interval = Some(interval);
        client.send(Packet::Disconnect(disconnect));
    };
    connect_again(0).0.leave();
    let (client, connack) = connect_again(100);
    assert!(!connack.session_present, "it ended with its connection");
    client.leave();
    let (mut client, connack) = connect_again(100);
    assert!(connack.session_present);
    leave_with(&mut client, 0);
    client.expect_end();
    let (mut client, connack) = connect_again(1);
    assert!(!connack.session_present, "DISCONNECT has ended it");
    leave_with(&mut client, 100);
    client.expect_end();
    std::thread::sleep(Duration::from_millis(2_500));
    let (client, connack) = connect_again(1);
    assert!(connack.session_present, "DISCONNECT has made it last longer");
    client.leave();
    std::thread::sleep(Duration::from_millis(3_500));
    let (mut client, connack) = connect_again(0);
    assert!(!connack.session_present, "its second is over");
    leave_with(&mut client, 100);
    client.expect_disconnect(DisconnectReasonCode::ProtocolError);
}
