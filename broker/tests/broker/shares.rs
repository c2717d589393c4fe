//! One user that takes all it can get, beside others that need little: what is kept belongs to
//! somebody, and who takes more than its share harms only itself.

use std::time::Duration;

use broker_users::Role;
use mqtt_proto::v5::ConnectReasonCode;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, ConnectReturnCode, Packet, PubAck, Subscribe, SubscribeReasonCode, Unsubscribe};
use rusqlite::Connection;

use crate::access::{access_settings, add_users, connect_as, password};
use crate::common::{Client, text};
use crate::program::{Home, Running};
use crate::v5;
use crate::v5::client::V5;

/// Everybody's user, and the greedy one: with four of them each has a tenth for itself, and nobody
/// gets more than 0.475 of what there is.
const USERS: [(&str, Role); 4] =
    [("hq", Role::Publisher), ("recorder", Role::Recorder), ("admin", Role::Admin), ("greedy", Role::Reader)];

fn write_settings(home: &Home, mqtt: &str) {
    home.write(&format!("{mqtt}\n{}", access_settings(home)));
}

fn home_with(mqtt: &str) -> (Home, Running) {
    home_of(Role::Reader, mqtt)
}

/// With this role for the greedy one.
fn home_of(greedy: Role, mqtt: &str) -> (Home, Running) {
    let home = Home::new();
    add_users(&home, &USERS);
    add_users(&home, &[("greedy", greedy)]);
    write_settings(&home, mqtt);
    let running = home.start();
    (home, running)
}

fn lasting_as(home: &Home, user: &str, client_id: &str) -> (Client, bool) {
    Client::connect(home.address, Connect { clean_session: false, ..connect_as(user, client_id) })
}

fn leave(mut client: Client) {
    client.send(&Packet::Disconnect);
    client.expect_end();
}

/// Takes messages up to this one; what was owed before, or comes again after a kill, comes first.
fn receive(client: &mut Client, payload: &str) {
    loop {
        let message = client.receive_message();
        client.send(&Packet::PubAck(PubAck::new(message.pkid)));
        if text(&message) == payload {
            return;
        }
    }
}

/// A site, and who records it: what is published while the recorder is away reaches it afterwards.
fn others_are_served(home: &Home, new_session: &str) {
    others_are_served_after(home, new_session, 0);
}

/// The same, the recorder being owed these numbers already.
fn others_are_served_after(home: &Home, new_session: &str, numbers: usize) {
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "hq"));
    publisher.publish("powerpi/hq/main/minute", "owed");
    let (mut recorder, present) = lasting_as(home, "recorder", "recorder");
    assert!(present, "the recorder's session is gone");
    recorder.expect_messages((0..numbers).map(|number| number.to_string()));
    receive(&mut recorder, "owed");
    leave(recorder);
    let (mut newcomer, present) = lasting_as(home, "admin", new_session);
    assert!(!present);
    newcomer.subscribe("powerpi/#", QoS::AtLeastOnce);
    publisher.publish("powerpi/hq/main/live", "seen");
    newcomer.expect_messages(["seen"]);
    let (mut recorder, _) = lasting_as(home, "recorder", "recorder");
    receive(&mut recorder, "seen");
    leave(recorder);
    leave(newcomer);
}

fn subscribed_recorder(home: &Home) {
    let (mut recorder, _) = lasting_as(home, "recorder", "recorder");
    recorder.subscribe("powerpi/#", QoS::AtLeastOnce);
    leave(recorder);
}

fn stored_sessions(home: &Home, user: &str) -> usize {
    let connection = Connection::open(home.store()).unwrap();
    let sql = "SELECT count(*) FROM session WHERE owner = ?1";
    connection.query_row(sql, [user], |row| row.get(0)).unwrap()
}

#[test]
fn sessions_without_end_displace_each_other() {
    let (home, running) = home_with("max_sessions = 100");
    subscribed_recorder(&home);
    for number in 0..300 {
        let (mut client, _) = lasting_as(&home, "greedy", &format!("session {number}"));
        client.subscribe("powerpi/#", QoS::AtLeastOnce);
        leave(client);
    }
    others_are_served(&home, "new");
    // Its own oldest sessions were in the way, and of what it still has the newest is there.
    assert!(!lasting_as(&home, "greedy", "session 0").1);
    assert!(lasting_as(&home, "greedy", "session 299").1);
    // Connected ones are not displaced: then no more are let in, except clean ones.
    let mut connected: Vec<_> =
        (0..48).map(|number| lasting_as(&home, "greedy", &format!("connected {number}")).0).collect();
    let mut refused = Client::raw(home.address);
    refused.send(&Packet::Connect(Connect { clean_session: false, ..connect_as("greedy", "refused") }));
    assert!(matches!(refused.receive(), Packet::ConnAck(ack) if ack.code != ConnectReturnCode::Success));
    Client::connect(home.address, connect_as("greedy", "clean")).0.ping();
    connected.iter_mut().for_each(Client::ping);
    others_are_served(&home, "newer");
    running.kill();
    assert_eq!(stored_sessions(&home, "greedy"), 48);

    // A restart with less room: what is over is dropped, what was absent for longest first.
    write_settings(&home, "max_sessions = 20");
    let running = home.start();
    others_are_served(&home, "newest");
    assert!(home.log().contains("not everything kept has room any more"), "{}", home.log());
    running.stop();
    // Its own two, and all that nobody needs for now.
    assert_eq!(stored_sessions(&home, "greedy"), 12);
}

/// Sends acknowledgements that fit nothing until the connection ends.
fn acknowledge_nothing(client: &Client) -> std::thread::JoinHandle<()> {
    let stream = client.stream.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut client = Client::over(stream);
        while client.try_send_all(&[Packet::PubAck(PubAck::new(60_000))]) {
            std::thread::sleep(Duration::from_millis(20));
        }
    })
}

#[test]
fn who_acknowledges_nothing_holds_nobody_up() {
    let limits = "max_owed_messages = 50\nin_flight_messages = 10\nstalled_after_s = 3600";
    let (home, _running) = home_with(limits);
    subscribed_recorder(&home);
    let (mut greedy, _) = Client::connect(home.address, connect_as("greedy", "greedy"));
    greedy.subscribe("powerpi/#", QoS::AtLeastOnce);
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    // Ten times what may be owed to it: nobody waits, not even for as long as it may be stalled.
    publisher.publish_numbers("powerpi/hq/main/minute", 0..500);
    others_are_served(&home, "new");
    // What was under way, and the newest of the rest; what lies between was dropped.
    let mut received = Vec::new();
    while received.last().is_none_or(|payload| payload != "seen") {
        let message = greedy.receive_message();
        greedy.send(&Packet::PubAck(PubAck::new(message.pkid)));
        received.push(text(&message));
    }
    assert_eq!(received.len(), 10 + 50, "{received:?}");
    assert_eq!(received[received.len() - 3..], ["499", "owed", "seen"]);
}

#[test]
fn acknowledgements_of_nothing_are_no_progress_of_the_recorder_either() {
    let limits = "max_owed_messages = 50\nin_flight_messages = 10\nstalled_after_s = 2";
    let (home, _running) = home_with(limits);
    let (mut recorder, _) = lasting_as(&home, "recorder", "recorder");
    recorder.subscribe("powerpi/#", QoS::AtLeastOnce);
    let acknowledging = acknowledge_nothing(&recorder);
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    // It is disconnected, and what it then loses are the oldest that were not under way.
    publisher.publish_numbers("powerpi/hq/main/minute", 0..500);
    acknowledging.join().unwrap();
    assert!(home.log().contains("its queue is full and it acknowledges nothing"), "{}", home.log());
}

/// A recorder that is slow, but gets somewhere, gets everything: whoever publishes waits for it.
#[test]
fn a_slow_recorder_misses_nothing() {
    let limits = "max_owed_messages = 50\nin_flight_messages = 10\nstalled_after_s = 3600";
    let (home, _running) = home_with(limits);
    let (mut recorder, _) = lasting_as(&home, "recorder", "recorder");
    recorder.subscribe("powerpi/#", QoS::AtLeastOnce);
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    let publishing =
        std::thread::spawn(move || publisher.publish_numbers("powerpi/hq/main/minute", 0..2_000));
    recorder.expect_messages((0..2_000).map(|number| number.to_string()));
    publishing.join().unwrap();
}

#[test]
fn a_reader_that_subscribes_again_and_again_pays_for_it_itself() {
    let limits = "max_owed_messages = 50\nin_flight_messages = 10\nstalled_after_s = 3600";
    let (home, _running) = home_with(limits);
    subscribed_recorder(&home);
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    for number in 0..40 {
        publisher.publish_retain(&format!("powerpi/hq/{number}/state"), "x", true);
    }
    let (mut greedy, _) = Client::connect(home.address, connect_as("greedy", "greedy"));
    for id in 1..=5_000 {
        let mut subscribe = Subscribe::new("powerpi/hq/+/state", QoS::AtLeastOnce);
        subscribe.pkid = id;
        greedy.send(&Packet::Subscribe(subscribe));
    }
    publisher.publish_numbers("powerpi/hq/0/state", 0..500);
    // It was owed no more than 50 at a time, besides those under way, and is answered no further.
    let mut answered = 0;
    while let Some(packet) = greedy.next_within(Duration::from_secs(1)) {
        answered += usize::from(matches!(packet, Packet::SubAck(_)));
    }
    assert!((1..=3).contains(&answered), "{answered} of its SUBSCRIBEs were answered");
}

fn owed_bytes(home: &Home, user: &str) -> usize {
    let connection = Connection::open(home.store()).unwrap();
    let sql = "SELECT coalesce(sum(octet_length(payload)), 0) FROM owed \
               JOIN message ON number = message JOIN session ON id = session WHERE owner = ?1";
    connection.query_row(sql, [user], |row| row.get(0)).unwrap()
}

/// Three quarters of the budget are two million bytes for what is kept. With four users a tenth of them is
/// 200,000, and a million is shared.
#[test]
fn absent_sessions_that_are_owed_much_lose_their_own() {
    let (home, running) = home_of(Role::Publisher, "max_kept_bytes = 2666666");
    let (mut recorder, _) = lasting_as(&home, "recorder", "recorder");
    recorder.subscribe("powerpi/hq/#", QoS::AtLeastOnce);
    leave(recorder);
    for number in 0..3 {
        let (mut absent, _) = lasting_as(&home, "greedy", &format!("absent {number}"));
        absent.subscribe("powerpi/greedy/#", QoS::AtLeastOnce);
        leave(absent);
    }
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    publisher.publish_numbers("powerpi/hq/main/minute", 0..100);
    let (mut greedy, _) = Client::connect(home.address, connect_as("greedy", "greedy"));
    // 12 MB, to each of three.
    for number in 0..200 {
        greedy.publish("powerpi/greedy/main/minute", &format!("{number:0>60000}"));
    }
    publisher.publish_numbers("powerpi/hq/main/minute", 100..200);
    running.kill();
    let owed = owed_bytes(&home, "greedy");
    assert!((300_000..=950_000).contains(&owed), "{owed} bytes");

    // A restart takes all of it back.
    let running = home.start();
    others_are_served_after(&home, "new", 200);
    running.kill();
    assert_eq!(owed_bytes(&home, "greedy"), owed);
    // With half the room what is over is dropped, and of each session the oldest.
    let settings = "max_kept_bytes = 666666";
    write_settings(&home, settings);
    let running = home.start();
    others_are_served(&home, "newer");
    let (mut absent, _) = lasting_as(&home, "greedy", "absent 2");
    let mut number = 0;
    while number < 199 {
        number = text(&absent.receive_message()).parse().unwrap();
        assert!(number > 190, "{number}");
    }
    running.kill();
    let owed = owed_bytes(&home, "greedy");
    assert!((100_000..=300_000).contains(&owed), "{owed} bytes");
}

/// What is owed to somebody absent belongs to those who have published it.
#[test]
fn who_floods_an_absent_recorder_loses_only_its_own() {
    let (home, running) = home_of(Role::Publisher, "max_owed_messages = 200");
    subscribed_recorder(&home);
    let publisher = |user: &str| Client::connect(home.address, connect_as(user, user)).0;
    publisher("hq").publish_numbers("powerpi/hq/main/minute", 0..50);
    publisher("greedy").publish_numbers("powerpi/greedy/main/minute", 0..1_000);
    running.kill();
    // Whose it is is known after a restart as well.
    let _running = home.start();
    publisher("greedy").publish_numbers("powerpi/greedy/main/minute", 1_000..1_500);
    publisher("hq").publish_numbers("powerpi/hq/main/minute", 50..100);
    let (mut recorder, present) = lasting_as(&home, "recorder", "recorder");
    assert!(present);
    let (mut of_hq, mut of_greedy) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        let message = recorder.receive_message();
        recorder.send(&Packet::PubAck(PubAck::new(message.pkid)));
        let of_whom = if message.topic.starts_with("powerpi/hq/") { &mut of_hq } else { &mut of_greedy };
        of_whom.push(text(&message).parse::<usize>().unwrap());
    }
    assert_eq!(of_hq, (0..100).collect::<Vec<_>>());
    assert_eq!(of_greedy, (1_400..1_500).collect::<Vec<_>>());
}

/// How many messages are retained under a filter, as a newcomer sees them.
fn retained_under(home: &Home, filter: &str) -> usize {
    let (mut reader, _) = Client::connect(home.address, connect_as("recorder", "counting"));
    reader.subscribe("powerpi/end", QoS::AtLeastOnce);
    reader.subscribe(filter, QoS::AtLeastOnce);
    let (mut admin, _) = Client::connect(home.address, connect_as("admin", "end"));
    admin.publish("powerpi/end", "x");
    let mut count = 0;
    loop {
        let message = reader.receive_message();
        reader.send(&Packet::PubAck(PubAck::new(message.pkid)));
        if message.topic == "powerpi/end" {
            return count;
        }
        assert!(message.retain);
        count += 1;
    }
}

/// With four users a tenth is 10 messages, and 50 are shared.
#[test]
fn who_retains_without_end_is_the_only_one_whose_messages_are_not_retained() {
    let (home, running) = home_of(Role::Publisher, "max_retained = 100");
    subscribed_recorder(&home);
    let (mut greedy, _) = Client::connect(home.address, connect_as("greedy", "greedy"));
    for number in 0..300 {
        greedy.publish_retain(&format!("powerpi/greedy/{number}/state"), "x", true);
    }
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    for number in 0..12 {
        publisher.publish_retain(&format!("powerpi/hq/{number}/state"), "first", true);
        publisher.publish_retain(&format!("powerpi/hq/{number}/state"), "second", true);
    }
    let all =
        |home: &Home| [retained_under(home, "powerpi/hq/+/state"), retained_under(home, "powerpi/greedy/#")];
    assert_eq!(all(&home), [12, 48]);
    running.kill();
    let running = home.start();
    assert_eq!(all(&home), [12, 48]);
    // What it deletes it may use again.
    let (mut greedy, _) = Client::connect(home.address, connect_as("greedy", "greedy"));
    greedy.publish_retain("powerpi/greedy/0/state", "", true);
    greedy.publish_retain("powerpi/greedy/new/state", "x", true);
    greedy.publish_retain("powerpi/greedy/1/state", "y", true);
    // As far as others have not come to need it.
    assert_eq!(all(&home), [12, 47]);
    running.kill();
    // A restart with a fifth of the room.
    write_settings(&home, "max_retained = 20");
    let _running = home.start();
    let [hq, greedy] = all(&home);
    assert!(hq >= 2 && hq + greedy <= 20, "{hq} and {greedy}");
    assert!(home.log().contains("not everything kept has room any more"), "{}", home.log());
}

/// With four users a tenth is 10 filters, and 50 are shared.
#[test]
fn who_subscribes_to_everything_is_the_only_one_to_be_refused() {
    let (home, running) = home_with("max_filters = 50");
    subscribed_recorder(&home);
    let (mut greedy, _) = lasting_as(&home, "greedy", "greedy");
    let granted = |client: &mut Client, numbers: std::ops::Range<usize>| {
        let filters = numbers.map(|number| format!("powerpi/hq/{number}/state"));
        filters
            .filter(|filter| client.try_subscribe(filter, QoS::AtMostOnce) != SubscribeReasonCode::Failure)
            .count()
    };
    assert_eq!(granted(&mut greedy, 0..100), 48);
    // The same filters in another session of its own are no more filters.
    let (mut again, _) = lasting_as(&home, "greedy", "again");
    assert_eq!(granted(&mut again, 0..100), 48);
    let (mut admin, _) = lasting_as(&home, "admin", "admin");
    assert_eq!(granted(&mut admin, 50..60), 10);
    others_are_served(&home, "new");
    running.kill();
    // A restart takes all of it back.
    let _running = home.start();
    let (mut greedy, present) = lasting_as(&home, "greedy", "greedy");
    assert!(present);
    assert_eq!(granted(&mut greedy, 0..100), 48);
    others_are_served(&home, "newer");
}

/// Three quarters of the budget are two million bytes for what is kept. With four users a tenth of them is
/// 200,000, and a million is shared: 950,000 for one.
#[test]
fn long_filters_and_large_wills_are_paid_for_by_whoever_has_them() {
    let (home, running) = home_of(Role::Admin, "max_kept_bytes = 2666666");
    subscribed_recorder(&home);
    let long = |number: usize| format!("{number}/{}", "x".repeat(65_000));
    let (mut greedy, _) = lasting_as(&home, "greedy", "filters");
    let granted = (0..20).filter(|number| {
        greedy.try_subscribe(&long(*number), QoS::AtMostOnce) != SubscribeReasonCode::Failure
    });
    // Each is kept three times.
    assert_eq!(granted.count(), 950_000 / (3 * 65_000));
    others_are_served(&home, "new");
    let mut unsubscribe = Unsubscribe::new(long(0));
    unsubscribe.topics.extend((1..20).map(long).take(3));
    unsubscribe.pkid = 5;
    greedy.send(&Packet::Unsubscribe(unsubscribe));
    assert!(matches!(greedy.receive(), Packet::UnsubAck(_)));

    // Wills that are to be published in an hour, if their clients are not back by then.
    let accepted = (0..30).filter(|number| {
        let mut connect = v5::client::lasting(&format!("will {number}"), 86_400);
        (connect.username, connect.password) =
            (Some("greedy".into()), Some(password("greedy").into_bytes().into()));
        let mut connect = v5::client::with_will(connect, "greedy", "");
        let will = connect.last_will.as_mut().unwrap();
        will.payload = vec![b'x'; 60_000].into();
        will.properties.delay_interval = Some(3_600);
        // While the broker has not noticed yet that those before are gone, there may be no room to read it.
        let mut answers = (0..1_000).filter_map(|_| {
            let mut client = V5::raw(home.address);
            client.send(connect.clone());
            client.connack()
        });
        answers.next().expect("an answer").reason_code == ConnectReasonCode::Success
    });
    assert_eq!(accepted.count(), 950_000 / 60_000);
    others_are_served(&home, "newer");
    running.kill();
    let running = home.start();
    others_are_served(&home, "newest");
    running.kill();
    let store = Connection::open(home.store()).unwrap();
    let sql = "SELECT coalesce(sum(octet_length(payload)), 0) FROM delayed_will";
    let waiting: usize = store.query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(waiting, 15 * 60_000);
}

#[test]
fn an_admin_sees_who_uses_what() {
    let (home, _running) = home_with("max_kept_bytes = 2666666");
    for number in 0..3 {
        let (mut absent, _) = lasting_as(&home, "greedy", &format!("absent {number}"));
        absent.subscribe("powerpi/#", QoS::AtLeastOnce);
        absent.subscribe("powerpi/hq/+/minute", QoS::AtLeastOnce);
        leave(absent);
    }
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "site"));
    for number in 0..5 {
        publisher.publish_retain(&format!("powerpi/hq/{number}/state"), "12345", true);
    }
    let (mut admin, _) = Client::connect(home.address, connect_as("admin", "admin"));
    admin.subscribe("$SYS/broker/kept/by owner", QoS::AtMostOnce);
    // Figures come every ten seconds.
    let told = loop {
        let told: Vec<serde_json::Value> = serde_json::from_str(&text(&admin.receive_message())).unwrap();
        if told.iter().any(|holding| holding["owner"] == "hq" && holding["retained"] == 5) {
            break told;
        }
    };
    let greedy = told.iter().find(|holding| holding["owner"] == "greedy").unwrap();
    // The same filters three times are two, and five messages are owed to each session.
    assert_eq!((&greedy["sessions"], &greedy["filters"]), (&3.into(), &2.into()), "{greedy}");
    assert_eq!(greedy["owed"], 15, "{greedy}");
    let bytes = greedy["bytes"].as_u64().unwrap();
    assert!((3 * (1_000 + 5 * 300)..20_000).contains(&bytes), "{greedy}");
    assert_eq!(greedy["max_bytes"], 950_000, "{greedy}");
    assert_eq!(told[0]["owner"], "greedy", "{told:?}");
}
