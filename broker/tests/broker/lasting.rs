//! Lasting sessions: what is owed to an absent client.

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck};

use crate::common::{TestBroker, qos0, text};

#[test]
fn an_absent_client_gets_everything_but_qos_0_later() {
    let broker = TestBroker::start();
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.subscribe("a", QoS::ExactlyOnce);
    drop(subscriber);
    let mut publisher = broker.client("publisher");
    publisher.send(&qos0("a", "gone"));
    publisher.publish_numbers("a", 0..1_000);
    let (mut subscriber, present) = broker.lasting("subscriber");
    assert!(present);
    subscriber.expect_messages((0..1_000).map(|number| number.to_string()));
    // What was acknowledged does not come again.
    subscriber.ping();
    drop(subscriber);
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.expect_silence();
}

#[test]
fn no_more_are_under_way_than_the_window_holds() {
    let broker = TestBroker::with(|settings| settings.mqtt.in_flight_messages = 10);
    let mut subscriber = broker.client("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    broker.client("publisher").publish_numbers("a", 0..100);
    let ids: Vec<_> = (0..10).map(|_| subscriber.receive_message().pkid).collect();
    subscriber.expect_silence();
    // Out of order, too.
    subscriber.send(&Packet::PubAck(PubAck::new(ids[4])));
    assert_eq!(text(&subscriber.receive_message()), "10");
    subscriber.expect_silence();
}

#[test]
fn what_was_under_way_comes_first_and_marked() {
    let broker = TestBroker::with(|settings| settings.mqtt.in_flight_messages = 10);
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    broker.client("publisher").publish_numbers("a", 0..30);
    let first: Vec<_> = (0..10).map(|_| subscriber.receive_message()).collect();
    for message in &first[..3] {
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    for number in 10..13 {
        assert_eq!(text(&subscriber.receive_message()), number.to_string());
    }
    drop(subscriber);
    let (mut subscriber, _) = broker.lasting("subscriber");
    for number in (0..30).skip(3) {
        let message = subscriber.receive_message();
        assert_eq!(text(&message), number.to_string());
        assert_eq!(message.dup, number < 13, "{number}");
        if let Some(earlier) = first.get(number) {
            assert_eq!(message.pkid, earlier.pkid);
        }
        subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
}

#[test]
fn a_subscriber_that_is_cut_off_again_and_again_misses_nothing() {
    const COUNT: usize = 20_000;
    let broker = TestBroker::start();
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = broker.client("publisher");
    let publishing = std::thread::spawn(move || publisher.publish_numbers("a", 0..COUNT));
    let mut expected = 0;
    let mut cuts = 0;
    while expected < COUNT {
        // Each life ends in the middle of messages, at another place.
        for _ in 0..1_000 + 77 * cuts {
            let message = subscriber.receive_message();
            let number: usize = text(&message).parse().unwrap();
            // Sent again, or the next one; never one after that.
            assert!(number <= expected, "{number} before {expected}");
            assert!(number == expected || message.dup);
            expected = expected.max(number + 1);
            subscriber.send(&Packet::PubAck(PubAck::new(message.pkid)));
            if expected == COUNT {
                break;
            }
        }
        cuts += 1;
        drop(subscriber);
        subscriber = broker.lasting("subscriber").0;
    }
    assert!(cuts > 5);
    publishing.join().unwrap();
}

#[test]
fn a_session_is_forgotten_after_a_clean_one() {
    let broker = TestBroker::start();
    let (mut subscriber, _) = broker.lasting("subscriber");
    subscriber.subscribe("a", QoS::AtLeastOnce);
    drop(subscriber);
    let mut publisher = broker.client("publisher");
    publisher.publish("a", "owed");
    let mut clean = broker.client("subscriber");
    publisher.publish("a", "nobody's");
    clean.expect_silence();
}
