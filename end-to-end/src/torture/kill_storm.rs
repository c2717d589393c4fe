//! Kills at random moments: whichever program is killed when, every minute is recorded once.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use meter_messages::{MeterId, Minute};
use pi_publisher::outbox::Outbox;
use pi_publisher::{interim, safekeeping};

use super::result::{RunResult, reckon, rows_in_ledger};
use super::storm_plan::{KillStep, PROGRAMS, kill_steps};
use super::{Simulation, mosquitto};
use crate::{Program, Site, wait_until};

/// Minutes that come after the storm: everything goes on.
const AFTERWARDS: i64 = 30;

/// While the ledger grows we wait; without a new minute for so long it is stuck. A pause before
/// reconnecting is a minute at most.
const STUCK_AFTER: Duration = Duration::from_secs(90);

/// Within this a thread panics that is to, unless it has nothing to do at the moment.
const PANICS_WITHIN: Duration = Duration::from_secs(3);

/// The threads of each program that own what blocks, by the programs' numbers. Those of the pages have
/// nothing to do without a browser.
const OWNERS: [&[&str]; PROGRAMS] = [&["exchange"], &["ledger", "pictures"], &["outbox", "meter m0"], &[]];

/// A pipeline of four processes and a plan to kill them.
#[derive(Debug)]
pub struct KillStorm {
    /// The seed of the plan.
    pub seed: u64,
    /// How many processes are killed.
    pub kills: u64,
    /// Counters.
    pub meters: u64,
    /// How fast the households' time goes by.
    pub minutes_a_second: u64,
    /// Whether Debian's mosquitto without persistence is the broker.
    pub forgetful_broker: bool,
}

struct Pipeline<'a> {
    site: &'a Site,
    forgetful_broker: bool,
    programs: [Option<Program>; PROGRAMS],
    /// How many were started: the threads that can panic take turns.
    starts: [usize; PROGRAMS],
    panics: u64,
    faults: Vec<String>,
}

impl Pipeline<'_> {
    fn spawn(&mut self, program: usize) -> Program {
        let name = match program {
            0 if self.forgetful_broker => return mosquitto::spawn(self.site),
            0 => "powerpi-broker",
            1 => "powerpi-recorder",
            2 => "pi-publisher",
            _ => return self.site.spawn("powerpi-web"),
        };
        let owner = OWNERS[program][self.starts[program] % OWNERS[program].len()];
        self.starts[program] += 1;
        let fault = format!("panic,{owner},{}", self.panics_now(program).display());
        self.site.spawn_with(name, &[("POWERPI_FAULT", Path::new(&fault))])
    }

    fn can_panic(&self, program: usize) -> bool {
        !(OWNERS[program].is_empty() || program == 0 && self.forgetful_broker)
    }

    /// The file at whose coming a thread of a program panics.
    fn panics_now(&self, program: usize) -> PathBuf {
        self.site.path().join(format!("{program}.panics"))
    }

    /// Has a thread of a program panic; one that has nothing to do is killed with its program.
    fn panic(&mut self, index: usize, mut program: Program) {
        let now = self.panics_now(index);
        std::fs::write(&now, "").unwrap();
        let began = Instant::now();
        let ended = loop {
            match program.ended() {
                None if began.elapsed() < PANICS_WITHIN => std::thread::sleep(Duration::from_millis(10)),
                ended => break ended,
            }
        };
        std::fs::remove_file(&now).unwrap();
        match ended {
            None => program.kill(),
            Some(status) if status.code() == Some(1) => self.panics += 1,
            Some(status) => self.faults.push(format!("a panic ended in {status}: {}", program.last_words())),
        }
    }

    /// The first time in their order: pages have nothing to show before there is a ledger.
    fn start(&mut self) {
        for program in 0..PROGRAMS {
            self.programs[program] = Some(self.spawn(program));
            if program == 1 {
                let ledger = self.site.path().join("ledger.sqlite");
                wait_until("there is a ledger", || ledger.is_file());
            }
        }
    }

    fn take_step(&mut self, step: &KillStep) {
        std::thread::sleep(step.pause);
        for &index in &step.killed {
            let Some(mut program) = self.programs[index].take() else { continue };
            if let Some(status) = program.ended() {
                self.faults.push(format!("ended by itself ({status}): {}", program.last_words()));
            } else if step.by_panic && self.can_panic(index) {
                self.panic(index, program);
            } else {
                program.kill();
            }
        }
        std::thread::sleep(step.away);
        for &index in &step.killed {
            self.programs[index] = Some(self.spawn(index));
        }
    }

    /// Kills and starts all programs, so that none is in a pause before reconnecting.
    fn restart_all(&mut self) {
        for program in &mut self.programs {
            *program = None;
        }
        self.start();
    }

    fn stop(&mut self) {
        for program in self.programs.iter_mut().rev() {
            program.take().into_iter().for_each(Program::stop);
        }
    }
}

impl KillStorm {
    /// Runs the storm; `progress` is called now and then.
    pub fn run(&self, progress: &dyn Fn(&str)) -> RunResult {
        let simulation = Simulation::new(self.seed, self.meters, self.minutes_a_second);
        let site = Site::new(&simulation.settings(None));
        let programs = std::array::from_fn(|_| None);
        let mut pipeline = Pipeline {
            site: &site,
            forgetful_broker: self.forgetful_broker,
            programs,
            starts: [0; PROGRAMS],
            panics: 0,
            faults: Vec::new(),
        };
        pipeline.start();
        let recorded = || rows_in_ledger(&site.path().join("ledger.sqlite"));
        wait_until("the first minute is recorded", || recorded() > 0);
        let mut kills = 0;
        for (number, step) in kill_steps(self.seed, self.kills).iter().enumerate() {
            pipeline.take_step(step);
            kills += step.killed.len() as u64;
            if number % 20 == 0 {
                progress(&format!("{kills} of {} kills, {} minutes recorded", self.kills, recorded()));
            }
        }
        let in_the_storm = recorded();
        let until = Self::go_on(&mut pipeline, &simulation);
        let wanted = (until.epoch_minutes() - simulation.first.epoch_minutes()) as u64 * self.meters;
        progress(&format!("{in_the_storm} minutes recorded in the storm, waiting for {wanted}"));
        wait_for(wanted, recorded);
        progress(&format!("{} of {kills} ended because a thread of theirs panicked", pipeline.panics));
        let mut result = reckon(&site, &simulation, until);
        (result.kills, result.panics) = (kills, pipeline.panics);
        result.faults.append(&mut pipeline.faults);
        pipeline.stop();
        result
    }

    /// After the storm: every program starts again, and time goes on a little.
    fn go_on(pipeline: &mut Pipeline<'_>, simulation: &Simulation) -> Minute {
        pipeline.programs[2] = None;
        let until = end_of(pipeline.site.path(), simulation);
        pipeline.site.set_meters(&simulation.settings(Some(until)));
        pipeline.restart_all();
        until
    }
}

/// Where the time of a publisher's meters is to end, once it is gone, by its folder: a little after what it has counted.
/// The outbox may not know of all that yet. The rest is in the tmpfs file, and at many minutes a
/// second it reaches further than one would guess.
pub(super) fn end_of(folder: &Path, simulation: &Simulation) -> Minute {
    let counted = simulation.ids().into_iter().filter_map(|id| last_counted(folder, &id.parse().unwrap()));
    let newest = counted.max().unwrap_or(simulation.first);
    Minute::nearest(newest.epoch_minutes() + AFTERWARDS)
}

/// The minute from which a meter's next publisher goes on.
fn last_counted(folder: &Path, meter: &MeterId) -> Option<Minute> {
    let account = Outbox::open_read_only(folder).unwrap().existing_account(meter).unwrap()?;
    let kept = safekeeping::kept(&folder.join("run"), folder, meter, &account);
    let resumed = interim::resume(&account, &kept, &safekeeping::boot_id());
    resumed.in_progress.map(|minute| minute.minute).max(resumed.last_minute)
}

/// Waits until so many minutes are recorded, or no more come.
pub(super) fn wait_for(wanted: u64, recorded: impl Fn() -> u64) {
    let (mut best, mut since) = (0, Instant::now());
    while best < wanted && since.elapsed() < STUCK_AFTER {
        std::thread::sleep(Duration::from_millis(100));
        let now = recorded();
        if now > best {
            (best, since) = (now, Instant::now());
        }
    }
}
