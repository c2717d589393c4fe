//! The power fails at any moment: what was acknowledged by then is on the disk.
//!
//! Broker, recorder and publisher run under the recorder of writes in `write-trace`
//! (`trace`), while `subscribers` note what was acknowledged when. Then for many moments the
//! disk is rebuilt as it could have been (`disk`): everything that was synced, and a random part
//! of the rest, also halves of pages. From it SQLite, the real broker and the whole pipeline
//! have to bring back everything acknowledged (`checks`).

mod checks;
mod disk;
mod subscribers;
pub mod trace;

use std::path::Path;
use std::time::Duration;

pub use self::disk::{Disk, Image};
use self::subscribers::Seen;
use super::kill_storm::{end_of, wait_for};
use super::result::RunResult;
use super::{SeededRandom, Simulation};
use crate::torture::result::{reckon, rows_in_ledger};
use crate::{Program, Site};

/// Counters.
const METERS: u64 = 5;
/// Fast enough that a commit is always on its way, and that logs are moved into their databases
/// within seconds.
const MINUTES_A_SECOND: u64 = 40;
/// What has to survive.
const DATABASES: [&str; 3] = ["broker.sqlite", "ledger.sqlite", "outbox.sqlite"];

/// A run to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct PowerCut {
    /// The seed of the moments and of what survives.
    pub seed: u64,
    /// How long the programs run.
    pub lasts: Duration,
}

/// What was found at some moments.
#[derive(Debug, Default)]
pub struct Found {
    /// Losses, doubles and faults.
    pub result: RunResult,
    /// Acknowledgements that were looked up.
    pub acknowledged: u64,
    /// Messages that the broker had acknowledged and did not bring back.
    pub lost_in_store: u64,
    /// Minutes that a mark covered and that the ledger did not bring back.
    pub lost_in_ledger: u64,
    /// Minutes that were sent and that the outbox did not bring back.
    pub lost_in_outbox: u64,
}

/// A recorded run.
#[derive(Debug)]
pub struct Recorded {
    seed: u64,
    simulation: Simulation,
    trace: trace::Trace,
    seen: Seen,
}

impl PowerCut {
    /// Runs the programs and records what they write, sync and acknowledge.
    pub fn record(self) -> Recorded {
        let simulation = Simulation::new(self.seed, METERS, MINUTES_A_SECOND);
        let site = Site::new(&simulation.settings(None));
        let logs = trace::Logs::of(site.path());
        let start = |name| Program::start_with(name, site.path(), &logs.environment()).unwrap();
        let broker = start("powerpi-broker");
        subscribers::leave_a_session(site.mqtt);
        let recorder = start("powerpi-recorder");
        let subscribers = subscribers::Subscribers::begin(site.mqtt);
        let publisher = start("pi-publisher");
        std::thread::sleep(self.lasts);
        let seen = subscribers.end();
        [publisher, recorder, broker].into_iter().for_each(Program::kill);
        Recorded { seed: self.seed, simulation, trace: logs.read(), seen }
    }
}

impl Recorded {
    /// What was written and synced, for people.
    pub fn told(&self) -> String {
        let of = |database: &str| {
            let (log, own) = (self.trace.of(&format!("{database}-wal")), self.trace.of(database));
            format!(
                "{database}: {} writes and {} syncs of its log, {} and {} of its own",
                log.0, log.1, own.0, own.1
            )
        };
        DATABASES.map(of).join("; ")
    }

    /// Whether each database was checkpointed, too: making it takes one sync.
    pub fn has_checkpoints(&self) -> bool {
        DATABASES.iter().all(|database| self.trace.of(database).1 > 1)
    }

    /// Checks many moments, on a disk that honours syncs or does not.
    pub fn cut(&self, disk: Disk, moments: u64, progress: &dyn Fn(&str)) -> Found {
        self.cut_until(disk, moments, &|_| false, progress)
    }

    /// The same, up to the moment at which enough is found.
    pub fn cut_until(
        &self,
        disk: Disk,
        moments: u64,
        is_enough: &dyn Fn(&Found) -> bool,
        progress: &dyn Fn(&str),
    ) -> Found {
        let mut chance = SeededRandom::new(self.seed);
        let mut found = Found::default();
        for number in 0..moments {
            let at = self.seen.moment(number, &mut chance);
            let image = self.trace.image(at, disk, &mut chance);
            checks::look(&image, &self.seen, at, &self.simulation, &mut found);
            if is_enough(&found) {
                break;
            }
            if number % 20 == 19 {
                progress(&format!("{} of {moments} moments, {}", number + 1, found.result));
            }
        }
        found
    }

    /// Starts all programs from the disks of some moments: afterwards every minute of the household
    /// is recorded once.
    pub fn go_on(&self, restarts: u64, progress: &dyn Fn(&str)) -> RunResult {
        let mut chance = SeededRandom::new(self.seed.wrapping_add(1));
        let mut result = RunResult::default();
        for number in 0..restarts {
            let at = self.seen.moment(number, &mut chance);
            let image = self.trace.image(at, Disk::Honest, &mut chance);
            let outcome = self.restart(&image);
            progress(&format!("restart {} of {restarts}: {outcome}", number + 1));
            result += outcome;
        }
        result
    }

    fn restart(&self, image: &Image) -> RunResult {
        let site = Site::new("");
        image.write_to(site.path());
        // No outbox yet: the power failed before there was one.
        let outbox = site.path().join("outbox.sqlite");
        let until = if outbox.is_file() && has_tables(&outbox) {
            end_of(site.path(), &self.simulation)
        } else {
            meter_messages::Minute::nearest(self.simulation.first.epoch_minutes() + 30)
        };
        site.set_meters(&self.simulation.settings(Some(until)));
        let programs = ["powerpi-broker", "powerpi-recorder", "pi-publisher", "powerpi-web"];
        let programs: Vec<Program> = programs.into_iter().map(|name| site.start(name)).collect();
        let wanted = (until.epoch_minutes() - self.simulation.first.epoch_minutes()) as u64 * METERS;
        wait_for(wanted, || rows_in_ledger(&site.path().join("ledger.sqlite")));
        let result = reckon(&site, &self.simulation, until);
        programs.into_iter().rev().for_each(Program::stop);
        result
    }
}

fn has_tables(file: &Path) -> bool {
    let open = rusqlite::Connection::open(file).unwrap();
    open.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
        .is_ok_and(|tables| tables > 0)
}
