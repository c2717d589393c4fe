//! Another broker that carries messages both ways: Debian's mosquitto, with its default settings.

use std::fs;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use broker_users::Role;
use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, PubAck, PubComp, PubRec, PubRel};

use crate::access::{access_settings, add_users, connect_as, password};
use crate::common::{Client, TestBroker, bytes_of, qos1, qos2, text};
use crate::program::{Home, free_address};

const PATIENCE: Duration = Duration::from_secs(60);
const STATE: &str = "$SYS/broker/connection/here.attic/state";

/// A mosquitto with a connection to our broker.
struct Bridge {
    port: u16,
    process: Child,
}

impl Bridge {
    fn start(home: &Home, more: &str) -> Bridge {
        let port = free_address().port();
        let path = home.path().join("mosquitto.conf");
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\n\
             connection attic\naddress {}\nremote_clientid here.attic\ntopic # both 1\nrestart_timeout 1\n{more}\n",
            home.address
        );
        fs::write(&path, settings).unwrap();
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let bridge = Bridge { port, process: command.spawn().unwrap() };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < PATIENCE, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        bridge
    }

    fn publish(&self, arguments: &[&str]) {
        let port = self.port.to_string();
        let status =
            Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port]).args(arguments).status();
        assert!(status.unwrap().success());
    }

    /// What its own subscribers get, one line for each message: whether it is retained, topic and payload.
    fn subscribe(&self, filter: &str, count: &str) -> Vec<String> {
        let port = self.port.to_string();
        let output = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port, "-t", filter, "-C", count, "-W", "60", "-F", "%r %t %p"])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next message that the client gets, acknowledged.
fn next(client: &mut Client) -> (String, String, bool) {
    let message = client.receive_message();
    if message.qos == QoS::AtLeastOnce {
        client.send(&Packet::PubAck(PubAck::new(message.pkid)));
    }
    (message.topic.clone(), text(&message), message.retain)
}

fn carries_both_ways(home: &Home, mut watcher: Client, bridge_settings: &str) {
    watcher.subscribe(STATE, QoS::AtLeastOnce);
    watcher.publish_retain("here/retained", "from here", true);
    let bridge = Bridge::start(home, bridge_settings);
    while next(&mut watcher).1 != "1" {}
    watcher.subscribe("there/#", QoS::AtLeastOnce);
    // Whoever has subscribed there before it comes is not told that it is retained.
    while bridge.subscribe("here/retained", "1") != ["1 here/retained from here"] {}
    bridge.publish(&["-t", "there/retained", "-m", "from there", "-q", "1", "-r"]);
    bridge.publish(&["-t", "there/last", "-m", "last", "-q", "1"]);
    let (first, second) = (next(&mut watcher), next(&mut watcher));
    assert_eq!((first.1.as_str(), second.1.as_str()), ("from there", "last"), "each once");
    // It was told to us as retained, and is so here.
    watcher.subscribe("there/#", QoS::AtLeastOnce);
    assert_eq!(next(&mut watcher), ("there/retained".into(), "from there".into(), true));
    drop(bridge);
    while next(&mut watcher).1 != "0" {}
}

#[test]
fn mosquitto_with_a_connection_carries_both_ways() {
    // It tries the level that says it is a bridge, and version 5.
    for more in ["", "bridge_protocol_version mqttv50"] {
        println!("{more}");
        let home = Home::new();
        let running = home.start();
        carries_both_ways(&home, home.client("watcher"), more);
        assert!(!home.log().contains("connection closed: a"), "{}", home.log());
        running.stop();
    }
}

#[test]
fn a_bridge_has_a_role() {
    let home = Home::new();
    add_users(&home, &[("attic", Role::Bridge), ("admin", Role::Admin)]);
    home.write(&access_settings(&home));
    let _running = home.start();
    let (watcher, _) = Client::connect(home.address, connect_as("admin", "watcher"));
    let login = format!("remote_username attic\nremote_password {}", password("attic"));
    carries_both_ways(&home, watcher, &login);
}

/// A bridge says so by its level: it does not get back what it has brought, and is told what is retained.
#[test]
fn the_level_of_a_bridge_is_taken() {
    let broker = TestBroker::start();
    let mut bridge = broker.raw();
    bridge.send_bytes(b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01a");
    assert!(matches!(bridge.receive(), Packet::ConnAck(_)));
    bridge.subscribe("a/#", QoS::AtLeastOnce);
    bridge.publish("a/own", "own");
    broker.client("other").publish_retain("a/other", "other", true);
    let message = bridge.receive_message();
    assert_eq!((text(&message).as_str(), message.retain), ("other", true));
}

/// MQTT 3.1.1, 4.3.2 and 4.3.3: each QoS has its own acknowledgements.
#[test]
fn an_acknowledgement_of_another_qos_ends_the_connection() {
    let ack = |packet: u8, id: u16| match packet {
        4 => Packet::PubAck(PubAck::new(id)),
        5 => Packet::PubRec(PubRec::new(id)),
        _ => Packet::PubComp(PubComp::new(id)),
    };
    let broker = TestBroker::start();
    let mut publisher = broker.client("publisher");
    for (qos, first, second) in [(1, 5, 0), (1, 7, 0), (2, 4, 0), (2, 7, 0), (2, 5, 4)] {
        println!("QoS {qos}, packet {first}, then {second}");
        let mut client = broker.client("client");
        client.subscribe("a", if qos == 1 { QoS::AtLeastOnce } else { QoS::ExactlyOnce });
        match qos {
            1 => publisher.send(&qos1(1, "a", "x", false)),
            _ => publisher.send(&qos2(1, "a", "x")),
        }
        let id = client.receive_message().pkid;
        client.send(&ack(first, id));
        if second > 0 {
            assert_eq!(client.receive(), Packet::PubRel(PubRel::new(id)));
            client.send(&ack(second, id));
        }
        client.expect_end();
        while !matches!(publisher.receive(), Packet::PubAck(_) | Packet::PubRec(_)) {}
        if qos == 2 {
            publisher.send_bytes(&bytes_of(&Packet::PubRel(PubRel::new(1))));
            assert_eq!(publisher.receive(), Packet::PubComp(PubComp::new(1)));
        }
        // One for an id of which nothing is under way is late, and harms nobody.
        let mut client = broker.client("client");
        client.send(&ack(4, 9));
        client.ping();
    }
}
