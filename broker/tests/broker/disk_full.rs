//! A full disk: nothing is acknowledged that is not kept, and it goes on by itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck};

use crate::common::{Client, qos1, text};
use crate::program::{Home, Running};

const STATE: &str = "$SYS/broker/store/state";
/// How long one acknowledgement is waited for before the store is asked whether it is full.
const STUCK: Duration = Duration::from_secs(1);

/// Publishes until the store is full and nothing is acknowledged any more; returns how many messages were. All but
/// the last packet id are acknowledged in order.
fn fill(home: &Home, publisher: &mut Client, topic: &str) -> usize {
    let payload = "x".repeat(1_000);
    for number in 0.. {
        publisher.send(&qos1(number as u16 % 1_000 + 1, topic, &format!("{number} {payload}"), false));
        while publisher.next_within(STUCK).is_none() {
            if home.health().0 == 503 {
                return number;
            }
        }
    }
    unreachable!("the loop has no end of its own")
}

fn number(message: &rumqttc::Publish) -> usize {
    text(message).split(' ').next().unwrap().parse().unwrap()
}

/// A file system of a few MiB; only root can have one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<SmallDisk> {
        std::fs::create_dir(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=6m", "tmpfs"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_disk_full_to_the_last_byte_loses_nothing_and_room_on_it_is_found() {
    fill_a_disk_twice(0, Running::stop);
}

#[test]
fn a_disk_with_little_room_left_loses_nothing_and_room_on_it_is_found() {
    fill_a_disk_twice(1024 * 1024, Running::kill);
}

fn fill_a_disk_twice(min_free_bytes: u64, end: fn(Running)) {
    let home = Home::with("");
    let Some(disk) = SmallDisk::mount(&home.path().join("disk")) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![1; 2 * 1024 * 1024]).unwrap();
    let store = disk.0.join("store.sqlite");
    home.write(&format!("[store]\npath = '{}'\nmin_free_bytes = {min_free_bytes}\n", store.display()));
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    drop(subscriber);
    let mut witness = home.client("witness");
    witness.subscribe(STATE, QoS::AtMostOnce);
    assert_eq!(text(&witness.receive_message()), "ok");
    assert_eq!(home.wait_for_health(200), "ok");

    let mut publisher = home.client("publisher");
    let acknowledged = fill(&home, &mut publisher, "a");
    assert!(acknowledged > 100, "{acknowledged}");
    while text(&witness.receive_message()) != "full" {}
    assert_eq!(home.wait_for_health(503), "full");
    assert!(home.log().contains("full"), "{}", home.log());
    // It can be ended all the same.
    end(broker);
    drop((witness, publisher));

    let broker = home.start();
    let mut publisher = home.client("publisher");
    let mut witness = home.client("witness");
    witness.subscribe(STATE, QoS::AtMostOnce);
    let more = fill(&home, &mut publisher, "a");
    while text(&witness.receive_message()) != "full" {}
    assert_eq!(home.wait_for_health(503), "full");
    std::fs::remove_file(&ballast).unwrap();
    while text(&witness.receive_message()) != "ok" {}
    assert_eq!(home.wait_for_health(200), "ok");
    // The one that waited.
    assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(more as u16 % 1_000 + 1)));

    let (mut subscriber, present) = home.lasting("subscriber");
    assert!(present);
    let mut expected = (0..acknowledged).chain(0..=more).peekable();
    while expected.peek().is_some() {
        let message = subscriber.receive_message();
        // The unacknowledged one may have been kept or not.
        if expected.peek() == Some(&0) && number(&message) == acknowledged && acknowledged > 0 {
            subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
            continue;
        }
        assert_eq!(Some(number(&message)), expected.next());
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    subscriber.expect_silence();
    broker.stop();
}

#[test]
fn an_absent_subscriber_can_come_back_to_a_full_store_and_make_room() {
    const MAX_BYTES: u64 = 1_000_000;
    let home = Home::with("");
    let store = home.store();
    home.write(&format!("[store]\npath = '{}'\nmax_bytes = {MAX_BYTES}\n", store.display()));
    make_room_by_coming_back(&home);
    let size = std::fs::metadata(&store).unwrap().len();
    assert!(size < MAX_BYTES * 11 / 10, "{size}");
}

#[test]
fn an_absent_subscriber_can_come_back_to_a_full_disk_and_make_room() {
    let home = Home::with("");
    let Some(disk) = SmallDisk::mount(&home.path().join("disk")) else {
        println!("skipped: mounting a small file system needs root");
        return;
    };
    let store = disk.0.join("store.sqlite");
    home.write(&format!("[store]\npath = '{}'\nmin_free_bytes = 3000000\n", store.display()));
    make_room_by_coming_back(&home);
}

fn make_room_by_coming_back(home: &Home) {
    let _broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    drop(subscriber);
    let mut publisher = home.client("publisher");
    let acknowledged = fill(home, &mut publisher, "a");
    assert!(acknowledged > 300, "{acknowledged}");
    // Everything else goes on.
    publisher.ping();
    let (mut subscriber, present) = home.lasting("subscriber");
    assert!(present);
    for expected in 0..=acknowledged {
        let message = subscriber.receive_message();
        assert_eq!(number(&message), expected);
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    // The last of them was the one that had to wait.
    assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(acknowledged as u16 % 1_000 + 1)));
}
