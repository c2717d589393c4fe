//! What MQTT 5 adds, across `kill -9`, and what older brokers have left.

use std::time::Duration;

use mqtt_proto::QoS;
use mqtt_proto::v5::{Publish, SubscriptionOptions};
use rusqlite::Connection;

use crate::program::Home;
use crate::v5::client::{V5, connect, lasting, message, options};
use crate::v5::messages::{properties, with_properties};

#[test]
fn properties_survive_with_their_messages() {
    let home = Home::new();
    let broker = home.start();
    let (mut absent, _) = V5::connect(home.address, lasting("absent", 1_000));
    absent.subscribe("a", options(QoS::Level2));
    drop(absent);
    let (mut publisher, _) = V5::connect(home.address, connect("publisher"));
    publisher.publish(with_properties("a", "x"));
    publisher.publish(Publish { retain: true, ..with_properties("r", "retained") });
    broker.kill();

    let _broker = home.start();
    let (mut absent, connack) = V5::connect(home.address, lasting("absent", 1_000));
    assert!(connack.session_present);
    assert_eq!(absent.expect_message("x").properties, properties());
    absent.subscribe("r", options(QoS::Level1));
    assert_eq!(absent.expect_message("retained").properties, properties());
}

#[test]
fn messages_grow_old_while_the_broker_is_dead() {
    let home = Home::new();
    let broker = home.start();
    let (mut absent, _) = V5::connect(home.address, lasting("absent", 1_000));
    absent.subscribe("#", options(QoS::Level2));
    drop(absent);
    let (mut publisher, _) = V5::connect(home.address, connect("publisher"));
    for (topic, interval, retain) in
        [("short", 1, false), ("long", 100, false), ("short/r", 1, true), ("long/r", 100, true)]
    {
        let mut publish = Publish { retain, ..message(QoS::Level1, topic, topic) };
        publish.properties.message_expiry_interval = Some(interval);
        publisher.publish(publish);
    }
    broker.kill();
    std::thread::sleep(Duration::from_millis(2_500));

    let _broker = home.start();
    let (mut absent, _) = V5::connect(home.address, lasting("absent", 1_000));
    let (mut late, _) = V5::connect(home.address, connect("late"));
    late.subscribe("#", options(QoS::Level1));
    let check = |client: &mut V5, payload| {
        let left = client.expect_message(payload).properties.message_expiry_interval.unwrap();
        assert!((60..=98).contains(&left), "{left} seconds left");
    };
    check(&mut absent, "long");
    check(&mut absent, "long/r");
    check(&mut late, "long/r");
    absent.expect_silence();
    late.expect_silence();
}

#[test]
fn subscriptions_keep_their_options_and_sessions_their_time() {
    let home = Home::new();
    let broker = home.start();
    let (mut client, _) = V5::connect(home.address, lasting("client", 1_000));
    client.subscribe("a", SubscriptionOptions { no_local: true, ..options(QoS::Level1) });
    client.subscribe("b", SubscriptionOptions { retain_as_published: true, ..options(QoS::Level1) });
    // Absent for longer than it wants to be, while the broker is dead.
    V5::connect(home.address, lasting("brief", 1)).0.leave();
    // Connected, but not to last.
    let (mut brief, _) = V5::connect(home.address, lasting("then brief", 1_000));
    brief.ping();
    drop(brief);
    let (mut brief, _) = V5::connect(home.address, lasting("then brief", 0));
    brief.ping();
    broker.kill();
    std::thread::sleep(Duration::from_millis(2_200));

    let _broker = home.start();
    for client_id in ["brief", "then brief"] {
        assert!(!V5::connect(home.address, lasting(client_id, 1)).1.session_present, "{client_id}");
    }
    let (mut client, connack) = V5::connect(home.address, lasting("client", 1_000));
    assert!(connack.session_present);
    client.publish_text("a", "own");
    client.expect_silence();
    home.client("other").publish_retain("b", "x", true);
    assert!(client.expect_message("x").retain);
}

/// The tables of the first format, with a session that is owed a message, a retained message and a
/// will.
const FORMAT_1: &str = "
    CREATE TABLE session (id INTEGER PRIMARY KEY, client TEXT NOT NULL UNIQUE, absent_since INTEGER,
        sending_until INTEGER NOT NULL DEFAULT 0) STRICT;
    CREATE TABLE subscription (session INTEGER NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL,
        PRIMARY KEY (session, filter)) STRICT, WITHOUT ROWID;
    CREATE TABLE message (number INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL) STRICT;
    CREATE TABLE owed (session INTEGER NOT NULL, position INTEGER NOT NULL, message INTEGER,
        qos INTEGER NOT NULL, retain INTEGER NOT NULL, PRIMARY KEY (session, position)) STRICT, WITHOUT ROWID;
    CREATE TABLE receiving (session INTEGER NOT NULL, packet_id INTEGER NOT NULL,
        PRIMARY KEY (session, packet_id)) STRICT, WITHOUT ROWID;
    CREATE TABLE retained (topic TEXT PRIMARY KEY, payload BLOB NOT NULL, qos INTEGER NOT NULL)
        STRICT, WITHOUT ROWID;
    CREATE TABLE will (connection INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL,
        qos INTEGER NOT NULL, retain INTEGER NOT NULL) STRICT;
    INSERT INTO session (id, client, absent_since) VALUES (3, 'old', unixepoch() - 1000);
    INSERT INTO subscription VALUES (3, '#', 1);
    INSERT INTO message VALUES (8, 'a', x'6f776564');
    INSERT INTO owed VALUES (3, 1, 8, 1, 0);
    INSERT INTO retained VALUES ('r', x'7265', 1);
    INSERT INTO will VALUES (5, 'w', x'77696c6c', 1, 0);
    PRAGMA application_id = 0x50774272;
    PRAGMA user_version = 1;
";

#[test]
fn a_store_of_the_first_format_is_taken_over() {
    let home = Home::new();
    Connection::open(home.store()).unwrap().execute_batch(FORMAT_1).unwrap();
    let broker = home.start();
    let (mut old, present) = home.lasting("old");
    assert!(present);
    old.expect_messages(["owed", "will"]);
    let (mut late, _) = V5::connect(home.address, connect("late"));
    late.subscribe("r", options(QoS::Level1));
    assert!(late.expect_message("re").retain);
    late.publish(with_properties("a", "new"));
    broker.kill();
    // Of the new format now, which opens again.
    let version: i64 = {
        let store = Connection::open(home.store()).unwrap();
        store.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!(version, 6);
    let _broker = home.start();
    let (mut old, connack) = V5::connect(home.address, lasting("old", 1_000));
    assert!(connack.session_present);
    while &*old.receive_message().topic_name != "a" {}
}
