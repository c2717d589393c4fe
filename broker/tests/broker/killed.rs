//! `kill -9`, and what is there again afterwards.

use std::process::Stdio;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, LastWill, Packet, PubAck, PubComp, PubRec, PubRel};

use crate::common::{Client, qos1, qos2, text};
use crate::program::Home;

/// Longer than what nobody waits for takes to get to the disk.
/// It goes there once a second, and no client can see it.
const SWEEP: Duration = Duration::from_secs(4);

#[test]
fn subscriptions_sessions_and_what_is_owed_survive() {
    let home = Home::new();
    let broker = home.start();
    let (mut absent, present) = home.lasting("absent");
    assert!(!present);
    absent.subscribe("a/+", QoS::AtLeastOnce);
    absent.subscribe("b", QoS::AtLeastOnce);
    absent.subscribe("b/#", QoS::AtMostOnce);
    absent.send(&Packet::Unsubscribe({
        let mut unsubscribe = rumqttc::Unsubscribe::new("b");
        unsubscribe.pkid = 1;
        unsubscribe
    }));
    absent.receive();
    drop(absent);
    let mut clean = home.client("clean");
    clean.subscribe("#", QoS::AtLeastOnce);
    home.client("publisher").publish_numbers("a/b", 0..500);
    broker.kill();

    let broker = home.start();
    // Subscribed still, although it has not been there.
    home.client("publisher").publish_numbers("a/c", 500..600);
    home.client("publisher").publish("b/c", "as QoS 0, to nobody");
    broker.kill();

    let _broker = home.start();
    let (mut absent, present) = home.lasting("absent");
    assert!(present);
    absent.expect_messages((0..600).map(|number| number.to_string()));
    absent.expect_silence();
    let (mut clean, present) = home.lasting("clean");
    assert!(!present);
    clean.expect_silence();
}

#[test]
fn what_was_under_way_comes_again_with_its_id_and_dup() {
    let home = Home::new();
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    home.client("publisher").publish_numbers("a", 0..10);
    let before: Vec<_> = (0..10).map(|_| subscriber.receive_message()).collect();
    for message in &before[..4] {
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    std::thread::sleep(SWEEP);
    broker.kill();

    let _broker = home.start();
    home.client("publisher").publish("a", "new");
    let (mut subscriber, present) = home.lasting("subscriber");
    assert!(present);
    for earlier in &before[4..] {
        let message = subscriber.receive_message();
        assert_eq!((message.pkid, &message.payload), (earlier.pkid, &earlier.payload));
        assert!(message.dup);
    }
    let message = subscriber.receive_message();
    assert_eq!((text(&message).as_str(), message.dup), ("new", false));
}

#[test]
fn an_end_with_acknowledgements_is_kept_by_a_clean_stop() {
    let home = Home::new();
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    home.client("publisher").publish_numbers("a", 0..100);
    subscriber.expect_messages((0..100).map(|number| number.to_string()));
    subscriber.ping();
    broker.stop();
    let _broker = home.start();
    let (mut subscriber, present) = home.lasting("subscriber");
    assert!(present);
    subscriber.expect_silence();
}

#[test]
fn retained_messages_survive_and_deleted_ones_do_not() {
    let home = Home::new();
    let broker = home.start();
    let mut publisher = home.client("publisher");
    publisher.publish_retain("a/1", "old", true);
    publisher.publish_retain("a/1", "1", true);
    publisher.publish_retain("a/2", "2", true);
    publisher.publish_retain("a/3", "3", true);
    publisher.publish_retain("a/2", "", true);
    broker.kill();
    let _broker = home.start();
    let mut subscriber = home.client("subscriber");
    subscriber.subscribe("a/#", QoS::AtLeastOnce);
    for expected in ["1", "3"] {
        let message = subscriber.receive_message();
        assert_eq!((text(&message).as_str(), message.retain), (expected, true));
    }
    subscriber.expect_silence();
}

#[test]
fn qos_2_is_taken_once_across_a_kill() {
    let home = Home::new();
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    drop(subscriber);
    let (mut publisher, _) = home.lasting("publisher");
    publisher.send(&qos2(5, "a", "once"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    broker.kill();

    let broker = home.start();
    let (mut publisher, present) = home.lasting("publisher");
    assert!(present);
    let mut again = qos2(5, "a", "once");
    if let Packet::Publish(publish) = &mut again {
        publish.dup = true;
    }
    publisher.send_all(&[again, Packet::PubRel(PubRel::new(5))]);
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(5)));
    broker.kill();

    // Released for good, so the same id carries something new.
    let _broker = home.start();
    let (mut publisher, _) = home.lasting("publisher");
    publisher.send(&qos2(5, "a", "new"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.expect_messages(["once", "new"]);
    subscriber.expect_silence();
}

#[test]
fn qos_2_is_delivered_once_across_kills() {
    let home = Home::new();
    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = home.client("publisher");
    publisher.send(&qos2(1, "a", "x"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(1)));
    let id = subscriber.receive_message().pkid;
    broker.kill();

    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    let message = subscriber.receive_message();
    assert_eq!((message.dup, message.pkid, message.qos), (true, id, QoS::ExactlyOnce));
    subscriber.send(&Packet::PubRec(PubRec::new(id)));
    assert_eq!(subscriber.receive(), Packet::PubRel(PubRel::new(id)));
    broker.kill();

    let broker = home.start();
    let (mut subscriber, _) = home.lasting("subscriber");
    assert_eq!(subscriber.receive(), Packet::PubRel(PubRel::new(id)));
    subscriber.send(&Packet::PubComp(PubComp::new(id)));
    std::thread::sleep(SWEEP);
    broker.kill();

    let _broker = home.start();
    let (mut subscriber, present) = home.lasting("subscriber");
    assert!(present);
    subscriber.expect_silence();
}

#[test]
fn wills_are_published_after_a_kill() {
    let home = Home::new();
    let broker = home.start();
    let (mut witness, _) = home.lasting("witness");
    witness.subscribe("status/#", QoS::AtLeastOnce);
    let with_will = |client_id: &str| {
        let mut connect = Connect::new(client_id);
        let topic = format!("status/{client_id}");
        connect.last_will = Some(LastWill::new(topic, "offline", QoS::AtLeastOnce, true));
        Client::connect(home.address, connect).0
    };
    let mut gone = with_will("gone");
    let mut left = with_will("left");
    gone.publish_retain("status/gone", "online", true);
    left.publish_retain("status/left", "left", true);
    left.send(&Packet::Disconnect);
    left.expect_end();
    witness.expect_messages(["online", "left"]);
    std::thread::sleep(SWEEP);
    broker.kill();

    let broker = home.start();
    let (mut witness, _) = home.lasting("witness");
    witness.expect_messages(["offline"]);
    witness.expect_silence();
    broker.kill();

    // Once is enough.
    let _broker = home.start();
    let mut late = home.client("late");
    late.subscribe("status/+", QoS::AtLeastOnce);
    for expected in ["offline", "left"] {
        assert_eq!(text(&late.receive_message()), expected);
    }
    late.expect_silence();
}

#[test]
fn a_third_party_subscriber_gets_all_that_came_while_it_was_away() {
    const COUNT: usize = 50_000;
    let home = Home::new();
    let mut broker = home.start();
    let subscribe = ["-c", "-i", "x", "-q", "1", "-t", "a/#"];
    assert!(home.mosquitto("mosquitto_sub", &subscribe).arg("-E").status().unwrap().success());
    for third in 0..3 {
        let numbers = third * COUNT / 3..(third + 1) * COUNT / 3;
        home.client("publisher").publish_numbers("a/b", numbers);
        if third < 2 {
            broker.kill();
            broker = home.start();
        }
    }
    // Somebody has its session, takes some and acknowledges none: all are sent again.
    let (mut other, present) = home.lasting("x");
    assert!(present);
    assert_eq!(text(&other.receive_message()), "0");
    drop(other);
    let (count, patience) = (COUNT.to_string(), "60");
    let output = home
        .mosquitto("mosquitto_sub", &subscribe)
        .args(["-C", &count, "-W", patience])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let expected: String = (0..COUNT).map(|number| format!("{number}\n")).collect();
    assert!(String::from_utf8(output.stdout).unwrap() == expected, "not all of them, in order");
    // Nothing is left of it but the session.
    broker.stop();
    let _broker = home.start();
    let (mut x, present) = home.lasting("x");
    assert!(present);
    // It may have gone before it acknowledged the last ones.
    while let Some(packet) = x.next_within(Duration::from_millis(500)) {
        assert!(matches!(&packet, Packet::Publish(publish) if publish.dup), "{packet:?}");
    }
    assert!(!home.lasting("somebody new").1);
}

#[test]
fn a_third_party_subscriber_gets_all_that_is_retained_after_each_kill() {
    const COUNT: usize = 1_500;
    let home = Home::new();
    let mut broker = home.start();
    let mut publisher = home.client("publisher");
    for number in 0..COUNT {
        publisher.send(&qos1(7, &format!("r/{number:04}"), &number.to_string(), true));
    }
    for _ in 0..COUNT {
        publisher.receive();
    }
    let count = COUNT.to_string();
    let subscribe = ["-t", "r/#", "-F", "%r %t %p", "-C", &count, "-W", "30"];
    let expected: String = (0..COUNT).map(|number| format!("1 r/{number:04} {number}\n")).collect();
    for qos in ["0", "1", "2"] {
        broker.kill();
        broker = home.start();
        let subscriber = home.mosquitto("mosquitto_sub", &subscribe).args(["-q", qos]).output().unwrap();
        assert!(String::from_utf8(subscriber.stdout).unwrap() == expected, "QoS {qos}");
    }
}
