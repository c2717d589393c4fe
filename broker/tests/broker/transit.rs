//! What is on its way between clients and broker belongs to somebody, too: packets that are half read, messages
//! that wait for a client that does not read, and ids that are never released.

use std::io::Write;
use std::time::Duration;

use broker_users::Role;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, Packet, PubAck, Publish};

use crate::access::{access_settings, add_users, connect_as};
use crate::common::{Client, TestBroker, bytes_of, qos1, qos2, text};
use crate::program::{Home, Running};

/// An eighth of the budget of 8 MiB is on its way. With four users a tenth of that is each one's part, and half
/// is shared, of which nobody gets more than three quarters; and one message of 60 kB, in steps of 16 KiB, gets
/// through all the same.
pub(crate) const BUDGET: usize = 8 * 1024 * 1024;
pub(crate) const MOST: u64 = (BUDGET / 8 / 10 + BUDGET / 8 / 2 * 3 / 4 + 4 * 16 * 1024) as u64;

/// The most that the broker says it has on its way for somebody. Figures come every ten seconds; the retained ones
/// are older than what was sent last.
pub(crate) fn most_in_transit(home: &Home, owner: &str) -> u64 {
    let mut watching = client(home, "admin", "watching");
    watching.subscribe("$SYS/broker/kept/by owner", QoS::AtMostOnce);
    let told = (0..2).map(|_| {
        let told: Vec<serde_json::Value> = serde_json::from_str(&text(&watching.receive_message())).unwrap();
        let holding = told.into_iter().find(|holding| holding["owner"] == owner);
        holding.map_or(0, |holding| holding["in_transit"].as_u64().unwrap())
    });
    told.max().unwrap()
}

fn home_with(mqtt: &str) -> (Home, Running) {
    let home = Home::new();
    add_users(
        &home,
        &[
            ("hq", Role::Publisher),
            ("recorder", Role::Recorder),
            ("admin", Role::Admin),
            ("greedy", Role::Admin),
        ],
    );
    home.write(&format!("{mqtt}\n{}", access_settings(&home)));
    let running = home.start();
    (home, running)
}

fn client(home: &Home, user: &str, client_id: &str) -> Client {
    // However slow the machine, nobody is too silent.
    Client::connect(home.address, Connect { keep_alive: 0, ..connect_as(user, client_id) }).0
}

fn large(topic: &str) -> Vec<u8> {
    bytes_of(&qos1(1, topic, &"x".repeat(100_000), false))
}

#[test]
fn who_reads_nothing_and_sends_halves_takes_nobody_elses_room() {
    let (home, _running) = home_with(&format!("max_kept_bytes = {BUDGET}\nwrite_timeout_s = 600"));
    // Ten that read nothing.
    let idle: Vec<_> = (0..10)
        .map(|number| {
            let mut reader = client(&home, "greedy", &format!("reader {number}"));
            reader.subscribe("powerpi/#", QoS::AtMostOnce);
            reader
        })
        .collect();
    let mut admin = client(&home, "admin", "admin");
    admin.subscribe("powerpi/#", QoS::AtMostOnce);
    let mut publisher = client(&home, "hq", "hq");
    // Much more than the system holds for connections that nobody reads.
    for number in 0..140 {
        publisher.publish("powerpi/hq/main/live", &format!("{number:0>60000}"));
        assert_eq!(text(&admin.receive_message()).parse(), Ok(number));
    }
    // Twelve packets of which the last bytes are missing.
    let packet = large("powerpi/greedy/main/minute");
    let (most, rest) = packet.split_at(packet.len() - 10);
    let mut halves: Vec<_> =
        (0..12).map(|number| client(&home, "greedy", &format!("half {number}"))).collect();
    for half in &mut halves {
        half.stream.write_all(most).unwrap();
    }
    // The others' packets are read, however large, and their messages are delivered.
    publisher.send_bytes(&large("powerpi/hq/main/minute"));
    assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(1)));
    assert_eq!(admin.receive_message().payload.len(), 100_000);
    let in_transit = most_in_transit(&home, "greedy");
    assert!((MOST / 2..=MOST).contains(&in_transit), "{in_transit}");
    // When there is room again, the halves have their turn, and each comes to its end.
    drop(idle);
    for half in &mut halves {
        half.stream.write_all(rest).unwrap();
    }
    for half in &mut halves {
        assert_eq!(half.receive(), Packet::PubAck(PubAck::new(1)));
    }
}

/// Three quarters of 200,000 bytes are for what is kept: 71,250 for one of four users.
#[test]
fn who_never_releases_what_it_has_published_is_closed() {
    let (home, _running) = home_with("max_kept_bytes = 200000");
    let mut greedy = client(&home, "greedy", "greedy");
    let mut sent = 0;
    while sent < 60_000 {
        let hundred: Vec<_> =
            (sent + 1..=sent + 100).map(|id| qos2(id, "powerpi/greedy/main/live", "x")).collect();
        if !greedy.try_send_all(&hundred) {
            break;
        }
        sent += 100;
    }
    // A PUBREC for each that was taken: eight bytes are kept for each.
    let answered = greedy.receive_bytes_to_the_end().len() / 4;
    assert!((1_000..=71_250 / 8).contains(&answered), "{answered} were taken");
    let mut publisher = client(&home, "hq", "hq");
    for id in 1..=100 {
        publisher.send(&qos2(id, "powerpi/hq/main/live", "x"));
        assert!(matches!(publisher.receive(), Packet::PubRec(record) if record.pkid == id));
    }
}

/// Retained messages of QoS 0 wait where they are until their reader has room for them.
#[test]
fn retained_messages_come_as_they_are_read() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_waiting_bytes = 100_000);
    let mut publisher = broker.client("publisher");
    let state = |number: u16| qos1(number + 1, &format!("state/{number:03}"), &"x".repeat(1_000), true);
    publisher.send_all(&(0..300).map(state).collect::<Vec<_>>());
    for id in 1..=300 {
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(id)));
    }
    let mut reader = broker.client("reader");
    reader.subscribe("state/#", QoS::AtMostOnce);
    for number in 0..300 {
        let Publish { topic, retain, .. } = reader.receive_message();
        assert_eq!((topic, retain), (format!("state/{number:03}"), true));
    }
    assert!(reader.next_within(Duration::from_millis(100)).is_none());
}
