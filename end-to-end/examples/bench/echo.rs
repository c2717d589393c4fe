//! One message at a time, from a publisher through a broker to a subscriber, QoS 1 all the way.
//!
//! Both sessions end with their connections, so nothing has to be on disk first: it is the way through the broker
//! that is measured, its threads and system calls.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site};
use rumqttc::{Connect, Packet, PubAck, Publish, QoS, Subscribe};

use crate::figures::{median, microseconds, ratios};

const TOPIC: &str = "powerpi/hq/main/minute";
/// Between two messages: 20 a second.
const PAUSE: Duration = Duration::from_millis(50);
/// Before anything is measured.
const TO_WARM_UP: usize = 20;

/// In turns, so that whatever else the machine does hits both.
pub(crate) fn compare(rounds: usize, messages: usize) {
    let (one, other) = (Site::new(""), Site::new(""));
    let (ours, theirs) = (one.start("powerpi-broker"), mosquitto::spawn(&other));
    let (mut by_us, mut by_them) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_us.push(measure(&one, &ours, messages));
        by_them.push(measure(&other, &theirs, messages));
    }
    println!(
        "| one message at a time, 20 a second | powerpi | mosquitto | ratio of the same round |\n|---|---|---|---|"
    );
    let rows: [(&str, Figure); 3] = [
        ("published to received, median, µs", |cost| cost.latency_us),
        ("CPU of a message, µs", |cost| cost.cpu_us),
        ("wake-ups of a message", |cost| cost.wakeups),
    ];
    for (name, figure) in rows {
        let [ours, theirs] = [&by_us, &by_them].map(|costs| costs.iter().map(figure).collect::<Vec<_>>());
        let ratio = ratios(&ours, &theirs);
        println!("| {name} | {:.1} | {:.1} | {ratio} |", median(ours), median(theirs));
    }
    println!();
}

type Figure = fn(&Cost) -> f64;

struct Cost {
    latency_us: f64,
    cpu_us: f64,
    wakeups: f64,
}

fn measure(site: &Site, broker: &Program, messages: usize) -> Cost {
    let mut subscriber = Client::connect(site.mqtt, "subscriber");
    subscriber.subscribe();
    let mut publisher = Client::connect(site.mqtt, "publisher");
    (0..TO_WARM_UP).for_each(|_| _ = echo(&mut publisher, &mut subscriber));
    let (cpu, wakeups) = (broker.on_cpu(), broker.wakeups());
    let latencies: Vec<f64> = (0..messages)
        .map(|_| {
            std::thread::sleep(PAUSE);
            microseconds(echo(&mut publisher, &mut subscriber))
        })
        .collect();
    Cost {
        latency_us: median(latencies),
        cpu_us: microseconds(broker.on_cpu() - cpu) / messages as f64,
        wakeups: (broker.wakeups() - wakeups) as f64 / messages as f64,
    }
}

/// How long it took until the subscriber had it; then both acknowledge.
fn echo(publisher: &mut Client, subscriber: &mut Client) -> Duration {
    let mut publish = Publish::new(TOPIC, QoS::AtLeastOnce, [b'x'; 100]);
    publish.pkid = 1;
    let bytes = written(&Packet::Publish(publish));
    let began = Instant::now();
    publisher.stream.write_all(&bytes).unwrap();
    let Packet::Publish(received) = subscriber.read() else { panic!("not a PUBLISH") };
    let took = began.elapsed();
    subscriber.stream.write_all(&written(&Packet::PubAck(PubAck::new(received.pkid)))).unwrap();
    assert!(matches!(publisher.read(), Packet::PubAck(_)));
    took
}

fn written(packet: &Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, usize::MAX).unwrap();
    bytes.to_vec()
}

/// One that blocks, without threads of its own.
struct Client {
    stream: TcpStream,
    read: BytesMut,
}

impl Client {
    fn connect(port: u16, client_id: &str) -> Self {
        // mosquitto does not say when it is ready.
        end_to_end::wait_until("the broker listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut client = Self { stream, read: BytesMut::new() };
        let mut connect = Connect::new(client_id);
        connect.clean_session = true;
        client.stream.write_all(&written(&Packet::Connect(connect))).unwrap();
        assert!(matches!(client.read(), Packet::ConnAck(_)));
        client
    }

    fn subscribe(&mut self) {
        let mut subscribe = Subscribe::new("powerpi/+/+/minute", QoS::AtLeastOnce);
        subscribe.pkid = 1;
        self.stream.write_all(&written(&Packet::Subscribe(subscribe))).unwrap();
        assert!(matches!(self.read(), Packet::SubAck(_)));
    }

    fn read(&mut self) -> Packet {
        loop {
            if let Ok(packet) = Packet::read(&mut self.read, usize::MAX) {
                return packet;
            }
            let mut chunk = [0; 4096];
            let count = self.stream.read(&mut chunk).unwrap();
            assert_ne!(count, 0, "the broker closed the connection");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }
}
