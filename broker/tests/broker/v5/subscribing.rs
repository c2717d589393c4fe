//! SUBSCRIBE and UNSUBSCRIBE with what MQTT 5 adds.

use mqtt_proto::QoS;
use mqtt_proto::v5::{
    Packet, Publish, RetainHandling, Subscribe, SubscribeReasonCode, SubscriptionOptions, Unsuback,
    Unsubscribe, UnsubscribeReasonCode,
};

use crate::common::TestBroker;
use crate::v5::client::{V5, connect, message, options, pid};

#[test]
fn no_local_leaves_out_what_the_client_has_published_itself() {
    let broker = TestBroker::start();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    client.subscribe("a", SubscriptionOptions { no_local: true, ..options(QoS::Level1) });
    client.subscribe("b", options(QoS::Level1));
    client.publish_text("a", "own");
    client.expect_silence();
    broker.client("other").publish("a", "another's");
    client.expect_message("another's");
    // Another subscription of the same client wants it all the same, once.
    client.subscribe("+", options(QoS::Level0));
    client.send(message(QoS::Level0, "a", "own again"));
    client.expect_message("own again");
    client.expect_silence();
}

#[test]
fn retain_as_published_is_up_to_the_subscriber() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    for (wanted, expected) in [(true, [true, false]), (false, [false, false])] {
        let (mut client, _) = V5::connect(broker.address, connect("client"));
        for qos in [QoS::Level0, QoS::Level1] {
            let filter = format!("{}/{wanted}", qos as u8);
            client.subscribe(&filter, SubscriptionOptions { retain_as_published: wanted, ..options(qos) });
            publisher.publish_retain(&filter, "to be retained", true);
            publisher.publish_retain(&filter, "not to be", false);
            assert_eq!(client.expect_message("to be retained").retain, expected[0], "{qos:?}");
            assert_eq!(client.expect_message("not to be").retain, expected[1], "{qos:?}");
        }
        // What was retained before the subscription comes as such in any case.
        client.subscribe("+/true", options(QoS::Level0));
        assert!(client.expect_message("to be retained").retain);
    }
}

#[test]
fn retained_messages_come_when_they_are_wanted() {
    let broker = TestBroker::start();
    broker.client("publisher").publish_retain("a", "x", true);
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    let mut subscribe = |retain_handling, comes| {
        client.subscribe("a", SubscriptionOptions { retain_handling, ..options(QoS::Level0) });
        if comes {
            assert!(client.expect_message("x").retain);
        } else {
            client.expect_silence();
        }
    };
    subscribe(RetainHandling::DoNotSend, false);
    subscribe(RetainHandling::SendAtSubscribeIfNotExist, false);
    subscribe(RetainHandling::SendAtSubscribe, true);
    subscribe(RetainHandling::SendAtSubscribe, true);
    client.send(Unsubscribe::new(pid(1), vec!["a".try_into().unwrap()]));
    assert!(matches!(client.receive(), Packet::Unsuback(_)));
    let retain_handling = RetainHandling::SendAtSubscribeIfNotExist;
    client.subscribe("a", SubscriptionOptions { retain_handling, ..options(QoS::Level0) });
    assert!(client.expect_message("x").retain);
}

#[test]
fn each_filter_gets_its_reason() {
    let broker = TestBroker::with(|settings| settings.mqtt.max_subscriptions = 2);
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    let filters = ["a", "$share/g/a", "b", "c"];
    let wanted = filters.map(|filter| (filter.try_into().unwrap(), options(QoS::Level2)));
    client.send(Subscribe::new(pid(5), wanted.to_vec()));
    let Packet::Suback(suback) = client.receive() else { panic!("expected a SUBACK") };
    let granted = SubscribeReasonCode::GrantedQoS2;
    let quota = SubscribeReasonCode::QuotaExceeded;
    assert_eq!((suback.pid, suback.topics), (pid(5), vec![granted, granted, quota, quota]));

    let withdrawn = ["a", "never"].map(|filter| filter.try_into().unwrap());
    client.send(Unsubscribe::new(pid(6), withdrawn.to_vec()));
    let codes = vec![UnsubscribeReasonCode::Success, UnsubscribeReasonCode::NoSubscriptionExisted];
    assert_eq!(client.receive(), Packet::Unsuback(Unsuback::new(pid(6), codes)));
}

#[test]
fn an_empty_retained_message_deletes_here_too() {
    let broker = TestBroker::start();
    let (mut client, _) = V5::connect(broker.address, connect("client"));
    for payload in ["x", ""] {
        client.publish(Publish { retain: true, ..message(QoS::Level1, "a", payload) });
    }
    client.subscribe("a", options(QoS::Level0));
    client.expect_silence();
}
