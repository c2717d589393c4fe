//! So many meters with so many minutes each.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use end_to_end::{Program, Site};

use crate::client::Client;
use crate::figures::Figures;
use crate::meters::{IN_FLIGHT, Meters, Order, ours, publications};

/// A program that uses less than this of a second has nothing more to do.
const QUIET: Duration = Duration::from_millis(20);

/// `1000x60`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) meters: usize,
    pub(crate) minutes: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (meters, minutes) = text.split_once('x').ok_or("not METERSxMINUTES")?;
        let number = |text: &str| text.parse().map_err(|error| format!("{text}: {error}"));
        Ok(Self { meters: number(meters)?, minutes: number(minutes)? })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.meters, self.minutes)
    }
}

/// Broker and recorder, whose meters have sent their first minute.
pub(crate) struct Running {
    pub(crate) site: Site,
    pub(crate) broker: Program,
    pub(crate) recorder: Program,
    pub(crate) publisher: Client,
    /// What the first minute of a meter cost: the recorder's CPU.
    pub(crate) new_meters: Duration,
}

impl Running {
    pub(crate) fn start(meters: &Meters, count: usize) -> Self {
        let site = site_of(count);
        let (broker, recorder) = (site.start("powerpi-broker"), site.start("powerpi-recorder"));
        let before = recorder.burden().cpu;
        let mut publisher = Client::connect(site.mqtt, "publisher");
        publisher.publish(&meters.infos());
        // The recorder may have subscribed only now.
        meters.marked(site.mqtt, 0).join().unwrap();
        let marked = meters.marked(site.mqtt, 1);
        publisher.publish(&meters.minutes(1, 1, IN_FLIGHT));
        marked.join().unwrap();
        wait_until_quiet(&recorder);
        let new_meters = recorder.burden().cpu - before;
        Self { site, broker, recorder, publisher, new_meters }
    }
}

impl Shape {
    pub(crate) fn measure(self, order: Order) -> Figures {
        let meters = Meters::new(self.meters, self.minutes + 1);
        let mut running = Running::start(&meters, self.meters);
        let last = self.minutes as u64 + 1;
        let publications = publications(&meters.counted(2, last, order), IN_FLIGHT, ours);
        let marked = meters.marked(running.site.mqtt, last);
        let (broker, recorder) = (running.broker.burden(), running.recorder.burden());
        let began = Instant::now();
        running.publisher.publish(&publications);
        let (at, marks) = marked.join().unwrap();
        // RRD files follow, and their cost belongs to the minutes. One that was just written rests, and one that lacks a minute which
        // came late is made anew only after that.
        if order != Order::AsCounted {
            std::thread::sleep(FILES_REST);
        }
        wait_until_quiet(&running.recorder);
        let (broker_after, recorder_after) = (running.broker.burden(), running.recorder.burden());
        let stopped = running.recorder.stop_and_count();
        meters.check_ledger(&running.site, last);
        meters.check_pictures(&running.site, last);
        let per_100_000 = |cpu: Duration| cpu.as_secs_f64() * 100_000.0 / publications.len() as f64;
        Figures {
            rate: publications.len() as f64 / at.duration_since(began).as_secs_f64(),
            broker: per_100_000(broker_after.cpu - broker.cpu),
            recorder: per_100_000(stopped.max(recorder_after.cpu) - recorder.cpu),
            marks: marks as f64 / self.meters as f64,
            memory_mb: (broker_after.peak_kib + recorder_after.peak_kib) as f64 / 1000.0,
            new_meter_ms: running.new_meters.as_secs_f64() * 1e3 / self.meters as f64,
        }
    }
}

/// Waits until it has nothing more to do.
pub(crate) fn wait_until_quiet(program: &Program) {
    loop {
        let before = program.burden().cpu;
        std::thread::sleep(Duration::from_secs(1));
        if program.burden().cpu - before < QUIET {
            return;
        }
    }
}

/// So long a file rests at most after it was written.
const FILES_REST: Duration = Duration::from_secs(11);

/// RRD files of so many meters would need 42 GB for ten thousand.
const MOST_FILES: usize = 1000;

/// A site whose recorder takes so many meters of it.
fn site_of(meters: usize) -> Site {
    let site = Site::new("");
    // A site that comes first gets half of them, and a part.
    let (max_meters, max_files) = (2 * meters, 2 * meters.min(MOST_FILES));
    site.prepend("powerpi-recorder", &format!("max_meters = {max_meters}\nmax_rrd_files = {max_files}\n"));
    site
}
