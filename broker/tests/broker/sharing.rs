//! Shared subscriptions: each message for one of those who share (MQTT 5, section 4.8.2), and for another one if that
//! one goes.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use broker_users::{Role, UsersFile};
use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck, SubscribeReasonCode, Unsubscribe};

use crate::access::{access_settings, add_users, connect_as};
use crate::common::{Client, TestBroker, qos1, qos2, text};
use crate::program::Home;

const SHARE: &str = "$share/g/a/#";

fn numbers(numbers: std::ops::Range<usize>) -> BTreeSet<String> {
    numbers.map(|number| number.to_string()).collect()
}

/// The payloads of so many messages of QoS 1, acknowledged.
fn take(client: &mut Client, count: usize) -> BTreeSet<String> {
    let taken = (0..count).map(|_| {
        let message = client.receive_message();
        client.send(&Packet::PubAck(PubAck::new(message.pkid)));
        text(&message)
    });
    taken.collect()
}

fn unsubscribe(client: &mut Client, filter: &str) {
    client.send(&Packet::Unsubscribe(Unsubscribe { pkid: 9, topics: vec![filter.to_owned()] }));
    assert!(matches!(client.receive(), Packet::UnsubAck(_)));
}

/// A member of mosquitto's with a session that lasts.
fn mosquitto_member(home: &Home, version: &str, name: &str, more: &[&str]) -> Command {
    let mut command = home.mosquitto("mosquitto_sub", &["-V", version, "-i", name, "-c", "-q", "1"]);
    if version == "5" {
        command.args(["-x", "1000"]);
    }
    command.args(["-t", SHARE]).args(more).stdout(Stdio::piped());
    command
}

fn lines(command: &mut Command) -> BTreeSet<String> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// In both versions of MQTT, with the broker killed in between: whoever comes gets what the other one is not there for.
#[test]
fn whoever_of_mosquittos_members_comes_gets_everything() {
    let home = Home::new();
    let broker = home.start();
    for (version, name) in [("5", "one"), ("311", "other")] {
        lines(&mut mosquitto_member(&home, version, name, &["-E"]));
    }
    home.client("publisher").publish_numbers("a/b", 0..200);
    broker.kill();

    let broker = home.start();
    home.client("publisher").publish_numbers("a/b", 200..300);
    broker.kill();

    let broker = home.start();
    let got = lines(&mut mosquitto_member(&home, "5", "one", &["-C", "300", "-W", "60"]));
    assert_eq!(got, numbers(0..300));
    home.client("publisher").publish("a", "last");
    broker.stop();

    let _broker = home.start();
    // Nothing else is left of it.
    let got = lines(&mut mosquitto_member(&home, "311", "other", &["-C", "1", "-W", "60"]));
    assert_eq!(got, ["last".to_owned()].into());
}

/// It was stopped before it could acknowledge any of its half.
#[test]
fn what_a_killed_member_has_not_acknowledged_goes_to_another() {
    let home = Home::new();
    let _broker = home.start();
    let mut publisher = home.client("publisher");
    for version in ["5", "311"] {
        publisher.publish_retain("probe", "here", true);
        let mut dying = mosquitto_member(&home, version, version, &["-t", "probe"]).spawn().unwrap();
        let mut here = [0; 5];
        std::io::Read::read_exact(dying.stdout.as_mut().unwrap(), &mut here).unwrap();
        let stopped = Command::new("kill").args(["-STOP", &dying.id().to_string()]).status();
        assert!(stopped.unwrap().success());
        let (mut other, _) = home.lasting("other");
        other.subscribe(SHARE, QoS::AtLeastOnce);
        publisher.publish_numbers("a", 0..20);
        let own = take(&mut other, 10);
        other.expect_silence();
        dying.kill().unwrap();
        dying.wait().unwrap();
        let rest = take(&mut other, 10);
        assert_eq!(&own | &rest, numbers(0..20), "{version}");
        // The dead one's session, and this one's part.
        drop(home.client(version));
        unsubscribe(&mut other, SHARE);
    }
}

#[test]
fn each_message_is_for_one_member_of_each_share() {
    let broker = TestBroker::start();
    let mut members: Vec<_> = (0..4).map(|number| broker.client(&format!("member {number}"))).collect();
    for (client, filter) in members.iter_mut().zip([SHARE, SHARE, SHARE, "$share/other/a/+"]) {
        client.subscribe(filter, QoS::AtLeastOnce);
    }
    // One of them also for itself: that is a copy of its own.
    members[0].subscribe("a/b", QoS::AtLeastOnce);
    broker.client("publisher").publish_numbers("a/b", 0..30);
    let mut of_share = Vec::new();
    let mut all = Vec::new();
    // The one to whom more is owed gets less of what is shared.
    for (number, (client, count)) in members.iter_mut().zip([31, 15, 14, 30]).enumerate() {
        let taken: Vec<_> = (0..count).map(|_| take(client, 1).pop_first().unwrap()).collect();
        client.expect_silence();
        match number {
            3 => all = taken,
            _ => of_share.extend(taken),
        }
    }
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), numbers(0..30));
    of_share.sort();
    let mut twice: Vec<_> = numbers(0..30).into_iter().flat_map(|number| [number.clone(), number]).collect();
    twice.sort();
    assert_eq!(of_share, twice);
}

/// [MQTT-4.8.2-3]: each member gets it as it was granted. And no share brings what is retained already.
#[test]
fn a_share_brings_new_messages_as_each_member_has_asked() {
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    publisher.publish_retain("a", "retained", true);
    let mut one = broker.client("one");
    one.subscribe(SHARE, QoS::AtMostOnce);
    let mut other = broker.client("other");
    other.subscribe(SHARE, QoS::AtLeastOnce);
    one.expect_silence();
    other.expect_silence();
    for number in 0..10 {
        publisher.send(&qos2(number + 1, "a", "x"));
        assert!(matches!(publisher.receive(), Packet::PubRec(_)));
        let of_one = number % 2 == 0;
        let (client, qos) = if of_one { (&mut one, QoS::AtMostOnce) } else { (&mut other, QoS::AtLeastOnce) };
        let message = client.receive_message();
        assert_eq!((message.qos, message.retain), (qos, false));
        if !of_one {
            client.send(&Packet::PubAck(PubAck::new(message.pkid)));
            client.ping();
        }
    }
}

/// [MQTT-4.8.2-4, 4.8.2-5]: what it may have seen with QoS 2 waits for its client, and for nobody else.
#[test]
fn a_delivery_of_qos_2_ends_with_whom_it_began() {
    let home = Home::new();
    let _broker = home.start();
    let (mut one, _) = home.lasting("one");
    one.subscribe(SHARE, QoS::ExactlyOnce);
    let mut publisher = home.client("publisher");
    publisher.send(&qos2(1, "a", "begun"));
    assert!(matches!(publisher.receive(), Packet::PubRec(_)));
    let begun = one.receive_message();
    let (mut other, _) = home.lasting("other");
    other.subscribe(SHARE, QoS::ExactlyOnce);
    drop(one);
    other.expect_silence();
    let (mut one, present) = home.lasting("one");
    assert!(present);
    let again = one.receive_message();
    assert_eq!((again.pkid, again.dup, text(&again).as_str()), (begun.pkid, true, "begun"));
    drop(one);
    // Its session ends, and with it the message.
    drop(home.client("one"));
    other.expect_silence();
}

/// [MQTT-4.8.2-6], in version 5: it is discarded, and no other member gets it.
#[test]
fn what_a_member_refuses_nobody_else_gets() {
    use crate::v5::client::{V5, connect, lasting, options, pid};
    use mqtt_proto::QoS as QoS5;
    use mqtt_proto::v5::{Puback, PubackReasonCode, Pubrec, PubrecReasonCode};

    let broker = TestBroker::start();
    let (mut one, connack) = V5::connect(broker.address, lasting("one", 1_000));
    assert_eq!(connack.properties.shared_subscription_available, Some(true));
    one.subscribe(SHARE, options(QoS5::Level2));
    let mut publisher = broker.client("publisher");
    publisher.publish("a", "refused");
    publisher.send(&qos2(1, "a", "refused too"));
    assert!(matches!(publisher.receive(), Packet::PubRec(_)));
    let (mut other, _) = V5::connect(broker.address, connect("other"));
    other.subscribe(SHARE, options(QoS5::Level2));
    let [first, second] = [(); 2].map(|()| one.receive_message().qos_pid.pid().unwrap());
    one.send(Puback::new(first, PubackReasonCode::UnspecifiedError));
    one.send(Pubrec::new(second, PubrecReasonCode::UnspecifiedError));
    one.ping();
    assert_eq!((first, second), (pid(1), pid(2)));
    drop(one);
    other.expect_silence();
}

/// Whatever way it goes: its session ends, it unsubscribes, or its user may not read it any more.
#[test]
fn what_is_owed_to_a_member_that_takes_part_no_longer_goes_to_another() {
    let home = Home::new();
    let users = [("site", Role::Admin), ("one", Role::Recorder), ("other", Role::Reader)];
    add_users(&home, &users);
    home.write(&format!(
        "in_flight_messages = 5
{}",
        access_settings(&home)
    ));
    let running = home.start();
    let mut publisher = Client::connect(home.address, connect_as("site", "site")).0;
    let share = "$share/g/powerpi/#";
    let member = |name: &str, clean: bool| {
        let mut connect = connect_as(name, name);
        connect.clean_session = clean;
        let (mut client, _) = Client::connect(home.address, connect);
        client.subscribe(share, QoS::AtLeastOnce);
        client
    };
    let mut one = member("one", true);
    publisher.publish_numbers("powerpi/hq/x/state", 0..40);
    // A clean session ends with its connection.
    let mut other = member("other", false);
    drop(one);
    assert_eq!(take(&mut other, 40), numbers(0..40));

    one = member("one", false);
    other.send(&Packet::Disconnect);
    other.expect_end();
    publisher.publish_numbers("powerpi/hq/x/state", 0..40);
    other = member("other", false);
    let before: Vec<_> = (0..5).map(|_| one.receive_message()).collect();
    unsubscribe(&mut one, share);
    assert_eq!(take(&mut other, 35), numbers(5..40));
    assert_eq!(before.iter().map(text).collect::<BTreeSet<_>>(), numbers(0..5));
    other.expect_silence();
    // What it was already sent stays with it while it is there.
    drop(one);
    assert_eq!(take(&mut other, 5), numbers(0..5));
    other.send(&Packet::Disconnect);
    other.expect_end();

    // A reader no longer. Whoever takes over what is on disk keeps it there, too.
    publisher.publish_numbers("powerpi/hq/x/state", 0..40);
    let mut file = UsersFile::open(&home.path().join("users.toml")).unwrap();
    file.set(&"other".parse().unwrap(), None, Some(Role::Look));
    file.save().unwrap();
    one = member("one", false);
    running.reload();
    assert_eq!(take(&mut one, 40), numbers(0..40));
}

/// Those who are there share it, as they come along with it.
#[test]
fn several_divide_what_an_absent_one_was_owed() {
    let broker = TestBroker::with(|settings| settings.mqtt.in_flight_messages = 10);
    let (mut absent, _) = broker.lasting("absent");
    absent.subscribe(SHARE, QoS::AtLeastOnce);
    drop(absent);
    let mut publisher = broker.client("publisher");
    publisher.publish_numbers("a", 0..100);
    let mut members: Vec<_> = ["one", "other"]
        .into_iter()
        .map(|name| {
            let (mut client, _) = broker.lasting(name);
            client.subscribe(SHARE, QoS::AtLeastOnce);
            client
        })
        .collect();
    let before: Vec<Vec<_>> =
        members.iter_mut().map(|client| (0..10).map(|_| client.receive_message()).collect()).collect();
    members.iter_mut().for_each(Client::expect_silence);
    // It comes back: the rest is still there, and is its own.
    let (mut absent, present) = broker.lasting("absent");
    assert!(present);
    assert_eq!(take(&mut absent, 80), numbers(20..100));
    let before = before.iter().flatten().map(text).collect::<BTreeSet<_>>();
    assert_eq!(before, numbers(0..20));
}

/// [MQTT-4.8.2-1, 4.8.2-2]: a name of one character at least, without wildcards, and a filter.
#[test]
fn a_share_without_name_or_filter_is_refused() {
    let broker = TestBroker::start();
    let mut client = broker.client("client");
    for wrong in ["$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g#/a", "$share/g/a#", "$share"]
    {
        assert_eq!(client.try_subscribe(wrong, QoS::AtLeastOnce), SubscribeReasonCode::Failure, "{wrong}");
    }
    for right in ["$share/g/a", "$share/g//", "$share/größe/$SYS/nothing/#"] {
        client.subscribe(right, QoS::AtLeastOnce);
    }
    unsubscribe(&mut client, "$share/g/a");
    client.subscribe("$SYS/broker/shared_subscriptions/count", QoS::AtMostOnce);
    while text(&client.receive_message()) != "2" {}
}

#[test]
fn who_may_read_something_may_share_it() {
    let home = Home::new();
    add_users(&home, &[("reader", Role::Reader), ("look", Role::Look)]);
    home.write(&access_settings(&home));
    let _running = home.start();
    let granted = |name, filter| {
        let (mut client, _) = Client::connect(home.address, connect_as(name, name));
        client.try_subscribe(filter, QoS::AtLeastOnce) != SubscribeReasonCode::Failure
    };
    assert!(granted("reader", "$share/g/powerpi/+/+/state"));
    assert!(!granted("reader", "$share/g/#") && !granted("reader", "$share/powerpi/other/x"));
    assert!(!granted("look", "$share/g/powerpi/#"));
}

/// A name for the same filter is one more.
#[test]
fn shares_count_as_filters_of_their_owner() {
    let broker = TestBroker::with(|settings| {
        settings.mqtt.max_filters = 10;
        settings.mqtt.max_subscriptions = 100;
    });
    let granted = |client: &mut Client, name: &str| {
        let filters = (0..40).map(|number| format!("$share/{name} {number}/a"));
        filters
            .filter(|filter| client.try_subscribe(filter, QoS::AtMostOnce) != SubscribeReasonCode::Failure)
            .count()
    };
    let mut client = broker.client("client");
    let count = granted(&mut client, "x");
    assert!((5..20).contains(&count), "{count}");
    // The same ones in another session are no more, and those of an ended one are free again.
    let mut other = broker.client("other");
    assert_eq!(granted(&mut other, "x"), count);
    drop((client, other));
    let mut again = broker.client("again");
    let start = std::time::Instant::now();
    let mut name = 0;
    while granted(&mut again, &format!("y{name}")) < count {
        assert!(start.elapsed() < std::time::Duration::from_secs(60));
        name += 1;
        again = broker.client(&format!("again {name}"));
    }
    // Messages of it come once for each share.
    broker.client("publisher").send(&qos1(1, "a", "x", false));
    for _ in 0..count {
        assert_eq!(text(&again.receive_message()), "x");
    }
    again.expect_silence();
}
