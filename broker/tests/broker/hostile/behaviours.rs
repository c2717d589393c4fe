//! Clients whose every packet may be fine, but not what they do with them.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;
use rumqttc::{
    ConnAck, Connect, ConnectReturnCode, LastWill, Packet, PubAck, PubComp, PubRec, PubRel, Subscribe,
    SubscribeReasonCode, Unsubscribe,
};

use crate::common::{Client, qos0, qos1, qos2};
use crate::program::Home;

/// The limits that they run against.
pub(super) const LIMITS: &str = "
    max_connections = 100
    max_connections_per_address = 80
    max_half_open = 20
    connect_timeout_s = 2
    write_timeout_s = 2
    max_sessions = 300
    max_subscriptions = 100
    max_owed_messages = 1000
    max_owed_bytes = 4000000
    max_waiting_bytes = 1000000
    stalled_after_s = 2
    max_retained = 1000
    max_retained_bytes = 4000000
    max_filters = 300
    max_topics = 300
";

/// It only keeps a test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a hostile client does to a broker.
type Behaviour = fn(&Home);

/// All of them, with their names.
pub(super) const ALL: &[(&str, Behaviour)] = &[
    ("connections that say nothing", half_open),
    ("a CONNECT byte by byte", slow_connect),
    ("a PUBLISH byte by byte", slow_publish),
    ("clients beyond the limit", clients),
    ("CONNECT and reset", reset),
    ("CONNECT and close of one side", half_closed),
    ("the same client id again and again", takeover),
    ("large wills and reset", wills),
    ("lasting sessions beyond the limit", sessions),
    ("subscriptions beyond the limit", subscriptions),
    ("filters that nobody has had before", filters),
    ("65,000 filters in one packet", filters_in_one_packet),
    ("retained topics beyond the limit", retained_topics),
    ("retained bytes beyond the limit", retained_bytes),
    ("topics that nobody has had before", topics),
    ("acknowledgements of nothing", acks),
    ("PINGREQs whose answers nobody reads", unread_answers),
    ("QoS 2 that is never released", unreleased),
    ("a subscriber that never reads", never_reads),
    ("a subscriber that never acknowledges", never_acknowledges),
    ("a client that floods itself", floods_itself),
];

fn raw(home: &Home) -> Client {
    Client::raw(home.address)
}

/// Connects as often as it takes: others may have all places for a moment.
fn client(home: &Home, client_id: &str) -> Client {
    let start = Instant::now();
    loop {
        let mut client = raw(home);
        client.send(&Packet::Connect(Connect::new(client_id)));
        match client.receive() {
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }) => return client,
            other => assert!(start.elapsed() < PATIENCE, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Ends a connection by a reset: unread bytes wait when it is closed.
fn reset_by(client: Client) {
    rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
    drop(client);
}

/// Whether the broker has closed a connection: reads it to its end.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

fn half_open(home: &Home) {
    let silent: Vec<_> = (0..200).map(|_| raw(home)).collect();
    // Somebody who means it gets in.
    client(home, "honest").ping();
    let start = Instant::now();
    while silent.iter().any(|client| !is_closed(&client.stream)) {
        assert!(start.elapsed() < PATIENCE);
    }
}

fn slow_connect(home: &Home) {
    let mut client = raw(home);
    // 131 bytes would be the whole packet, after 13 s.
    let mut sent = 0;
    for byte in b"\x10\x80\x01\x00\x04MQTT\x04\x02\x00\x3c\x00\x74".iter().cycle() {
        if client.stream.write_all(&[*byte]).is_err() || is_closed(&client.stream) {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(sent < 131, "{sent} bytes were taken");
}

fn slow_publish(home: &Home) {
    let mut connect = Connect::new("slow");
    connect.keep_alive = 1;
    let mut client = raw(home);
    client.send(&Packet::Connect(connect));
    client.receive();
    client.send_bytes(b"\x30\x80\x01\x00\x01a");
    // It is heard of, but not in whole packets: 125 bytes would be one, after 12 s.
    let mut sent = 0;
    while client.stream.write_all(b"x").is_ok() && !is_closed(&client.stream) {
        sent += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(sent < 125, "{sent} bytes were taken");
}

fn clients(home: &Home) {
    let mut taken = Vec::new();
    for number in 0..120 {
        let mut client = raw(home);
        client.send(&Packet::Connect(Connect::new(format!("flood {number}"))));
        match client.receive() {
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }) => taken.push(client),
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::ServiceUnavailable, .. }) => {
                client.expect_end();
            }
            other => panic!("{other:?}"),
        }
    }
    // The neighbour, and others on their way out, have the rest.
    assert!(taken.len() < 80, "{}", taken.len());
    assert!(taken.len() > 60, "{}", taken.len());
}

fn reset(home: &Home) {
    for number in 0..300 {
        let mut client = raw(home);
        client.send_all(&[Packet::Connect(Connect::new(format!("reset {}", number % 3))), Packet::PingReq]);
        reset_by(client);
    }
}

fn half_closed(home: &Home) {
    for number in 0..100 {
        let mut client = raw(home);
        client.send(&Packet::Connect(Connect::new(format!("half {number}"))));
        client.stream.shutdown(Shutdown::Write).unwrap();
        while client.next(PATIENCE).is_some() {}
    }
}

fn takeover(home: &Home) {
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut client = raw(home);
        client.send(&Packet::Connect(Connect::new("twin")));
        assert!(matches!(client.receive(), Packet::ConnAck(_)));
        clients.push(client);
    }
    client(home, "twin").ping();
}

fn wills(home: &Home) {
    for number in 0..100 {
        let mut connect = Connect::new(format!("will {}", number % 10));
        connect.last_will = Some(LastWill::new("will", vec![b'x'; 60_000], QoS::AtLeastOnce, true));
        let mut client = raw(home);
        client.send(&Packet::Connect(connect));
        reset_by(client);
    }
}

/// They are worth nothing, so they make way for each other: more of them than there may be get
/// in, if not before the clients of earlier behaviours have been noticed to be gone.
fn sessions(home: &Home) {
    let (mut accepted, start) = (0, Instant::now());
    for number in 0.. {
        let mut connect = Connect::new(format!("session {number}"));
        connect.clean_session = false;
        let mut client = raw(home);
        client.send(&Packet::Connect(connect));
        match client.receive() {
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }) => {
                client.send(&Packet::Disconnect);
                client.expect_end();
                accepted += 1;
            }
            other => assert!(matches!(other, Packet::ConnAck(_)), "{other:?}"),
        }
        if accepted == 400 {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{accepted} accepted");
    }
}

fn subscriptions(home: &Home) {
    let mut client = client(home, "subscriptions");
    let answers: Vec<_> =
        (0..150).map(|number| client.try_subscribe(&format!("s/{number}"), QoS::AtMostOnce)).collect();
    let granted = |code: &&SubscribeReasonCode| matches!(code, SubscribeReasonCode::Success(_));
    assert_eq!(answers.iter().filter(granted).count(), 100);
}

fn filters(home: &Home) {
    let mut client = client(home, "filters");
    for number in 0..500 {
        let filter = format!("f/{number}/#");
        client.subscribe(&filter, QoS::AtMostOnce);
        let mut unsubscribe = Unsubscribe::new(filter);
        unsubscribe.pkid = 5;
        client.send(&Packet::Unsubscribe(unsubscribe));
        assert!(matches!(client.receive(), Packet::UnsubAck(_)));
    }
}

fn filters_in_one_packet(home: &Home) {
    let mut client = client(home, "one packet");
    let filter = rumqttc::SubscribeFilter::new("#/x".to_owned(), QoS::AtMostOnce);
    let mut subscribe = Subscribe::new_many(std::iter::repeat_n(filter, 40_000));
    subscribe.pkid = 1;
    client.send(&Packet::Subscribe(subscribe));
    match client.receive() {
        Packet::SubAck(ack) => assert_eq!(ack.return_codes.len(), 40_000),
        other => panic!("{other:?}"),
    }
}

fn retained_topics(home: &Home) {
    let mut client = client(home, "retained");
    for number in 0..2_000 {
        client.send(&retained(&format!("r/{number}"), "x"));
    }
    client.ping();
    clear_retained(&mut client, "r/#");
}

fn retained_bytes(home: &Home) {
    let mut client = client(home, "retained bytes");
    let payload = "x".repeat(200_000);
    for number in 0..900 {
        client.send(&retained(&format!("b/{number}"), &payload));
    }
    client.publish("end", "x");
    clear_retained(&mut client, "b/#");
}

fn retained(topic: &str, payload: &str) -> Packet {
    match qos0(topic, payload) {
        Packet::Publish(mut publish) => {
            publish.retain = true;
            Packet::Publish(publish)
        }
        other => other,
    }
}

/// Deletes what an attack has retained: whoever fills the limit keeps it, and others have to
/// clean up.
fn clear_retained(client: &mut Client, filter: &str) {
    client.subscribe(filter, QoS::AtMostOnce);
    let mut count = 0;
    while let Some(Packet::Publish(publish)) = client.next_within(Duration::from_secs(2)) {
        count += usize::from(publish.retain);
        if publish.retain {
            client.send(&retained(&publish.topic, ""));
        }
    }
    assert!(count > 0 && count <= 1_000, "{count} were retained");
}

fn topics(home: &Home) {
    let mut client = client(home, "topics");
    for number in 0..2_000 {
        client.send(&qos0(&format!("t/{number}"), "x"));
    }
    client.ping();
}

fn acks(home: &Home) {
    let mut client = client(home, "acks");
    for id in 1..=20_000 {
        let packets = [
            Packet::PubAck(PubAck::new(id)),
            Packet::PubRec(PubRec::new(id)),
            Packet::PubComp(PubComp::new(id)),
            Packet::PubRel(PubRel::new(id)),
        ];
        if !client.try_send_all(&packets) {
            break;
        }
        if id % 100 == 0 {
            while client.next_within(Duration::from_millis(1)).is_some() {}
        }
    }
}

/// Sends the same bytes until the broker takes no more, or closes the connection.
fn pour(client: &mut Client, bytes: &[u8], at_most: usize) {
    client.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut poured = 0;
    while poured < at_most && client.stream.write_all(bytes).is_ok() {
        poured += bytes.len();
    }
}

fn unread_answers(home: &Home) {
    let mut pings = client(home, "pings");
    pour(&mut pings, &[0xc0, 0x00].repeat(10_000), 200_000_000);
    let mut subscribes = client(home, "subscribes");
    pour(&mut subscribes, &b"\x82\x06\x00\x01\x00\x01a\x00".repeat(1_000), 200_000_000);
}

fn unreleased(home: &Home) {
    let mut client = client(home, "unreleased");
    for id in 1..=65_535 {
        client.send(&qos2(id, "unreleased", "x"));
        if id % 1_000 == 0 {
            for _ in 0..1_000 {
                assert!(matches!(client.receive(), Packet::PubRec(_)));
            }
        }
    }
}

fn never_reads(home: &Home) {
    let mut idle = client(home, "never reads");
    idle.subscribe("never/#", QoS::AtMostOnce);
    let mut publisher = client(home, "publisher");
    let payload = "x".repeat(50_000);
    for _ in 0..4_000 {
        publisher.send(&qos0("never/read", &payload));
    }
    publisher.publish("end", "x");
}

fn never_acknowledges(home: &Home) {
    let mut idle = client(home, "never acknowledges");
    idle.subscribe("never/#", QoS::AtLeastOnce);
    let mut publisher = client(home, "publisher");
    let payload = "x".repeat(10_000);
    for number in 0..15_000_u16 {
        publisher.send(&qos1(number % 100 + 1, "never/acknowledged", &payload, false));
    }
    // It waits until the other one is disconnected.
    for _ in 0..15_000 {
        assert!(matches!(publisher.receive(), Packet::PubAck(_)));
    }
}

fn floods_itself(home: &Home) {
    let mut client = client(home, "floods itself");
    client.subscribe("self", QoS::AtLeastOnce);
    let mut bytes = bytes::BytesMut::new();
    for id in 1..=100 {
        qos1(id, "self", &"x".repeat(1_000), false).write(&mut bytes, usize::MAX).unwrap();
    }
    pour(&mut client, &bytes, 200_000_000);
}
