//! Programs are stopped and started under load, as an upgrade does: each ends in time, and nothing
//! in transit is lost.

use std::time::{Duration, Instant};

use super::kill_storm::{end_of, wait_for};
use super::result::{RunResult, reckon, rows_in_ledger};
use super::{SeededRandom, Simulation};
use crate::{Program, Site, wait_until};

const METERS: u64 = 3;
const MINUTES_A_SECOND: u64 = 60;
const PROGRAMS: [&str; 4] = ["powerpi-broker", "powerpi-recorder", "pi-publisher", "powerpi-web"];

/// Rounds in each of which every program is stopped and started once.
#[derive(Debug, Clone, Copy)]
pub struct RollingRestart {
    /// The seed of order and pauses.
    pub seed: u64,
    /// The number of rounds.
    pub rounds: u64,
}

impl RollingRestart {
    /// Restarts them; also returns how long the slowest took to stop. Panics if one takes more than
    /// half a minute or fails.
    pub fn run(&self) -> (RunResult, Duration) {
        let simulation = Simulation::new(self.seed, METERS, MINUTES_A_SECOND);
        let site = Site::new(&simulation.settings(None));
        let mut programs = PROGRAMS.map(|name| Some(site.start(name)));
        let recorded = || rows_in_ledger(&site.path().join("ledger.sqlite"));
        wait_until("the first minute is recorded", || recorded() > 0);
        let (mut chance, mut slowest) = (SeededRandom::new(self.seed), Duration::ZERO);
        for _ in 0..self.rounds {
            let mut order = [0, 1, 2, 3];
            chance.shuffle(&mut order);
            for one in order {
                std::thread::sleep(chance.millis_below(500));
                slowest = slowest.max(stop(&mut programs[one]));
                std::thread::sleep(chance.millis_below(100));
                programs[one] = Some(site.start(PROGRAMS[one]));
            }
        }
        stop(&mut programs[2]);
        let until = end_of(site.path(), &simulation);
        site.set_meters(&simulation.settings(Some(until)));
        programs[2] = Some(site.start(PROGRAMS[2]));
        wait_for((until.epoch_minutes() - simulation.first.epoch_minutes()) as u64 * METERS, recorded);
        let result = reckon(&site, &simulation, until);
        programs.iter_mut().rev().for_each(|program| slowest = slowest.max(stop(program)));
        (result, slowest)
    }
}

fn stop(program: &mut Option<Program>) -> Duration {
    let began = Instant::now();
    program.take().into_iter().for_each(Program::stop);
    began.elapsed()
}
