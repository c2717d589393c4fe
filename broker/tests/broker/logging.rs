//! What strangers can make the broker write into its log.

use std::time::{Duration, Instant};

use broker_users::Role;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, Subscribe};

use crate::access::{access_settings, add_users, connect_as};
use crate::common::Client;
use crate::program::Home;

/// It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A CONNECT of MQTT 5 with a will under this topic.
fn connect_with_will(topic: &str) -> Vec<u8> {
    let mut rest = b"\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01a\x00".to_vec();
    rest.extend((topic.len() as u16).to_be_bytes());
    rest.extend(topic.as_bytes());
    rest.extend(b"\x00\x00");
    let mut packet = vec![0x10];
    let mut length = rest.len();
    while length >= 0x80 {
        packet.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    packet.push(length as u8);
    packet.extend(rest);
    packet
}

fn wait_for(home: &Home, what: &str) -> String {
    let start = Instant::now();
    while !home.log().contains(what) {
        assert!(start.elapsed() < PATIENCE, "nothing of {what:?} in {}", home.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    home.log()
}

#[test]
fn nobody_forges_a_line_or_writes_a_long_one() {
    let home = Home::new();
    let _running = home.start();
    let forged = "\n2026-11-28T12:00:00.000000Z  INFO forged\u{1b}[2J\u{85}\u{2028}\u{202e}";
    let long = "x".repeat(60_000);
    for topic in [format!("a{forged}/+"), format!("a{long}{forged}/+")] {
        let mut client = Client::raw(home.address);
        client.send_bytes(&connect_with_will(&topic));
        client.receive_bytes_to_the_end();
    }
    drop(home.client(&format!("client{forged}")));
    let log = wait_for(&home, "more characters");
    let log = if log.contains("client connected") { log } else { wait_for(&home, "client connected") };
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("forged")).collect();
    assert!(lines.len() >= 2, "{log}");
    for line in lines {
        assert!(line.contains("connection closed") || line.contains("client connected"), "{line}");
        assert!(line.contains("\\n2026"), "{line}");
    }
    for line in log.lines() {
        assert!(line.chars().count() < 3_000, "{line}");
        assert!(
            !line
                .contains(|character: char| character.is_control() || "\u{2028}\u{202e}".contains(character))
        );
    }
}

/// How often something was logged: lines, and what they stand for with those that were left out.
fn logged(log: &str, what: &str) -> (usize, usize) {
    let (mut lines, mut all) = (0, 0);
    for line in log.lines().filter(|line| line.contains(what)) {
        let left_out = line.split_once("left out: ").and_then(|(_, rest)| rest.split_once(" × "));
        lines += usize::from(left_out.is_none());
        all += left_out.map_or(1, |(count, _)| count.parse().unwrap());
    }
    (lines, all)
}

#[test]
fn a_flood_of_one_kind_writes_a_few_lines_and_is_counted() {
    let home = Home::new();
    add_users(&home, &[("reader", Role::Reader)]);
    home.write(&access_settings(&home));
    let (running, start) = (home.start(), Instant::now());
    let (mut client, _) = Client::connect(home.address, connect_as("reader", "reader"));
    for hundred in 0..50 {
        let subscribe = |n: u16| {
            let mut subscribe = Subscribe::new(format!("secret/{hundred}"), QoS::AtLeastOnce);
            subscribe.pkid = n;
            Packet::Subscribe(subscribe)
        };
        client.send_all(&(1..=100).map(subscribe).collect::<Vec<_>>());
        (0..100).for_each(|_| drop(client.receive()));
    }
    for n in 0..400 {
        let mut client = Client::raw(home.address);
        match n % 2 {
            0 => client.send_bytes(b"GET / HTTP/1.1\r\n\r\n"),
            _ => client.send(&Packet::Connect(Connect::new("anonymous"))),
        }
        client.receive_bytes_to_the_end();
    }
    let expected = [("subscription refused", 5_000), ("is not a CONNECT", 200), ("login refused", 200)];
    // The last ones may still be on their way into the log.
    let said = |what, count| logged(&home.log(), what).0 >= usize::min(60, count);
    while !expected.iter().all(|(what, count)| said(what, *count)) {
        assert!(start.elapsed() < PATIENCE, "{}", home.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing else is less well told meanwhile.
    assert_eq!(logged(&home.log(), "client connected").1, 1);
    running.stop();
    let most = 60 + start.elapsed().as_secs() as usize;
    for (what, count) in expected {
        let (lines, all) = logged(&home.log(), what);
        println!("{what}: {all} in {lines} lines");
        assert!(lines <= most && all == count, "{what}: {all} in {lines} lines, {most} at most");
    }
}
