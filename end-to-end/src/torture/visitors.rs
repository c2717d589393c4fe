//! Clients that come and go, each in a thread until it is told to stop.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rumqttc::Packet;

use super::SeededRandom;
use super::client::{Came, Client};
use crate::http_get;

/// Topics of the publishing visitor.
const TOPICS: u64 = 20;

/// What all visitors share.
#[derive(Debug)]
pub(super) struct Street {
    /// The broker's port.
    pub(super) mqtt: u16,
    /// The pages' port.
    pub(super) web: u16,
    /// The meters to look at.
    pub(super) meters: Vec<String>,
    /// Set once they are to stop.
    pub(super) stop: AtomicBool,
    /// Messages of the publishing visitor that were acknowledged.
    pub(super) said: AtomicU64,
    /// Messages that subscribers received.
    pub(super) heard: AtomicU64,
    /// Connections, requests and event streams.
    pub(super) visits: AtomicU64,
    /// What went wrong.
    pub(super) faults: Mutex<Vec<String>>,
}

impl Street {
    fn closed(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn visit(&self) {
        self.visits.fetch_add(1, Ordering::Relaxed);
    }

    fn fault(&self, what: String) {
        let mut faults = self.faults.lock().unwrap();
        if faults.len() < 20 {
            faults.push(what);
        }
    }

    fn page(&self, chance: &mut SeededRandom) -> String {
        let meter = &self.meters[chance.below(self.meters.len() as u64) as usize];
        match chance.below(6) {
            0 => "/".to_owned(),
            1 => format!("/m/hq/{meter}"),
            2 => format!("/m/hq/{meter}/day.svg"),
            3 => format!("/m/hq/{meter}/year.svg"),
            4 => format!("/api/v1/meters/hq/{meter}"),
            _ => format!("/api/v1/meters/hq/{meter}/energy?step=hour"),
        }
    }
}

/// Publishes numbers from 0 on with QoS 1 at a rate, each until it is acknowledged; every half
/// minute over a new connection.
pub(super) fn talk(street: &Street, a_second: u64) {
    let began = Instant::now();
    let mut unacknowledged: VecDeque<u64> = VecDeque::new();
    let mut next = 0;
    while !street.closed() {
        let Some((mut client, _)) = Client::connect(street.mqtt, "talker", true) else {
            street.fault("the talker was not let in".to_owned());
            std::thread::sleep(Duration::from_secs(1));
            continue;
        };
        street.visit();
        let connected = Instant::now();
        for number in &unacknowledged {
            say(&mut client, *number);
        }
        while !street.closed() && connected.elapsed() < Duration::from_secs(30) {
            let due = (began.elapsed().as_secs_f64() * a_second as f64) as u64;
            while next < due && unacknowledged.len() < 1000 {
                say(&mut client, next);
                unacknowledged.push_back(next);
                next += 1;
            }
            match client.next(Duration::from_millis(10)) {
                Came::Packet(Packet::PubAck(_)) => {
                    unacknowledged.pop_front();
                    street.said.fetch_add(1, Ordering::Relaxed);
                }
                Came::End => break,
                _ => {}
            }
        }
    }
}

fn say(client: &mut Client, number: u64) {
    let topic = format!("soak/{}", number % TOPICS);
    client.publish((number % 60_000 + 1) as u16, &topic, &number.to_string(), number.is_multiple_of(10));
}

/// A persistent session whose client comes and goes; every number has to arrive.
pub(super) fn stay_in_touch(street: &Street, mut chance: SeededRandom, name: &str) {
    let mut expected: Option<u64> = None;
    while !street.closed() {
        let Some((mut client, present)) = Client::connect(street.mqtt, name, false) else {
            street.fault(format!("{name} was not let in"));
            std::thread::sleep(Duration::from_secs(1));
            continue;
        };
        street.visit();
        if expected.is_some() && !present {
            street.fault(format!("{name}: the session was forgotten"));
        }
        // A retained message among the others would look like an old number.
        if !present && !client.subscribe("soak/#") {
            continue;
        }
        let until = Instant::now() + Duration::from_secs(1) + chance.millis_below(8000);
        while Instant::now() < until {
            match client.next(Duration::from_millis(100)) {
                Came::Packet(Packet::Publish(message)) => {
                    street.heard.fetch_add(1, Ordering::Relaxed);
                    if !message.retain {
                        expected = hear(street, name, expected, &message.payload);
                    }
                    client.acknowledge(&message);
                }
                Came::End => break,
                _ => {}
            }
        }
        if chance.percent(50) {
            client.disconnect();
        }
        std::thread::sleep(chance.millis_below(4000));
    }
}

/// Numbers may come again, but none may be skipped.
fn hear(street: &Street, name: &str, expected: Option<u64>, payload: &[u8]) -> Option<u64> {
    let number: u64 = std::str::from_utf8(payload).unwrap().parse().unwrap();
    if let Some(expected) = expected.filter(|expected| number > *expected) {
        street.fault(format!("{name}: {number} came, {expected} did not"));
    }
    Some(expected.unwrap_or_default().max(number + 1))
}

/// A new client every second, which subscribes for a moment and leaves without DISCONNECT.
pub(super) fn pass_by(street: &Street, mut chance: SeededRandom) {
    while !street.closed() {
        let name = format!("passer-by-{}", chance.below(u64::MAX));
        match Client::connect(street.mqtt, &name, true) {
            Some((mut client, _)) => {
                street.visit();
                client.subscribe("powerpi/#");
                while let Came::Packet(packet) = client.next(Duration::from_millis(100)) {
                    if let Packet::Publish(message) = packet {
                        street.heard.fetch_add(1, Ordering::Relaxed);
                        client.acknowledge(&message);
                    }
                    if chance.percent(2) {
                        break;
                    }
                }
            }
            None => street.fault(format!("{name} was not let in")),
        }
        std::thread::sleep(chance.millis_below(2000));
    }
}

/// Debian's own clients, now and then.
pub(super) fn run_mosquitto(street: &Street, mut chance: SeededRandom) {
    let port = street.mqtt.to_string();
    while !street.closed() {
        let status = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port, "-t", "#", "-q", "1", "-C", "20", "-W", "20"])
            .stdout(Stdio::null())
            .status()
            .expect("mosquitto_sub; it is in Debian's mosquitto-clients");
        if !status.success() {
            street.fault(format!("mosquitto_sub ended with {status}"));
        }
        street.visit();
        std::thread::sleep(chance.millis_below(6000));
    }
}

/// A browser: pages, pictures and figures.
pub(super) fn browse(street: &Street, mut chance: SeededRandom) {
    while !street.closed() {
        let page = street.page(&mut chance);
        let (status, _) = http_get(street.web, &page);
        if status != 200 {
            street.fault(format!("{page}: {status}"));
        }
        street.visit();
        std::thread::sleep(chance.millis_below(800));
    }
}

/// A page that is left open for some seconds.
pub(super) fn watch_live(street: &Street, mut chance: SeededRandom) {
    while !street.closed() {
        let meter = &street.meters[chance.below(street.meters.len() as u64) as usize];
        let mut stream = TcpStream::connect(("127.0.0.1", street.web)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "GET /api/v1/meters/hq/{meter}/live HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let until = Instant::now() + chance.millis_below(8000);
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(count) if chunk[..count].starts_with(b"HTTP/1.1 200") => street.visit(),
            other => street.fault(format!("the event stream of {meter} begins with {other:?}")),
        }
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        while Instant::now() < until && !street.closed() {
            let _ = stream.read(&mut chunk);
        }
    }
}
