//! Clients that note what was acknowledged, and when they knew.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use meter_messages::{Mark, Meter, OutboxMinute, PulseCount, Topic};
use rumqttc::Packet;

use super::trace::now_ns;
use crate::torture::SeededRandom;
use crate::torture::client::{Came, Client};

/// The session that is owed every number.
pub(super) const AWAY: &str = "away";
/// Where numbers are published.
pub(super) const NUMBERS: &str = "numbers";
/// Where the newest number is retained.
pub(super) const NEWEST: &str = "newest";

/// Numbers on their way at a time.
const WINDOW: usize = 8;
/// Between two numbers, so that the run stays small.
const PAUSE: Duration = Duration::from_millis(2);

/// What was acknowledged or seen when, in nanoseconds of the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Numbers whose PUBACK came.
    pub(super) numbers: Vec<(u64, u64)>,
    /// Retained numbers whose PUBACK came.
    pub(super) retained: Vec<(u64, u64)>,
    /// Minutes on the wire.
    pub(super) minutes: Vec<(u64, Meter, PulseCount)>,
    /// Marks on the wire.
    pub(super) marks: Vec<(u64, Meter, Mark)>,
}

impl Seen {
    /// A moment at which the power fails: mostly right after an acknowledgement, of each kind in turn.
    pub(super) fn moment(&self, number: u64, chance: &mut SeededRandom) -> u64 {
        let mut known: Vec<u64> = match number % 4 {
            0 => self.numbers.iter().map(|(at, _)| *at).collect(),
            1 => self.minutes.iter().map(|(at, ..)| *at).collect(),
            2 => self.marks.iter().map(|(at, ..)| *at).collect(),
            _ => {
                let (first, last) = (self.numbers[0].0, self.numbers[self.numbers.len() - 1].0);
                return first + chance.below(last - first);
            }
        };
        known.sort_unstable();
        known[chance.below(known.len() as u64) as usize]
    }
}

/// Makes the session that is owed the numbers, and disconnects.
pub(super) fn leave_a_session(port: u16) {
    let (mut client, _) = Client::connect(port, AWAY, false).unwrap();
    assert!(client.subscribe(NUMBERS));
    client.disconnect();
}

/// The running clients.
pub(super) struct Subscribers {
    stop: Arc<AtomicBool>,
    numbers: JoinHandle<Seen>,
    meters: JoinHandle<Seen>,
}

impl Subscribers {
    pub(super) fn begin(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stop_one, stop_other) = (stop.clone(), stop.clone());
        Self {
            stop,
            numbers: std::thread::spawn(move || count(port, &stop_one)),
            meters: std::thread::spawn(move || listen(port, &stop_other)),
        }
    }

    pub(super) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let (numbers, meters) = (self.numbers.join().unwrap(), self.meters.join().unwrap());
        assert!(!meters.marks.is_empty() && !numbers.numbers.is_empty(), "nothing was acknowledged");
        Seen { numbers: numbers.numbers, retained: numbers.retained, ..meters }
    }
}

/// Publishes numbers and notes their PUBACKs; each fifth is retained, too.
fn count(port: u16, stop: &AtomicBool) -> Seen {
    let (mut client, _) = Client::connect(port, "numbers", true).unwrap();
    let mut seen = Seen::default();
    let mut waiting: VecDeque<(bool, u64)> = VecDeque::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut say = |topic, retain| {
            let packet_id = (number % 30_000 * 2 + u64::from(retain) + 1) as u16;
            assert!(client.publish(packet_id, topic, &number.to_string(), retain));
            waiting.push_back((retain, number));
        };
        say(NUMBERS, false);
        if number % 5 == 0 {
            say(NEWEST, true);
        }
        std::thread::sleep(PAUSE);
        while waiting.len() >= WINDOW {
            let Came::Packet(Packet::PubAck(_)) = client.next(Duration::from_secs(30)) else {
                panic!("no PUBACK");
            };
            let (retained, number) = waiting.pop_front().unwrap();
            let noted = if retained { &mut seen.retained } else { &mut seen.numbers };
            noted.push((now_ns(), number));
        }
    }
    seen
}

/// Notes minutes and marks.
fn listen(port: u16, stop: &AtomicBool) -> Seen {
    let (mut client, _) = Client::connect(port, "meters", true).unwrap();
    assert!(client.subscribe("powerpi/#"));
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let Came::Packet(Packet::Publish(message)) = client.next(Duration::from_millis(50)) else { continue };
        let at = now_ns();
        match message.topic.parse() {
            Ok(Topic::Minute(meter)) => {
                seen.minutes.push((at, meter, OutboxMinute::from_json(&message.payload).unwrap().count));
            }
            Ok(Topic::Recorded(meter)) => {
                seen.marks.push((at, meter, Mark::from_json(&message.payload).unwrap()));
            }
            _ => {}
        }
        client.acknowledge(&message);
    }
    seen
}
