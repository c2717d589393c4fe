//! An hour under load while clients come and go: memory stays flat, and nothing is lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::kill_storm::{end_of, wait_for};
use super::memory::Memory;
use super::result::{RunResult, reckon, rows_in_ledger};
use super::visitors::{self, Street};
use super::{SeededRandom, Simulation};
use crate::{Program, Site, wait_until};

/// Counters, and minutes of each in a second: half of the messages.
const METERS: u64 = 5;
const MINUTES_A_SECOND: u64 = 20;
/// The other half comes from a client.
const TALK_A_SECOND: u64 = 100;

/// The least messages a second at which it was a soak.
const ENOUGH: f64 = 180.0;

/// So many samples at least, and one a minute.
const SAMPLES: u32 = 20;

/// A soak of seconds in which clients are not served ends after this.
const HANGING: Duration = Duration::from_secs(300);

/// A soak test to run.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// The seed of the visitors' behaviour.
    pub seed: u64,
    /// How long it lasts at least.
    pub lasts: Duration,
    /// It lasts until so many visits were made and so many messages heard, however fast the machine is.
    pub least: Least,
    /// Whether growing memory, or too few messages, are faults; seconds say nothing about that.
    pub judged: bool,
}

/// What clients have to have had for a soak to mean anything.
#[derive(Debug, Clone, Copy)]
pub struct Least {
    /// Connections, requests and event streams.
    pub visits: u64,
    /// Messages received.
    pub heard: u64,
}

/// The result.
#[derive(Debug)]
pub struct Soaked {
    /// The result for the meters' minutes.
    pub result: RunResult,
    /// Each program's memory.
    pub memory: Vec<Memory>,
    /// Messages a second that were published with QoS 1 and acknowledged, or recorded.
    pub messages_a_second: f64,
    /// Messages that clients received.
    pub heard: u64,
    /// Connections, requests and event streams.
    pub visits: u64,
}

impl Soak {
    /// Runs it; `progress` is called at every sample.
    pub fn run(&self, progress: &dyn Fn(&str)) -> Soaked {
        let simulation = Simulation::new(self.seed, METERS, MINUTES_A_SECOND);
        let site = Site::new(&simulation.settings(None));
        let broker = site.start("powerpi-broker");
        let recorder = site.start("powerpi-recorder");
        let publisher = site.start("pi-publisher");
        let recorded = || rows_in_ledger(&site.path().join("ledger.sqlite"));
        wait_until("every meter is known", || recorded() > 10 * METERS);
        let web = site.start("powerpi-web");
        let street = Street {
            mqtt: site.mqtt,
            web: site.web,
            meters: simulation.ids(),
            stop: AtomicBool::new(false),
            said: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            visits: AtomicU64::new(0),
            faults: Mutex::new(Vec::new()),
        };
        let watched = [&broker, &recorder, &publisher, &web];
        let (memory, messages_a_second) = self.among_visitors(&street, watched, &recorded, progress);

        publisher.stop();
        let until = end_of(site.path(), &simulation);
        site.set_meters(&simulation.settings(Some(until)));
        let publisher = site.start("pi-publisher");
        wait_for((until.epoch_minutes() - simulation.first.epoch_minutes()) as u64 * METERS, recorded);
        let mut result = reckon(&site, &simulation, until);
        result.faults.append(&mut street.faults.into_inner().unwrap());
        if self.judged {
            result.faults.extend(memory.iter().filter_map(Memory::fault));
            let few = messages_a_second < ENOUGH;
            result.faults.extend(few.then(|| format!("only {messages_a_second:.0} messages a second")));
        }
        [web, publisher, recorder, broker].into_iter().for_each(Program::stop);
        let (heard, visits) = (street.heard.into_inner(), street.visits.into_inner());
        Soaked { result, memory, messages_a_second, heard, visits }
    }

    /// The time with visitors; returns each program's memory and the messages a second.
    fn among_visitors(
        &self,
        street: &Street,
        watched: [&Program; 4],
        recorded: &dyn Fn() -> u64,
        progress: &dyn Fn(&str),
    ) -> (Vec<Memory>, f64) {
        let mut memory: Vec<Memory> = watched.iter().map(|program| Memory::of(program.name())).collect();
        let every = (self.lasts / SAMPLES).min(Duration::from_secs(60));
        let (began, before) = (Instant::now(), recorded());
        let rate = || {
            let messages = recorded() - before + street.said.load(Ordering::Relaxed);
            messages as f64 / began.elapsed().as_secs_f64()
        };
        let mut mean = 0.0;
        std::thread::scope(|scope| {
            let chance = |visitor: u64| SeededRandom::new(self.seed.wrapping_add(visitor));
            scope.spawn(|| visitors::talk(street, TALK_A_SECOND));
            for number in 0..6 {
                let name = format!("lasting-{number}");
                scope.spawn(move || visitors::stay_in_touch(street, chance(number), &name));
            }
            for number in 10..12 {
                scope.spawn(move || visitors::pass_by(street, chance(number)));
                scope.spawn(move || visitors::browse(street, chance(number + 10)));
                scope.spawn(move || visitors::watch_live(street, chance(number + 20)));
            }
            scope.spawn(move || visitors::run_mosquitto(street, chance(40)));
            let had = |least: Least| {
                street.visits.load(Ordering::Relaxed) >= least.visits
                    && street.heard.load(Ordering::Relaxed) >= least.heard
            };
            while began.elapsed() < self.lasts || (!had(self.least) && began.elapsed() < HANGING) {
                std::thread::sleep(every);
                for (memory, program) in memory.iter_mut().zip(watched) {
                    memory.sample(began.elapsed(), program.id());
                }
                mean = rate();
                progress(&told(&memory, mean));
            }
            street.stop.store(true, Ordering::Relaxed);
        });
        (memory, mean)
    }
}

fn told(memory: &[Memory], messages_a_second: f64) -> String {
    let newest = |memory: &Memory| memory.samples.last().map_or(0, |(_, kib)| *kib);
    let kib: Vec<String> =
        memory.iter().map(|memory| format!("{} {} KiB", memory.name, newest(memory))).collect();
    format!("{messages_a_second:.0} messages a second, {}", kib.join(", "))
}
