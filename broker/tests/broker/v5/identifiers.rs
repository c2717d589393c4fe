//! Subscription identifiers (MQTT 5, 3.3.2.3.8, 3.3.4 and 3.8.2.1.2).

use std::process::Stdio;

use mqtt_proto::QoS;
use mqtt_proto::v5::{Packet, Publish, Suback, Subscribe, SubscriptionOptions, Unsubscribe, VarByteInt};

use crate::common::TestBroker;
use crate::program::Home;
use crate::v5::client::{V5, connect, lasting, message, options, pid};

const HIGHEST: u32 = 268_435_455;

fn subscribe(client: &mut V5, filters: &[&str], options: SubscriptionOptions, identifier: u32) {
    let filters: Vec<_> = filters.iter().map(|filter| ((*filter).try_into().unwrap(), options)).collect();
    let mut subscribe = Subscribe::new(pid(5), filters);
    subscribe.properties.subscription_id = Some(VarByteInt::try_from(identifier).unwrap());
    client.send(subscribe);
    let Packet::Suback(Suback { topics, .. }) = client.receive() else { panic!("expected a SUBACK") };
    assert!(topics.iter().all(|granted| (*granted as u8) < 0x80), "{topics:?}");
}

#[test]
fn mosquitto_is_told_which_subscription_has_brought_a_message() {
    let home = Home::new();
    let broker = home.start();
    let arguments = ["-V", "5", "-i", "x", "-c", "-x", "1000", "-q", "1", "-t", "a/#", "-t", "+/b"];
    let mut command = home.mosquitto("mosquitto_sub", &arguments);
    command.args(["-D", "SUBSCRIBE", "subscription-identifier", "7"]);
    assert!(command.arg("-E").status().unwrap().success());
    let publish = |topic| {
        let arguments = ["-V", "5", "-q", "1", "-t", topic, "-m", topic];
        assert!(home.mosquitto("mosquitto_pub", &arguments).status().unwrap().success());
    };
    publish("a/x");
    broker.kill();
    let _broker = home.start();
    publish("c/b");
    // It subscribes again.
    let mut command = home.mosquitto("mosquitto_sub", &arguments);
    command.args(["-D", "SUBSCRIBE", "subscription-identifier", "7", "-C", "2", "-W", "60", "-F", "%S %p"]);
    let output = command.stdout(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "7 a/x\n7 c/b\n");
}

#[test]
fn a_subscription_is_known_by_the_number_it_was_given_last() {
    let broker = TestBroker::start();
    broker.client("publisher").publish_retain("a", "retained", true);
    let (mut client, connack) = V5::connect(broker.address, connect("client"));
    assert_eq!(connack.properties.subscription_id_available, Some(true));
    for qos in [QoS::Level0, QoS::Level1] {
        for identifier in [7, 1, HIGHEST] {
            subscribe(&mut client, &["a"], options(qos), identifier);
            let expected = vec![identifier as usize];
            assert_eq!(client.receive_identified(), ("retained".to_owned(), expected.clone()));
            broker.client("publisher").publish("a", "x");
            assert_eq!(client.receive_identified(), ("x".to_owned(), expected));
        }
        // [MQTT-3.8.4-3]: the later one takes the place of the earlier one, with all that it says.
        client.subscribe("a", options(qos));
        assert_eq!(client.receive_identified(), ("retained".to_owned(), vec![]));
        broker.client("publisher").publish("a", "x");
        assert_eq!(client.receive_identified(), ("x".to_owned(), vec![]));
    }
}

/// [MQTT-3.3.4-3]: one copy, with the numbers of all of them.
#[test]
fn a_message_names_all_subscriptions_that_it_matches() {
    let broker = TestBroker::start();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    subscribe(&mut client, &["a/#", "+/#"], options(QoS::Level0), 1);
    subscribe(&mut client, &["a/+"], options(QoS::Level1), 2);
    subscribe(&mut client, &["+/b"], options(QoS::Level1), HIGHEST);
    client.subscribe("a/b", options(QoS::Level1));
    // Its own messages this one does not bring, nor does it say that it does [MQTT-3.8.3-3].
    subscribe(&mut client, &["#"], SubscriptionOptions { no_local: true, ..options(QoS::Level1) }, 3);
    subscribe(&mut client, &["other"], options(QoS::Level1), 4);
    for qos in [QoS::Level0, QoS::Level1] {
        client.send(message(qos, "a/b", "x"));
        if qos == QoS::Level1 {
            assert!(matches!(client.receive(), Packet::Puback(_)));
        }
        assert_eq!(client.receive_identified(), ("x".to_owned(), vec![1, 1, 2, HIGHEST as usize]));
    }
    client.send(Unsubscribe::new(pid(1), vec!["a/+".try_into().unwrap(), "+/#".try_into().unwrap()]));
    assert!(matches!(client.receive(), Packet::Unsuback(_)));
    broker.client("publisher").publish("a/b", "y");
    assert_eq!(client.receive_identified(), ("y".to_owned(), vec![1, 3, HIGHEST as usize]));
    client.expect_silence();
}

#[test]
fn numbers_survive_with_subscriptions_and_messages() {
    let home = Home::new();
    let broker = home.start();
    let (mut absent, _) = V5::connect(home.address, lasting("absent", 1_000));
    subscribe(&mut absent, &["a/#"], options(QoS::Level1), 300);
    subscribe(&mut absent, &["+/b"], options(QoS::Level2), HIGHEST);
    subscribe(&mut absent, &["a/c"], options(QoS::Level1), 2);
    absent.subscribe("a/c", options(QoS::Level1));
    drop(absent);
    let mut publisher = home.client("publisher");
    publisher.publish("a/b", "before");
    broker.kill();

    let broker = home.start();
    home.client("publisher").publish("a/b", "after");
    home.client("publisher").publish("a/c", "without a number of its own");
    broker.kill();

    let _broker = home.start();
    let (mut absent, connack) = V5::connect(home.address, lasting("absent", 1_000));
    assert!(connack.session_present);
    let both = vec![300, HIGHEST as usize];
    assert_eq!(absent.receive_identified(), ("before".to_owned(), both.clone()));
    assert_eq!(absent.receive_identified(), ("after".to_owned(), both));
    assert_eq!(absent.receive_identified(), ("without a number of its own".to_owned(), vec![300]));
    // A client of MQTT 3.1.1 that comes back to it gets the messages as ever.
    absent.leave();
    home.client("publisher").publish("a/c", "for the old version");
    let (mut absent, present) = home.lasting("absent");
    assert!(present);
    absent.expect_messages(["for the old version"]);
}

/// A message with its numbers is larger than without, and counts as such.
#[test]
fn numbers_count_against_the_clients_maximum() {
    let broker = TestBroker::start();
    let mut small = connect("small");
    small.properties.max_packet_size = Some(60);
    let (mut client, _) = V5::connect(broker.address, small);
    client.subscribe("a", options(QoS::Level1));
    let payload = "x".repeat(50);
    let (mut publisher, _) = V5::connect(broker.address, connect("publisher"));
    publisher.publish(Publish { retain: true, ..message(QoS::Level1, "a", &payload) });
    client.expect_message(&payload);
    subscribe(&mut client, &["a"], options(QoS::Level1), HIGHEST);
    publisher.publish(message(QoS::Level1, "a", &payload));
    publisher.publish(message(QoS::Level1, "a", "short"));
    assert_eq!(client.receive_identified(), ("short".to_owned(), vec![HIGHEST as usize]));
    client.expect_silence();
}
