//! CONNECT, sessions, takeover, keep-alive.

use std::process::Command;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet};

use crate::common::{Client, TestBroker};
use crate::program::{Home, PROGRAM};

fn refusal(code: ConnectReturnCode) -> Packet {
    Packet::ConnAck(ConnAck::new(code, false))
}

#[test]
fn other_protocol_levels_are_refused_with_their_code() {
    let broker = TestBroker::start();
    // MQTT 3.1, a level before it, and a bridge that speaks MQTT 3.1.
    let connects: [&[u8]; 3] = [
        b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a",
        b"\x10\x0d\x00\x04MQTT\x02\x02\x00\x3c\x00\x01a",
        b"\x10\x0d\x00\x04MQTT\x83\x02\x00\x3c\x00\x01a",
    ];
    for connect in connects {
        let mut client = broker.raw();
        client.send_bytes(connect);
        assert_eq!(client.receive(), refusal(ConnectReturnCode::RefusedProtocolVersion));
        client.expect_end();
    }
    // A later one is answered as MQTT 5 is.
    for connect in [
        b"\x10\x0e\x00\x04MQTT\x06\x02\x00\x3c\x00\x00\x01a",
        b"\x10\x0e\x00\x04MQTT\x09\x02\x00\x3c\x00\x00\x01a",
    ] {
        let mut client = broker.raw();
        client.send_bytes(connect);
        assert_eq!(client.receive_bytes_to_the_end(), b"\x20\x03\x00\x84\x00");
    }
}

#[test]
fn an_empty_client_id_needs_a_clean_session() {
    let broker = TestBroker::start();
    let mut connect = Connect::new("");
    let (mut one, _) = Client::connect(broker.address, connect.clone());
    let (mut other, _) = Client::connect(broker.address, connect.clone());
    one.ping();
    other.ping();
    connect.clean_session = false;
    let mut client = broker.raw();
    client.send(&Packet::Connect(connect));
    assert_eq!(client.receive(), refusal(ConnectReturnCode::BadClientId));
    client.expect_end();
}

#[test]
fn only_a_lasting_session_is_present_again() {
    let broker = TestBroker::start();
    let (mut client, present) = broker.lasting("a");
    assert!(!present);
    client.subscribe("x", QoS::AtLeastOnce);
    client.send(&Packet::Disconnect);
    client.expect_end();
    let (client, present) = broker.lasting("a");
    assert!(present);
    drop(client);
    // A clean session ends the lasting one, and itself.
    drop(broker.client("a"));
    let (_client, present) = broker.lasting("a");
    assert!(!present);
}

#[test]
fn the_later_connection_takes_the_session_over() {
    let broker = TestBroker::start();
    let (mut earlier, _) = broker.lasting("a");
    earlier.subscribe("x", QoS::AtLeastOnce);
    let (mut later, present) = broker.lasting("a");
    assert!(present);
    earlier.expect_end();
    broker.client("publisher").publish("x", "for the later one");
    later.expect_messages(["for the later one"]);
}

#[test]
fn a_silent_client_is_closed_after_one_and_a_half_keep_alives() {
    let broker = TestBroker::start();
    let mut connect = Connect::new("a");
    connect.keep_alive = 2;
    let (mut client, _) = Client::connect(broker.address, connect);
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(1_000));
    client.ping();
    client.expect_end();
    let lived = start.elapsed();
    assert!(lived > Duration::from_millis(3_900), "{lived:?}");
}

#[test]
fn a_keep_alive_of_zero_is_none() {
    let broker = TestBroker::start();
    let mut connect = Connect::new("a");
    connect.keep_alive = 0;
    let (mut client, _) = Client::connect(broker.address, connect);
    std::thread::sleep(Duration::from_millis(2_500));
    client.ping();
}

#[test]
fn who_does_not_say_connect_is_closed() {
    let broker = TestBroker::with(|settings| settings.mqtt.connect_timeout_s = 1);
    let mut silent = broker.raw();
    let mut halfway = broker.raw();
    halfway.send_bytes(b"\x10\x0d\x00\x04MQ");
    silent.expect_end();
    halfway.expect_end();
}

#[test]
fn connections_are_limited() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_connections = 1);
    let mut first = broker.client("first");
    let mut second = broker.raw();
    second.send(&Packet::Connect(Connect::new("second")));
    assert_eq!(second.receive(), refusal(ConnectReturnCode::ServiceUnavailable));
    second.expect_end();
    first.send(&Packet::Disconnect);
    first.expect_end();
    // Its slot is free a moment after the client sees the end.
    let start = Instant::now();
    loop {
        let mut second = broker.raw();
        second.send(&Packet::Connect(Connect::new("second")));
        if second.receive() == Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, false)) {
            return second.ping();
        }
        assert!(start.elapsed() < Duration::from_secs(60), "the slot is not free again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_limit_of_open_files_is_raised_to_what_connections_need() {
    let home = Home::new();
    // A machine that stands still for a while must not cost a client its connection.
    home.write(&format!("connect_timeout_s = 3600\n[store]\npath = '{}'\n", home.store().display()));
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -S -n 128 && exec "$0" "$@""#, PROGRAM]);
    let _broker = home.start_by(shell);
    // However long it takes until all are there, none of them has to say anything before.
    let connect = |number| Connect { keep_alive: 0, ..Connect::new(format!("client {number}")) };
    let mut clients: Vec<_> =
        (0..200).map(|number| Client::connect(home.address, connect(number)).0).collect();
    clients.iter_mut().for_each(Client::ping);
}

#[test]
fn sessions_are_limited() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_sessions = 1);
    let (_first, _) = broker.lasting("first");
    // One that does not last takes no room.
    broker.client("clean").ping();
    let mut second = broker.raw();
    second.send(&Packet::Connect(Connect { clean_session: false, ..Connect::new("second") }));
    assert_eq!(second.receive(), refusal(ConnectReturnCode::ServiceUnavailable));
    second.expect_end();
    let (_again, present) = broker.lasting("first");
    assert!(present);
}

#[test]
fn packets_right_behind_the_connect_are_taken() {
    let broker = TestBroker::start();
    let mut client = broker.raw();
    client.send_all(&[Packet::Connect(Connect::new("a")), Packet::PingReq]);
    assert!(matches!(client.receive(), Packet::ConnAck(_)));
    assert_eq!(client.receive(), Packet::PingResp);
}
