//! Wills that wait, and what is said of them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt_proto::QoS;
use mqtt_proto::v5::{Connect, WillProperties};

use crate::common::TestBroker;
use crate::program::Home;
use crate::v5::client::{V5, connect, lasting, options, with_will};

fn delayed(expiry_s: u32, delay_s: u32) -> Connect {
    let mut connect = with_will(lasting("mortal", expiry_s), "status", "gone");
    if let Some(will) = &mut connect.last_will {
        will.properties.delay_interval = Some(delay_s);
    }
    connect
}

#[test]
fn a_will_waits_for_its_client() {
    let broker = TestBroker::start();
    let (mut witness, _) = V5::connect(broker.address, connect("witness"));
    witness.subscribe("status", options(QoS::Level1));
    drop(V5::connect(broker.address, delayed(100, 4)));
    witness.expect_silence();
    // Back in time, also on a loaded machine.
    V5::connect(broker.address, delayed(100, 4)).0.leave();
    std::thread::sleep(Duration::from_millis(5_200));
    witness.expect_silence();
    let start = Instant::now();
    drop(V5::connect(broker.address, delayed(100, 2)));
    witness.expect_message("gone");
    // The broker looks once a second.
    assert!(start.elapsed() > Duration::from_millis(900), "{:?}", start.elapsed());
}

#[test]
fn a_will_waits_no_longer_than_its_session_lasts() {
    let broker = TestBroker::start();
    let (mut witness, _) = V5::connect(broker.address, connect("witness"));
    witness.subscribe("status", options(QoS::Level1));
    drop(V5::connect(broker.address, delayed(0, 1_000)));
    witness.expect_message("gone");
    drop(V5::connect(broker.address, delayed(1, 1_000)));
    witness.expect_message("gone");
    // A clean start ends the session as well.
    drop(V5::connect(broker.address, delayed(100, 1_000)));
    witness.expect_silence();
    let (_client, connack) = V5::connect(broker.address, connect("mortal"));
    assert!(!connack.session_present);
    witness.expect_message("gone");
}

#[test]
fn a_will_says_as_much_as_a_message() {
    let broker = TestBroker::start();
    let (mut witness, _) = V5::connect(broker.address, connect("witness"));
    witness.subscribe("status", options(QoS::Level1));
    let mut connect = with_will(connect("mortal"), "status", "gone");
    if let Some(will) = &mut connect.last_will {
        will.properties = WillProperties {
            content_type: Some("text/plain".into()),
            correlation_data: Some(Bytes::from_static(b"\x00\xff")),
            message_expiry_interval: Some(100),
            ..WillProperties::default()
        };
    }
    drop(V5::connect(broker.address, connect));
    let properties = witness.expect_message("gone").properties;
    assert_eq!(properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(properties.correlation_data.as_deref(), Some(&b"\x00\xff"[..]));
    assert!(properties.message_expiry_interval.is_some_and(|left| (90..=100).contains(&left)));
}

#[test]
fn wills_wait_across_a_kill() {
    let home = Home::new();
    let broker = home.start();
    let (mut witness, _) = V5::connect(home.address, lasting("witness", 1_000));
    witness.subscribe("status", options(QoS::Level1));
    // One client is gone already, one is there when the broker is killed, one of them comes back.
    let with_id = |client_id: &str, delay| {
        let mut connect = delayed(1_000, delay);
        connect.client_id = client_id.into();
        V5::connect(home.address, connect).0
    };
    drop(with_id("gone", 6));
    let _there = with_id("there", 6);
    let _returning = with_id("returning", 6);
    // Long enough for what nobody waits for to get to the disk.
    std::thread::sleep(Duration::from_secs(4));
    broker.kill();

    let _broker = home.start();
    let _returned = with_id("returning", 1_000);
    let (mut witness, connack) = V5::connect(home.address, lasting("witness", 1_000));
    assert!(connack.session_present);
    witness.expect_message("gone");
    witness.expect_message("gone");
    witness.expect_silence();
}
