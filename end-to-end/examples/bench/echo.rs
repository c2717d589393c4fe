//! One message at a time, from a publisher through a broker to a subscriber, QoS 1 all the way.
//!
//! Both sessions end with their connections, so nothing has to be on disk first: it is the way through the broker
//! that is measured, its threads and system calls.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use end_to_end::measuring::{Report, median, microseconds, ratios};
use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site};
use rumqttc::{Packet, PubAck, Publish, QoS};

use crate::client::{Client, written};

const TOPIC: &str = "powerpi/hq/main/minute";
/// Between two messages: 20 a second.
const PAUSE: Duration = Duration::from_millis(50);
/// Before anything is measured.
const TO_WARM_UP: usize = 20;

/// In turns, so that whatever else the machine does hits both.
pub(crate) fn compare(report: &Report, rounds: usize, messages: usize) {
    let (one, other) = (Site::new(""), Site::new(""));
    let (ours, theirs) = (one.start("powerpi-broker"), mosquitto::spawn(&other));
    let (mut by_us, mut by_them) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        by_us.push(measure(&one, &ours, messages));
        by_them.push(measure(&other, &theirs, messages));
    }
    let mut table =
        "| one message at a time, 20 a second | powerpi | mosquitto | ratio of the same round |\n|---|---|---|---|\n"
            .to_owned();
    let rows: [(&str, Figure); 3] = [
        ("published to received, median, µs", |cost| cost.latency_us),
        ("CPU of a message, µs", |cost| cost.cpu_us),
        ("wake-ups of a message", |cost| cost.wakeups),
    ];
    for (name, figure) in rows {
        let [ours, theirs] = [&by_us, &by_them].map(|costs| costs.iter().map(figure).collect::<Vec<_>>());
        let ratio = ratios(&ours, &theirs);
        let _ = writeln!(table, "| {name} | {:.1} | {:.1} | {ratio} |", median(ours), median(theirs));
    }
    report.tell("echo", &table);
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
