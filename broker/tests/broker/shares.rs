//! One user that takes all it can get, beside others that need little: what is kept belongs to
//! somebody, and who takes more than its share harms only itself.

use broker_users::Role;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, ConnectReturnCode, Packet, PubAck};
use rusqlite::Connection;

use crate::access::{access_settings, add_users, connect_as};
use crate::common::{Client, text};
use crate::program::{Home, Running};

/// Everybody's user, and the greedy one: with four of them each has a tenth for itself, and nobody
/// gets more than 0.475 of what there is.
const USERS: [(&str, Role); 4] =
    [("hq", Role::Publisher), ("recorder", Role::Recorder), ("admin", Role::Admin), ("greedy", Role::Reader)];

fn write_settings(home: &Home, mqtt: &str) {
    home.write(&format!("{mqtt}\n{}", access_settings(home)));
}

fn home_with(mqtt: &str) -> (Home, Running) {
    let home = Home::new();
    add_users(&home, &USERS);
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

/// Takes messages up to this one. After a kill those before it may come again.
fn receive(client: &mut Client, payload: &str) {
    loop {
        let message = client.receive_message();
        client.send(&Packet::PubAck(PubAck::new(message.pkid)));
        if text(&message) == payload {
            return;
        }
        assert!(message.dup, "{message:?}");
    }
}

/// A site, and who records it: what is published while the recorder is away reaches it afterwards.
fn others_are_served(home: &Home, new_session: &str) {
    let (mut publisher, _) = Client::connect(home.address, connect_as("hq", "hq"));
    publisher.publish("powerpi/hq/main/minute", "owed");
    let (mut recorder, present) = lasting_as(home, "recorder", "recorder");
    assert!(present, "the recorder's session is gone");
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
    // Two of its own, and three quarters of ten.
    assert_eq!(stored_sessions(&home, "greedy"), 10);
}
