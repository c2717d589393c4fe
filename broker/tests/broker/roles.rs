//! What each role may publish and subscribe to, by mosquitto's clients in both versions of MQTT.

use std::collections::BTreeSet;
use std::process::Command;

use broker_users::Role;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck};

use crate::access::{access_settings, add_users, connect_as, password};
use crate::common::{Client, text};
use crate::program::Home;

/// What clients try to publish under.
const TOPICS: [&str; 8] = [
    "powerpi/hq/main/minute",
    "powerpi/hq/main/recorded",
    "powerpi/hq/main/reading",
    "homeassistant/status",
    "homeassistant/device/powerpi_hq_main/config",
    "zigbee2mqtt/plug",
    "$SYS/broker/connection/hq.here/state",
    "$SYS/broker/uptime",
];

/// What they try to subscribe to.
const FILTERS: [&str; 8] = [
    "powerpi/hq/#",
    "$share/g/powerpi/hq/#",
    "powerpi/#",
    "powerpi/+/+/recorded",
    "homeassistant/status",
    "homeassistant/#",
    "$SYS/#",
    "#",
];

/// Each role, a user's name, and which of the topics and of the filters it may use.
const MATRIX: [(Role, &str, [u8; 8], [u8; 8]); 6] = [
    (Role::Publisher, "hq", [1, 0, 0, 0, 1, 0, 0, 0], [1, 1, 0, 0, 1, 0, 0, 0]),
    (Role::Recorder, "recorder", [0, 1, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]),
    (Role::Web, "web", [0, 0, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 1, 0]),
    (Role::Reader, "reader", [0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 1, 0]),
    (Role::HomeAssistant, "ha", [0, 0, 0, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1, 0, 0]),
    (Role::Bridge, "attic", [1, 1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 0, 1]),
];

const VERSIONS: [&str; 2] = ["311", "5"];

fn home() -> Home {
    let home = Home::new();
    let users: Vec<_> = MATRIX.iter().map(|(role, name, ..)| (*name, *role)).collect();
    add_users(&home, &users);
    add_users(&home, &[("admin", Role::Admin)]);
    home.write(&access_settings(&home));
    home
}

fn mosquitto(home: &Home, program: &str, version: &str, user: &str) -> Command {
    let mut command = home.mosquitto(program, &["-V", version, "-q", "1", "-u", user]);
    command.args(["-P", &password(user)]);
    command
}

#[test]
fn each_role_publishes_what_it_may_and_nothing_else() {
    let home = home();
    let _broker = home.start();
    let mut watcher = Client::connect(home.address, connect_as("admin", "watcher")).0;
    for filter in ["#", "$SYS/broker/connection/#"] {
        watcher.subscribe(filter, QoS::AtLeastOnce);
    }
    let mut expected = BTreeSet::new();
    for (version, (_, user, may, _)) in VERSIONS.iter().flat_map(|version| MATRIX.map(|row| (version, row))) {
        for (topic, may) in TOPICS.iter().zip(may) {
            let said = format!("{version} {user} {topic}");
            let mut command = mosquitto(&home, "mosquitto_pub", version, user);
            // A refused one does not make it come again.
            let output = command.args(["-t", topic, "-m", &said]).output().unwrap();
            assert!(output.status.success(), "{said}: {output:?}");
            if may == 1 {
                expected.insert(said);
            }
        }
    }
    let mut heard = BTreeSet::new();
    Client::connect(home.address, connect_as("admin", "last")).0.publish("last", "last");
    loop {
        let message = watcher.receive_message();
        watcher.send(&Packet::PubAck(PubAck::new(message.pkid)));
        match text(&message) {
            last if last == "last" => break,
            said => assert!(heard.insert(said)),
        }
    }
    assert_eq!(heard, expected);
}

#[test]
fn each_role_subscribes_to_what_it_may_and_nothing_else() {
    let home = home();
    let _broker = home.start();
    for (version, (_, user, _, may)) in VERSIONS.iter().flat_map(|version| MATRIX.map(|row| (version, row))) {
        let mut command = mosquitto(&home, "mosquitto_sub", version, user);
        command.args(["-d", "-E"]).args(FILTERS.iter().flat_map(|filter| ["-t", filter]));
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        let refused = if *version == "5" { "135" } else { "128" };
        let codes: Vec<_> = may.iter().map(|may| if *may == 1 { "1" } else { refused }).collect();
        let expected = format!(": {}\n", codes.join(", "));
        assert!(told.contains(&expected), "{version} {user}: {told}");
    }
}
