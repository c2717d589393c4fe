//! The store's file: what is refused, what does not grow, what expires.

use std::path::Path;

use broker::{Broker, Settings};
use rumqttc::Packet;
use rumqttc::mqttbytes::QoS;
use rusqlite::Connection;

use crate::common::{TestBroker, qos0};
use crate::program::Home;

/// Why a broker does not start with this file.
fn refusal(path: &Path) -> String {
    let mut settings = Settings::default();
    settings.mqtt.listen.set_port(0);
    settings.store.path = path.to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let started = runtime.block_on(async {
        let broker = Broker::bind(&settings).await?;
        broker.run(tokio_util::sync::CancellationToken::new()).await
    });
    format!("{:#}", started.unwrap_err())
}

#[track_caller]
fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

fn count(store: &Path, table: &str) -> i64 {
    let connection = Connection::open(store).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let name = path.to_str().unwrap();

    std::fs::write(&path, "Dear diary, this is not a database, but it is long enough.".repeat(100)).unwrap();
    assert_says(&refusal(&path), &[name, "not a PowerPi broker's store", "[store] path"]);
    std::fs::remove_file(&path).unwrap();

    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE shopping (item TEXT)").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    assert_says(&refusal(&path), &[name, "not a PowerPi broker's store"]);
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let missing = folder.path().join("nowhere/store");
    assert_says(&refusal(&missing), &[missing.to_str().unwrap(), "folder", "[store] path"]);
    assert_says(&refusal(Path::new("")), &["[store] path", "in_memory"]);
}

#[test]
fn newer_damaged_and_used_stores_are_refused() {
    let home = Home::new();
    let (path, broker) = (home.store(), home.start());
    let name = path.to_str().unwrap();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    drop(subscriber);
    home.client("publisher").publish("a", "x");
    assert_says(&refusal(&path), &[name, "in use", "another broker"]);
    broker.stop();

    let change = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 99");
    assert_says(&refusal(&path), &[name, "format 99", "newer PowerPi"]);
    change("PRAGMA user_version = 6; DELETE FROM message");
    assert_says(&refusal(&path), &[name, "damaged", "move it away"]);
}

#[test]
fn what_is_acknowledged_leaves_the_file() {
    let home = Home::new();
    let broker = home.start();
    let (mut one, _) = home.lasting("one");
    let (mut other, _) = home.lasting("other");
    one.subscribe("a", QoS::AtLeastOnce);
    other.subscribe("a", QoS::AtLeastOnce);
    home.client("publisher").publish_numbers("a", 0..1_000);
    one.expect_messages((0..1_000).map(|number| number.to_string()));
    one.send(&Packet::Disconnect);
    one.expect_end();
    broker.stop();
    // Stored once, and owed to the other one still.
    assert_eq!(count(&home.store(), "message"), 1_000);

    let broker = home.start();
    let (mut one, _) = home.lasting("one");
    one.send(&Packet::Disconnect);
    one.expect_end();
    // With everything that was owed to it.
    drop(home.client("other"));
    drop(home.client("one"));
    broker.stop();
    for table in ["message", "owed", "session", "subscription", "will"] {
        assert_eq!(count(&home.store(), table), 0, "{table}");
    }
}

#[test]
fn sessions_expire_by_the_calendar() {
    let home = Home::new();
    let broker = home.start();
    for client_id in ["old", "young"] {
        drop(home.lasting(client_id));
    }
    broker.stop();
    Connection::open(home.store())
        .unwrap()
        .execute_batch("UPDATE session SET absent_since = absent_since - 401 * 86400 WHERE client = 'old'")
        .unwrap();
    let _broker = home.start();
    assert!(!home.lasting("old").1);
    assert!(home.lasting("young").1);
}

#[test]
fn what_does_not_last_does_not_touch_the_disk() {
    let home = Home::new();
    let _broker = home.start();
    let mut subscriber = home.client("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = home.client("publisher");
    publisher.send(&qos0("a", "begin"));
    assert_eq!(subscriber.receive_message().topic, "a");
    let log = home.path().join("store.sqlite-wal");
    let written = || std::fs::metadata(&log).unwrap().modified().unwrap();
    let before = written();
    for _ in 0..100 {
        publisher.send(&qos0("a", "x"));
        publisher.publish("a", "x");
    }
    // Longer than until the next tick.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(written(), before);
    publisher.publish_retain("a", "x", true);
    assert!(written() > before);
}

#[test]
fn in_memory_must_be_said() {
    let home = Home::with("[store]\nin_memory = true\n");
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    broker.kill();
    assert!(!home.store().exists());
    let broker = TestBroker::start();
    assert!(!broker.lasting("subscriber").1);
}
