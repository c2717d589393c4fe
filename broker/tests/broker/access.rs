//! Users and their rights, from outside.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use broker_users::{PasswordHash, Role, UsersFile};
use rumqttc::mqttbytes::QoS;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, LastWill, Login, Packet, PubComp, PubRec, PubRel,
    SubscribeReasonCode,
};

use crate::common::{Client, dial_from, qos0, qos2, text};
use crate::program::{Home, Running};

/// How long a reload, or a client that others are to be in the way of, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Adds users to a home's users file; each one's password is "secret of " and the name.
pub(crate) fn add_users(home: &Home, users: &[(&str, Role)]) {
    let mut file = UsersFile::open(&home.path().join("users.toml")).unwrap();
    for (name, role) in users {
        let password = PasswordHash::of(password(name).as_bytes()).unwrap();
        file.set(&name.parse().unwrap(), Some(&password), Some(*role));
    }
    file.save().unwrap();
}

pub(crate) fn password(name: &str) -> String {
    format!("secret of {name}")
}

/// Settings with a users file.
pub(crate) fn access_settings(home: &Home) -> String {
    let folder = home.path().display();
    format!("[access]\nusers = '{folder}/users.toml'\n[store]\npath = '{folder}/store.sqlite'\n")
}

fn home_with(users: &[(&str, Role)]) -> (Home, Running) {
    let home = Home::new();
    add_users(&home, users);
    home.write(&access_settings(&home));
    let running = home.start();
    (home, running)
}

pub(crate) fn connect_as(name: &str, client_id: &str) -> Connect {
    let mut connect = Connect::new(client_id);
    connect.login = Some(Login { username: name.to_owned(), password: password(name) });
    connect
}

fn client(home: &Home, name: &str) -> Client {
    Client::connect(home.address, connect_as(name, name)).0
}

/// What the broker answers to a CONNECT.
pub(crate) fn answer(address: SocketAddr, connect: Connect) -> ConnectReturnCode {
    let mut client = Client::raw(address);
    client.send(&Packet::Connect(connect));
    match client.receive() {
        Packet::ConnAck(ConnAck { code, .. }) => code,
        other => panic!("no CONNACK: {other:?}"),
    }
}

fn mosquitto(home: &Home, program: &str, user: &str, arguments: &[&str]) -> Output {
    home.mosquitto(program, arguments).args(["-u", user, "-P", &password(user)]).output().unwrap()
}

#[test]
fn who_is_not_known_is_refused() {
    let (home, _running) = home_with(&[("reader", Role::Reader)]);
    let publish = ["-t", "a", "-m", "x", "-q", "1"];
    let wrong = home.mosquitto("mosquitto_pub", &publish).args(["-u", "reader", "-P", "wrong"]).output();
    let said = String::from_utf8(wrong.unwrap().stderr).unwrap();
    assert!(said.contains("bad user name or password"), "{said}");
    let nobody = home.mosquitto("mosquitto_pub", &publish).output().unwrap();
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("not authorised"));
    let unknown = connect_as("nobody", "x");
    assert_eq!(answer(home.address, unknown), ConnectReturnCode::BadUserNamePassword);
    let seen = mosquitto(&home, "mosquitto_sub", "reader", &["-t", "powerpi/#", "-E"]);
    assert!(seen.status.success(), "{seen:?}");
}

#[test]
fn a_publisher_is_held_to_its_site() {
    let (home, _running) = home_with(&[("hq", Role::Publisher), ("reader", Role::Reader)]);
    let mut reader = client(&home, "reader");
    reader.subscribe("powerpi/#", QoS::AtLeastOnce);
    for (topic, message) in [("powerpi/other/main/minute", "foreign"), ("powerpi/hq/main/minute", "own")] {
        mosquitto(&home, "mosquitto_pub", "hq", &["-t", topic, "-m", message, "-q", "0"]);
    }
    assert_eq!(text(&reader.receive_message()), "own");
    // It is acknowledged, or the client would send it again over each connection; it goes nowhere, and what the
    // client may publish goes on.
    let mut publisher = client(&home, "hq");
    for (topic, payload) in [
        ("powerpi/hq/main/minute", "before"),
        ("powerpi/other/main/minute", "foreign"),
        ("$SYS/broker/uptime", "foreign"),
        ("powerpi/hq/main/minute", "after"),
    ] {
        publisher.publish_retain(topic, payload, true);
    }
    publisher.send(&qos2(9, "powerpi/other/main/minute", "foreign"));
    assert_eq!(publisher.receive(), Packet::PubRec(PubRec::new(9)));
    publisher.send(&Packet::PubRel(PubRel::new(9)));
    assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(9)));
    reader.expect_messages(["before", "after"]);
    let (mut other, _) = Client::connect(home.address, connect_as("reader", "other"));
    other.subscribe("powerpi/#", QoS::AtLeastOnce);
    other.expect_messages(["after"]);
    other.ping();
    // A will is looked at as well.
    let mut connect = connect_as("hq", "w");
    connect.last_will = Some(LastWill::new("powerpi/other/status", "x", QoS::AtMostOnce, true));
    assert_eq!(answer(home.address, connect), ConnectReturnCode::NotAuthorized);
    // Not even an admin speaks for the broker.
    let mut connect = Connect::new("w");
    connect.last_will = Some(LastWill::new("$SYS/broker/uptime", "x", QoS::AtMostOnce, true));
    let open = Home::new();
    let _running = open.start();
    assert_eq!(answer(open.address, connect), ConnectReturnCode::NotAuthorized);
}

/// Tasmota and its like offer a user name and a password whatever they are told.
#[test]
fn where_there_are_no_users_any_name_is_as_good_as_none() {
    let home = Home::new();
    let running = home.start();
    assert_eq!(answer(home.address, connect_as("DVES_USER", "plug")), ConnectReturnCode::Success);
    running.stop();
    // With users it is wrong, also where anonymous clients come in.
    add_users(&home, &[("reader", Role::Reader)]);
    home.write(&access_settings(&home).replace("[store]", "anonymous = 'everywhere'\n[store]"));
    let _running = home.start();
    assert_eq!(answer(home.address, connect_as("DVES_USER", "plug")), ConnectReturnCode::BadUserNamePassword);
    assert_eq!(answer(home.address, Connect::new("plug")), ConnectReturnCode::Success);
}

#[test]
fn a_reader_reads_what_it_may_and_publishes_nothing() {
    let (home, _running) = home_with(&[("reader", Role::Reader), ("admin", Role::Admin)]);
    client(&home, "admin").publish_retain("other/secret", "x", true);
    let all = mosquitto(&home, "mosquitto_sub", "reader", &["-t", "#", "-W", "10"]);
    let said = String::from_utf8(all.stderr).unwrap();
    assert!(said.contains("denied") && all.stdout.is_empty(), "{said}");
    let mut reader = client(&home, "reader");
    for filter in ["#", "+/secret", "other/secret", "powerpi/../#"] {
        let expected = match filter.starts_with("powerpi/") {
            true => SubscribeReasonCode::Success(QoS::AtLeastOnce),
            false => SubscribeReasonCode::Failure,
        };
        assert_eq!(reader.try_subscribe(filter, QoS::AtLeastOnce), expected, "{filter}");
    }
    reader.publish("powerpi/hq/main/minute", "x");
    // Of QoS 0, for which there is no answer.
    reader.send(&qos0("powerpi/hq/main/minute", "x"));
    reader.ping();
    // The figures have counted it.
    let mut admin = client(&home, "admin");
    admin.subscribe("$SYS/broker/access/refused/+", QoS::AtMostOnce);
    let start = Instant::now();
    let mut counted = std::collections::BTreeMap::new();
    while counted.get("publishes") != Some(&2) || counted.get("subscriptions") != Some(&4) {
        assert!(start.elapsed() < PATIENCE, "{counted:?}");
        // Figures come every ten seconds.
        let Some(Packet::Publish(message)) = admin.next(PATIENCE) else {
            panic!("no figure");
        };
        let name = message.topic.rsplit('/').next().unwrap().to_owned();
        counted.insert(name, text(&message).parse::<u64>().unwrap());
    }
}

#[test]
fn own_filters_know_user_and_client() {
    let (home, running) = home_with(&[("reader", Role::Reader)]);
    let path = home.path().join("users.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let more = "publish = ['in/%u/%c']\nsubscribe = ['out/%c/#']\n";
    std::fs::write(&path, format!("{text}{more}")).unwrap();
    running.reload();
    let start = Instant::now();
    while !may_subscribe(&home, "out/one/x", "one") {
        assert!(start.elapsed() < PATIENCE, "not reloaded");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!may_subscribe(&home, "out/one/x", "two"));
    assert!(!may_subscribe(&home, "out/+/#", "+"));
    let (mut one, _) = Client::connect(home.address, connect_as("reader", "one"));
    one.publish("in/reader/one", "x");
    one.subscribe("out/one/#", QoS::AtLeastOnce);
    one.publish("in/reader/two", "x");
    assert!(home.log().contains("message dropped: the user may not publish to \"in/reader/two\""));
}

fn may_subscribe(home: &Home, filter: &str, client_id: &str) -> bool {
    let (mut client, _) = Client::connect(home.address, connect_as("reader", client_id));
    client.try_subscribe(filter, QoS::AtMostOnce) != SubscribeReasonCode::Failure
}

#[test]
fn a_session_belongs_to_its_user() {
    let (home, _running) =
        home_with(&[("one", Role::Reader), ("two", Role::Reader), ("hq", Role::Publisher)]);
    let lasting = |name: &str| {
        let mut connect = connect_as(name, "recorder");
        connect.clean_session = false;
        Client::connect(home.address, connect)
    };
    let (mut one, present) = lasting("one");
    assert!(!present);
    one.subscribe("powerpi/#", QoS::AtLeastOnce);
    // The same client id as another user takes nothing away, owed or connected.
    let (mut two, present) = lasting("two");
    assert!(!present);
    one.ping();
    drop(one);
    client(&home, "hq").publish("powerpi/hq/main/minute", "owed to one");
    two.expect_silence();
    let (mut one, present) = lasting("one");
    assert!(present);
    one.expect_messages(["owed to one"]);
}

#[test]
fn users_are_reloaded_and_who_is_connected_stays() {
    let (home, running) = home_with(&[("one", Role::Reader)]);
    let mut one = client(&home, "one");
    add_users(&home, &[("two", Role::Reader)]);
    running.reload();
    let start = Instant::now();
    while answer(home.address, connect_as("two", "two")) != ConnectReturnCode::Success {
        assert!(start.elapsed() < PATIENCE, "not reloaded");
        std::thread::sleep(Duration::from_millis(200));
    }
    // A file that is wrong changes nothing.
    std::fs::write(home.path().join("users.toml"), "[user.one]\nrole = 'emperor'\n").unwrap();
    running.reload();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(answer(home.address, connect_as("two", "two")), ConnectReturnCode::Success);
    one.ping();
}

#[test]
fn limits_are_reloaded() {
    let home = Home::new();
    let running = home.start();
    let mut first = home.client("first");
    let store = format!("[store]\npath = '{}'\n", home.store().display());
    home.write(&format!("max_connections = 1\n{store}"));
    running.reload();
    let start = Instant::now();
    while answer(home.address, Connect::new("second")) != ConnectReturnCode::ServiceUnavailable {
        assert!(start.elapsed() < PATIENCE, "not reloaded");
        std::thread::sleep(Duration::from_millis(50));
    }
    first.ping();
}

#[test]
fn a_flood_of_wrong_logins_delays_nobody_else() {
    let (home, _running) = home_with(&[("reader", Role::Reader), ("other", Role::Reader)]);
    let mut flood: Vec<Client> =
        (0..150).map(|_| wrong_login(&home, Ipv4Addr::new(127, 0, 0, 2), "reader")).collect();
    let start = Instant::now();
    client(&home, "other").ping();
    let took = start.elapsed();
    // What counts is how few passwords were looked at before; the time is for whoever reads on.
    println!("the other one was served after {took:?}");
    // Meanwhile the flood has been slowed down: a few have their answer, most wait or are sent away.
    let said = flood.iter_mut().filter_map(|client| client.next_within(Duration::from_millis(1)));
    let wrong = ConnectReturnCode::BadUserNamePassword;
    let looked_at = said.filter(|packet| matches!(packet, Packet::ConnAck(ack) if ack.code == wrong)).count();
    assert!((1..20).contains(&looked_at), "{looked_at} passwords looked at");
}

/// A client at another address of this machine that gives the wrong password.
fn wrong_login(home: &Home, from: Ipv4Addr, user: &str) -> Client {
    let mut client = Client::over(dial_from(from, home.address));
    let mut connect = connect_as(user, "x");
    connect.login = Some(Login { username: user.to_owned(), password: "wrong".to_owned() });
    client.send(&Packet::Connect(connect));
    client
}

/// Each check of a password wants 19 MiB: however many are asked for, they take turns in the same.
#[test]
fn a_flood_of_wrong_logins_costs_the_memory_of_one_and_gives_it_back() {
    let (home, running) = home_with(&[("reader", Role::Reader), ("other", Role::Reader)]);
    let idle = running.memory_kib("VmRSS");
    // Of one address that has many of them, and of forty that have one each; as users that there
    // are, and that there are not.
    let flood: Vec<Client> = (0..190)
        .map(|n| {
            let from = if n < 150 { Ipv4Addr::new(127, 0, 0, 2) } else { Ipv4Addr::new(127, 0, 1, n) };
            wrong_login(&home, from, if n % 2 == 0 { "reader" } else { "nobody" })
        })
        .collect();
    // Which is let in meanwhile, after one at most of each other address.
    client(&home, "other").ping();
    // All of them have their answer, or were sent away, once the connections are closed.
    for mut client in flood {
        while client.next(PATIENCE).is_some() {}
    }
    let (peak, start) = (running.memory_kib("VmHWM"), Instant::now());
    println!("idle {idle} KiB, at most {peak} KiB");
    assert!(peak - idle < 32 * 1024, "from {idle} KiB to {peak} KiB");
    while running.memory_kib("VmRSS") - idle > 8 * 1024 {
        assert!(start.elapsed() < PATIENCE, "{} KiB are kept, of {idle}", running.memory_kib("VmRSS"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_open_is_said_at_the_start() {
    const OPEN: [&str; 3] = ["without a password", "in clear text", "every user of this machine can read"];
    let home = Home::new();
    add_users(&home, &[("reader", Role::Reader)]);
    let users = home.path().join("users.toml");
    let set_mode = |mode| std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o640);
    let settings = access_settings(&home);
    home.write(&settings);
    home.start().stop();
    assert!(!OPEN.iter().any(|said| home.log().contains(said)), "{}", home.log());
    // What a page or the network can reach.
    set_mode(0o644);
    let open =
        settings.replace("[store]", "anonymous = 'everywhere'\n[websocket]\nlisten = '0.0.0.0:0'\n[store]");
    home.write(&open);
    home.start().stop();
    for said in OPEN {
        assert!(home.log().contains(said), "{said}: {}", home.log());
    }
    assert!(!home.log().contains("argon2id"), "{}", home.log());
    let store = std::fs::metadata(home.store()).unwrap().permissions().mode();
    assert_eq!(store & 0o777, 0o600);
}

#[test]
fn nobody_could_log_in_is_no_way_to_start() {
    let home = Home::with("");
    let settings = home.path().join("open.toml");
    std::fs::write(&settings, "[mqtt]\nlisten = '0.0.0.0:0'\n[store]\nin_memory = true\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_powerpi-broker"))
        .arg("--config")
        .arg(&settings)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("powerpi passwd") && said.contains("anonymous"), "{said}");
}
