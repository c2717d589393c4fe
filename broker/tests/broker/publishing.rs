//! Messages from publishers to connected subscribers.

use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck, PubComp, PubRec, PubRel};

use crate::common::{TestBroker, qos0, qos1, qos2, text};

#[test]
fn a_message_reaches_its_subscriber() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("a/+", QoS::AtLeastOnce);
    let mut publisher = broker.client("publisher");
    publisher.publish("a/b", "hello");
    publisher.publish("a/b/c", "not for us");
    let message = subscriber.receive_message();
    assert_eq!((message.topic.as_str(), text(&message).as_str()), ("a/b", "hello"));
    assert_eq!((message.qos, message.dup, message.retain), (QoS::AtLeastOnce, false, false));
    subscriber.expect_silence();
}

#[test]
fn qos_is_the_lower_of_published_and_granted() {
    let broker = TestBroker::start();
    let all = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
    let mut publisher = broker.client("publisher");
    for granted in all {
        let mut subscriber = broker.client("subscriber");
        subscriber.subscribe("a", granted);
        publisher.send_all(&[qos0("a", "0"), qos1(1, "a", "1", false), qos2(2, "a", "2")]);
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(1)));
        assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(2)));
        publisher.send(&Packet::PubRel(PubRel::new(2)));
        assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(2)));
        for _ in all {
            let message = subscriber.receive_message();
            let published: u8 = text(&message).parse().unwrap();
            assert_eq!(message.qos as u8, published.min(granted as u8));
        }
    }
}

#[test]
fn qos_2_is_taken_once() {
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let (mut publisher, _) = broker.lasting("publisher");
    publisher.send(&qos2(5, "a", "once"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    drop(publisher);
    // The PUBREC got lost, as far as the publisher knows.
    let (mut publisher, present) = broker.lasting("publisher");
    assert!(present);
    let mut again = qos2(5, "a", "once");
    if let Packet::Publish(publish) = &mut again {
        publish.dup = true;
    }
    publisher.send_all(&[again, Packet::PubRel(PubRel::new(5))]);
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(5)));
    // Now the id is free, and its next message a new one.
    publisher.send(&qos2(5, "a", "new"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(5)));
    subscriber.expect_messages(["once", "new"]);
    subscriber.expect_silence();
}

#[test]
fn qos_2_is_delivered_once_across_reconnects() {
    let broker = TestBroker::start();
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    let mut publisher = broker.client("publisher");
    publisher.send(&qos2(1, "a", "x"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(1)));
    let message = subscriber.receive_message();
    assert!(!message.dup);
    let id = message.pkid;
    drop(subscriber);

    // Not recorded: sent again. Recorded: released, again and again until it is completed.
    let (mut subscriber, _) = broker.lasting("subscriber");
    let message = subscriber.receive_message();
    assert_eq!((message.dup, message.pkid, message.qos), (true, id, QoS::ExactlyOnce));
    subscriber.send(&Packet::PubRec(PubRec::new(id)));
    assert_eq!(subscriber.receive(), Packet::PubRel(PubRel::new(id)));
    drop(subscriber);
    let (mut subscriber, _) = broker.lasting("subscriber");
    assert_eq!(subscriber.receive(), Packet::PubRel(PubRel::new(id)));
    subscriber.send(&Packet::PubRec(PubRec::new(id)));
    assert_eq!(subscriber.receive(), Packet::PubRel(PubRel::new(id)));
    subscriber.send(&Packet::PubComp(PubComp::new(id)));
    subscriber.ping();
    drop(subscriber);
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.expect_silence();
}

#[test]
fn order_is_kept_from_several_publishers_to_several_filters() {
    const COUNT: usize = 5_000;
    let broker = TestBroker::start();
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("p/0", QoS::AtLeastOnce);
    subscriber.subscribe("p/+", QoS::AtLeastOnce);
    subscriber.subscribe("p/1", QoS::AtLeastOnce);
    let publishers: Vec<_> = (0..3)
        .map(|publisher| {
            let mut client = broker.client(&format!("publisher {publisher}"));
            std::thread::spawn(move || {
                let topic = format!("p/{publisher}");
                for first in (0..COUNT).step_by(100) {
                    let packets: Vec<_> = (first..first + 100)
                        .map(|number| qos1(number as u16 % 100 + 1, &topic, &number.to_string(), false))
                        .collect();
                    client.send_all(&packets);
                    for id in 1..=100 {
                        assert_eq!(client.receive(), Packet::PubAck(PubAck::new(id)));
                    }
                }
            })
        })
        .collect();
    let mut next = [0; 3];
    for _ in 0..3 * COUNT {
        let message = subscriber.receive_message();
        let publisher: usize = message.topic[2..].parse().unwrap();
        assert_eq!(text(&message), next[publisher].to_string());
        next[publisher] += 1;
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    for publisher in publishers {
        publisher.join().unwrap();
    }
    subscriber.expect_silence();
}

#[test]
fn one_message_reaches_hundreds_of_sessions_and_filters() {
    let broker = TestBroker::start();
    let mut subscribers: Vec<_> = (0..300)
        .map(|number| {
            let mut client = broker.client(&format!("subscriber {number}"));
            // Different filters, so that the router's buffer fills within one batch.
            let filter = "+/".repeat(number % 100) + "#";
            client.subscribe(&filter, QoS::AtLeastOnce);
            client
        })
        .collect();
    let mut publisher = broker.client("publisher");
    let topic = "x/".repeat(100);
    let packets: Vec<_> = (1..=50).map(|id| qos1(id, &topic, &id.to_string(), false)).collect();
    publisher.send_all(&packets);
    for id in 1..=50 {
        assert_eq!(publisher.receive(), Packet::PubAck(PubAck::new(id)));
    }
    for subscriber in &mut subscribers {
        subscriber.expect_messages((1..=50).map(|id: u16| id.to_string()));
    }
}

/// A packet that comes while the one before is with the exchange is handed over as soon as that
/// is done, and not with the next tick of the clock.
#[test]
fn large_messages_follow_each_other_without_a_pause() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    let payload = "x".repeat(200_000);
    let start = Instant::now();
    for _ in 0..100 {
        publisher.send(&qos0("a", &payload));
    }
    publisher.publish("a", "the last one");
    // A tick for each would be 100 s.
    assert!(start.elapsed() < Duration::from_secs(50), "{:?}", start.elapsed());
}
