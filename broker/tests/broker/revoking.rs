//! What was permitted and is not any more: after a reload, and after a start.

use std::time::{Duration, Instant};

use broker_users::{PasswordHash, Role, UsersFile};
use mqtt_proto::v5::{DisconnectReasonCode, LastWill as LastWill5, Packet as Packet5};
use rumqttc::mqttbytes::QoS;
use rumqttc::{Connect, ConnectReturnCode, LastWill};

use crate::access::{access_settings, add_users, answer, connect_as, password};
use crate::common::Client;
use crate::program::{Home, Running};
use crate::v5::client::{V5, lasting as lasting5};

/// It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

fn home_with(users: &[(&str, Role)]) -> (Home, Running) {
    let home = Home::new();
    add_users(&home, users);
    home.write(&access_settings(&home));
    let running = home.start();
    (home, running)
}

fn change(home: &Home, change: impl FnOnce(&mut UsersFile)) {
    let mut file = UsersFile::open(&home.path().join("users.toml")).unwrap();
    change(&mut file);
    file.save().unwrap();
}

fn remove(home: &Home, name: &str) {
    change(home, |file| file.remove(&name.parse().unwrap()).unwrap());
}

/// Whatever is sent after this comes after the reload.
fn reload(home: &Home, running: &Running) {
    let reloads = || home.log().matches("reloaded: users").count();
    let (before, start) = (reloads(), Instant::now());
    running.reload();
    while reloads() == before {
        assert!(start.elapsed() < PATIENCE, "not reloaded:\n{}", home.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn lasting(name: &str, client_id: &str) -> Connect {
    let mut connect = connect_as(name, client_id);
    connect.clean_session = false;
    connect
}

fn with_will(mut connect: Connect, topic: &str) -> Connect {
    connect.last_will = Some(LastWill::new(topic, "will", QoS::AtLeastOnce, false));
    connect
}

/// A client of MQTT 5 with a will that waits for an hour.
fn v5_with_delayed_will(home: &Home, name: &str, client_id: &str) -> V5 {
    let mut connect = lasting5(client_id, 7200);
    connect.username = Some(name.into());
    connect.password = Some(password(name).into());
    let topic = format!("powerpi/{name}/status");
    let mut will =
        LastWill5::new(mqtt_proto::QoS::Level1, topic.as_str().try_into().unwrap(), "delayed".into());
    will.properties.delay_interval = Some(3600);
    connect.last_will = Some(will);
    V5::connect(home.address, connect).0
}

fn client(home: &Home, connect: Connect) -> (Client, bool) {
    Client::connect(home.address, connect)
}

const USERS: [(&str, Role); 3] =
    [("gone", Role::Publisher), ("reader", Role::Reader), ("recorder", Role::Recorder)];

#[test]
fn a_removed_user_is_gone_at_once_and_leaves_no_will() {
    let (home, running) = home_with(&USERS);
    let (mut reader, _) = client(&home, connect_as("reader", "reader"));
    reader.subscribe("powerpi/#", QoS::AtLeastOnce);
    let (mut recorder, _) = client(&home, with_will(connect_as("recorder", "r"), "powerpi/a/b/recorded"));
    let (mut clean, _) = client(&home, with_will(connect_as("gone", "clean"), "powerpi/gone/status"));
    let (mut kept, _) = client(&home, with_will(lasting("gone", "kept"), "powerpi/gone/status"));
    kept.subscribe("powerpi/gone/#", QoS::AtLeastOnce);
    let mut v5 = v5_with_delayed_will(&home, "gone", "v5");
    // Of this one only the session is left, and a will that waits.
    drop(v5_with_delayed_will(&home, "gone", "away"));
    remove(&home, "gone");
    reload(&home, &running);
    clean.expect_end();
    kept.expect_end();
    match v5.receive() {
        Packet5::Disconnect(told) => assert_eq!(told.reason_code, DisconnectReasonCode::AdministrativeAction),
        other => panic!("{other:?}"),
    }
    // Everybody else is served as before, and no will came first.
    recorder.publish("powerpi/gone/main/recorded", "after");
    reader.expect_messages(["after"]);
    assert_eq!(answer(home.address, connect_as("gone", "x")), ConnectReturnCode::BadUserNamePassword);
    // Who gets the name later finds nothing of theirs.
    add_users(&home, &[("gone", Role::Publisher)]);
    reload(&home, &running);
    for client_id in ["kept", "v5", "away"] {
        assert!(!client(&home, lasting("gone", client_id)).1, "{client_id}");
    }
    recorder.publish("powerpi/gone/main/recorded", "at last");
    reader.expect_messages(["at last"]);
}

#[test]
fn a_start_looks_at_what_was_kept_as_well() {
    let (home, running) = home_with(&USERS);
    let (mut reader, _) = client(&home, lasting("reader", "reader"));
    reader.subscribe("powerpi/#", QoS::AtLeastOnce);
    let _clean = client(&home, with_will(connect_as("gone", "clean"), "powerpi/gone/status"));
    let _kept = client(&home, with_will(lasting("gone", "kept"), "powerpi/gone/status"));
    let _recorder = client(&home, with_will(connect_as("recorder", "r"), "powerpi/a/b/recorded"));
    drop(v5_with_delayed_will(&home, "gone", "away"));
    running.kill();
    remove(&home, "gone");
    let running = home.start();
    let (mut reader, present) = client(&home, lasting("reader", "reader"));
    assert!(present);
    // The will of who may still publish it, and no other.
    reader.expect_messages(["will"]);
    let (mut recorder, _) = client(&home, connect_as("recorder", "r"));
    recorder.publish("powerpi/gone/main/recorded", "after");
    reader.expect_messages(["after"]);
    add_users(&home, &[("gone", Role::Publisher)]);
    reload(&home, &running);
    assert!(!client(&home, lasting("gone", "kept")).1);
}

#[test]
fn another_password_ends_what_came_in_by_the_old_one() {
    let (home, running) = home_with(&USERS);
    let (mut recorder, _) = client(&home, connect_as("recorder", "r"));
    let (mut reader, _) = client(&home, lasting("reader", "reader"));
    reader.subscribe("powerpi/#", QoS::AtLeastOnce);
    let hash = PasswordHash::of(b"another").unwrap();
    change(&home, |file| file.set(&"reader".parse().unwrap(), Some(&hash), None));
    reload(&home, &running);
    reader.expect_end();
    recorder.publish("powerpi/a/b/recorded", "meanwhile");
    assert_eq!(answer(home.address, lasting("reader", "reader")), ConnectReturnCode::BadUserNamePassword);
    let mut connect = lasting("reader", "reader");
    connect.login.as_mut().unwrap().password = "another".to_owned();
    // The session is the user's still.
    let (mut reader, present) = client(&home, connect);
    assert!(present);
    reader.expect_messages(["meanwhile"]);
}

/// Users of whom one may do this.
fn write_users(home: &Home, filters: &str) {
    let hash = |name: &str| PasswordHash::of(password(name).as_bytes()).unwrap();
    let path = home.path().join("users.toml");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: Vec<&str> = kept.lines().filter(|line| line.starts_with("password")).collect();
    let [me, admin] = ["me", "admin"].map(|name| format!("password = '{}'", hash(name).as_str()));
    let [me, admin] = match kept[..] {
        [kept_me, kept_admin] => [kept_me, kept_admin],
        _ => [me.as_str(), admin.as_str()],
    };
    let text = format!(
        "[user.me]\n{me}\nsubscribe = {filters}\npublish = {filters}\n[user.admin]\n{admin}\nrole = 'admin'\n"
    );
    std::fs::write(path, text).unwrap();
}

#[test]
fn rights_that_are_taken_end_at_once_and_can_be_given_back() {
    let home = Home::new();
    write_users(&home, "['a/#', 'b/#']");
    home.write(&access_settings(&home));
    let running = home.start();
    let (mut admin, _) = client(&home, connect_as("admin", "admin"));
    let (mut me, _) = client(&home, with_will(connect_as("me", "me"), "b/will"));
    let (mut away, _) = client(&home, lasting("me", "away"));
    for client in [&mut me, &mut away] {
        client.subscribe("a/#", QoS::AtLeastOnce);
        client.subscribe("b/#", QoS::AtLeastOnce);
    }
    drop(away);
    // Both are owed to the one that is away, or on their way to it.
    admin.publish("b/1", "forbidden");
    admin.publish("a/1", "first");
    me.expect_messages(["forbidden", "first"]);
    write_users(&home, "['a/#']");
    reload(&home, &running);
    admin.publish_retain("b/2", "forbidden", true);
    admin.publish("a/2", "second");
    me.expect_messages(["second"]);
    let (mut away, present) = client(&home, lasting("me", "away"));
    assert!(present);
    away.expect_messages(["first", "second"]);
    // What it was allowed to say, and its will, are not said any more.
    let (mut watcher, _) = client(&home, connect_as("admin", "watcher"));
    watcher.subscribe("#", QoS::AtLeastOnce);
    watcher.expect_messages(["forbidden"]);
    me.publish("b/3", "forbidden");
    drop(me);
    admin.publish("a/3", "third");
    watcher.expect_messages(["third"]);
    away.expect_messages(["third"]);
    write_users(&home, "['a/#', 'b/#']");
    reload(&home, &running);
    admin.publish("b/4", "permitted");
    away.expect_messages(["permitted"]);
}
