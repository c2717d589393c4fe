//! Mosquitto and a peer that keeps what comes.

use std::fmt;
use std::time::{Duration, Instant};

use end_to_end::torture::mosquitto;
use end_to_end::{Program, Site, wait_until};

use super::keeper::Keeper;
use super::kept::{Kept, make_files};
use crate::client::Client;
use crate::meters::{IN_FLIGHT, Meters, Order, publications};
use crate::shape::Shape;

/// Who has not used a processor for so long does nothing more.
const PATIENCE: Duration = Duration::from_secs(3);

/// As Debian has it, but that nothing is thrown away: it keeps only 1,000 messages for a client that is slower.
const LOSES_NOTHING: &str = "max_queued_messages 0\npersistence true\nlog_type subscribe\nlog_type error\n";

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// Minutes a second, until the last can be read; of those that are lost none.
    pub(crate) rate: f64,
    /// mosquitto's CPU seconds of 100,000 minutes.
    pub(crate) broker: f64,
    /// Those of all other programs.
    pub(crate) rest: f64,
    /// The most resident memory of all.
    pub(crate) memory_mb: f64,
    /// How many minutes of a hundred are there as they were sent.
    pub(crate) right_percent: f64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, broker, rest, memory_mb, right_percent } = self;
        write!(
            f,
            "{rate:.0} minutes a second; CPU seconds of 100,000: mosquitto {broker:.2}, the rest {rest:.2}; \
             {memory_mb:.0} MB; {right_percent:.1} % right"
        )
    }
}

/// It, with what it is to be sent.
pub(crate) struct Running {
    keeper: Keeper,
    shape: Shape,
    meters: Meters,
    site: Site,
    mosquitto: Program,
    programs: Vec<Program>,
}

impl Running {
    pub(crate) fn start(keeper: Keeper, shape: Shape) -> Self {
        let shape = Shape { minutes: keeper.minutes_of(shape.minutes), ..shape };
        let meters = Meters::new(shape.meters, shape.minutes);
        let site = Site::new("");
        if keeper != Keeper::PythonSqlite {
            make_files(keeper, &site, (shape.meters, shape.minutes), meters.minute(1));
        }
        let more = format!("{LOSES_NOTHING}persistence_location {}/\nuser root\n", site.path().display());
        let mosquitto = mosquitto::spawn_with(&site, &more);
        wait_until("mosquitto listens", || std::net::TcpStream::connect(("127.0.0.1", site.mqtt)).is_ok());
        let programs = keeper.start(&site);
        wait_until("the recorder has subscribed", || {
            mosquitto.log().contains("/#") || mosquitto.log().contains("/+/")
        });
        Self { keeper, shape, meters, site, mosquitto, programs }
    }

    /// Sends all minutes, waits until they are kept, and looks whether they are right.
    pub(crate) fn measure(&self, order: Order) -> Outcome {
        let last = self.shape.minutes as u64;
        let counted = self.meters.counted(1, last, order);
        let publications = publications(&counted, IN_FLIGHT, |counted| self.keeper.message(counted));
        let mut publisher = Client::connect(self.site.mqtt, "publisher");
        let mut kept = Kept::new(self.keeper, &self.site, &self.meters);
        let (broker, rest) = (self.mosquitto.burden().cpu, self.rest());
        let began = Instant::now();
        publisher.publish(&publications);
        // In another order nothing says when the last one is there.
        let is_in_order = order == Order::AsCounted;
        let mut all_there = self.wait(|| is_in_order && self.has_all(&mut kept, last));
        let flushing = Instant::now();
        kept.flush(self.shape.meters);
        all_there += flushing.elapsed();
        let per_100_000 = |cpu: Duration| cpu.as_secs_f64() * 100_000.0 / publications.len() as f64;
        let (right, sent) = self.right(&mut kept, last);
        let memory: u64 =
            self.programs.iter().chain([&self.mosquitto]).map(|program| program.burden().peak_kib).sum();
        Outcome {
            rate: publications.len() as f64 * right / sent / all_there.duration_since(began).as_secs_f64(),
            broker: per_100_000(self.mosquitto.burden().cpu - broker),
            rest: per_100_000(self.rest() - rest),
            memory_mb: memory as f64 * 1024.0 / 1e6,
            right_percent: 100.0 * right / sent,
        }
    }

    /// Publishes a minute of one meter after the other; how long each took until it could be read. `None` where it can
    /// be read only after it is asked to write.
    pub(crate) fn latencies(&self) -> Option<Vec<Duration>> {
        if self.keeper == Keeper::CollectdCached {
            return None;
        }
        let mut publisher = Client::connect(self.site.mqtt, "publisher");
        let mut kept = Kept::new(self.keeper, &self.site, &self.meters);
        let latency = |seq: u64| {
            let counted = self.meters.counted(seq, seq, Order::AsCounted);
            let publication = publications(&counted, 1, |counted| self.keeper.message(counted));
            let began = Instant::now();
            publisher.publish(&publication);
            crate::latency::look_until(|| kept.has(0, seq, 0));
            began.elapsed()
        };
        Some(crate::latency::each_after_a_pause(1..=self.shape.minutes as u64, latency))
    }

    /// Whether the last minute of all meters is there.
    fn has_all(&self, kept: &mut Kept<'_>, last: u64) -> bool {
        let count = self.shape.meters;
        // The newest of all first: most of the time it is not there, and the others need not be asked.
        (0..count).rev().all(|meter| kept.has(meter, last, count * last as usize))
    }

    /// Until it is so, or nobody does anything any more; when that was.
    fn wait(&self, mut is_so: impl FnMut() -> bool) -> Instant {
        let mut active = (Duration::ZERO, Instant::now());
        loop {
            if is_so() {
                return Instant::now();
            }
            let cpu = self.rest();
            if cpu > active.0 {
                active = (cpu, Instant::now());
            } else if active.1.elapsed() > PATIENCE {
                return active.1;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn rest(&self) -> Duration {
        self.programs.iter().map(|program| program.burden().cpu).sum()
    }

    /// How many minutes of the meters that are looked at are there as they were sent, and how many were sent.
    fn right(&self, kept: &mut Kept<'_>, last: u64) -> (f64, f64) {
        let (mut right, mut sent) = (0, 0);
        for meter in self.meters.looked_at() {
            let (there, wanted) = (kept.minutes(meter, last), self.meters.sent(meter, last));
            let there: std::collections::HashMap<_, _> = there.into_iter().collect();
            right += wanted.iter().filter(|(minute, pulses)| there.get(minute) == Some(pulses)).count();
            sent += wanted.len();
        }
        (right as f64, sent as f64)
    }
}
