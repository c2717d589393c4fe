//! The parts of a run: storms, power cuts and attacks one after the other, and the soak beside them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use end_to_end::attacks::{self, Extent, beside_each};
use end_to_end::torture::RunResult;
use end_to_end::torture::kill_storm::KillStorm;
use end_to_end::torture::power_cut::{Disk, PowerCut};
use end_to_end::torture::rolling_restart::RollingRestart;
use end_to_end::torture::soak::{Least, Soak, Soaked};

/// A soak shorter than this says nothing about memory.
const MEMORY_FROM: Duration = Duration::from_secs(5 * 60);

/// Power cuts of a recorded run, and how many of them all programs go on from.
const MOMENTS: u64 = 40;
const RESTARTS: u64 = 4;

/// What came of a part.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) result: RunResult,
    pub(crate) took: Duration,
    /// What else there is to say.
    pub(crate) told: String,
}

/// What came of all.
pub(crate) struct Outcome {
    pub(crate) result: RunResult,
    pub(crate) parts: Vec<Part>,
    pub(crate) soaked: Option<Soaked>,
    pub(crate) attacks: Vec<attacks::Outcome>,
}

pub(crate) fn run(seed: u64, kills: u64, soak: Duration) -> Outcome {
    let began = Instant::now();
    let (mut soaked, mut attacks) = (None, Vec::new());
    let mut parts = std::thread::scope(|scope| {
        let soaking = scope.spawn(|| run_soak(began, seed, soak));
        let parts = storms(began, seed, kills);
        let attacking = part("attacks", began, |progress| {
            attacks = beside_each(Extent::Full, "", progress);
            of_attacks(&attacks)
        });
        let (part, outcome) = soaking.join().unwrap();
        soaked = outcome;
        parts.into_iter().chain([attacking, part]).collect::<Vec<_>>()
    });
    let mut result = RunResult::default();
    for part in &mut parts {
        for fault in &mut part.result.faults {
            fault.insert_str(0, &format!("{}: ", part.name));
        }
        result += part.result.clone();
    }
    Outcome { result, parts, soaked, attacks }
}

fn of_attacks(outcomes: &[attacks::Outcome]) -> (RunResult, String) {
    let of = |outcome: &attacks::Outcome| {
        let name = outcome.attack.name;
        outcome.faults.iter().map(move |fault| format!("{name}: {fault}")).collect::<Vec<_>>()
    };
    let faults = outcomes.iter().flat_map(of).collect();
    let pages: u64 = outcomes.iter().map(|outcome| outcome.pages).sum();
    let told = format!("{} attacks, beside which {pages} pages were seen", outcomes.len());
    (RunResult { faults, ..RunResult::default() }, told)
}

fn storms(began: Instant, seed: u64, kills: u64) -> Vec<Part> {
    let (forgetful, backlog, both) = (kills / 4, kills / 10, kills / 20);
    let storm = |name, kills, seed, minutes_a_second, forgetful_broker| {
        part(name, began, |progress| {
            let storm = KillStorm { seed, kills, meters: 3, minutes_a_second, forgetful_broker };
            (storm.run(progress), String::new())
        })
    };
    vec![
        storm("kill storm", kills - forgetful - backlog - both, seed, 60, false),
        storm("forgetful broker", forgetful, seed.wrapping_add(1), 60, true),
        storm("backlog", backlog, seed.wrapping_add(5), 1000, false),
        storm("backlog, forgetful broker", both, seed.wrapping_add(6), 1000, true),
        part("rolling restart", began, |_| {
            let (result, slowest) = RollingRestart { seed: seed.wrapping_add(4), rounds: 25 }.run();
            (result, format!("100 stops under load, the slowest took {:.1} s", slowest.as_secs_f64()))
        }),
        part("power cut", began, |progress| power_cuts(seed.wrapping_add(3), kills, progress)),
    ]
}

/// A recorded run for every fifty kills.
fn power_cuts(seed: u64, kills: u64, progress: &dyn Fn(&str)) -> (RunResult, String) {
    let runs = kills.div_ceil(50);
    let (mut result, mut acknowledged, mut checkpoints) = (RunResult::default(), 0, 0);
    for run in 0..runs {
        progress(&format!("run {} of {runs}", run + 1));
        let recorded = PowerCut { seed: seed.wrapping_add(run), lasts: Duration::from_secs(10) }.record();
        progress(&recorded.told());
        checkpoints += u64::from(recorded.has_checkpoints());
        let found = recorded.cut(Disk::Honest, MOMENTS, progress);
        acknowledged += found.acknowledged;
        result += found.result;
        result += recorded.go_on(RESTARTS, progress);
    }
    let told = format!(
        "{} moments, {acknowledged} acknowledgements looked up; {} restarts of all programs; all \
         databases were checkpointed in {checkpoints} of {runs} recorded runs",
        runs * MOMENTS,
        runs * RESTARTS
    );
    (result, told)
}

fn run_soak(began: Instant, seed: u64, lasts: Duration) -> (Part, Option<Soaked>) {
    let mut soaked = None;
    let part = part("soak", began, |progress| {
        let least = Least { visits: 50, heard: 1000 };
        let soak = Soak { seed: seed.wrapping_add(2), lasts, least, judged: lasts >= MEMORY_FROM };
        let outcome = soak.run(progress);
        let told = format!(
            "{:.0} messages a second for {} minutes, {} received by clients, {} visits",
            outcome.messages_a_second,
            lasts.as_secs() / 60,
            outcome.heard,
            outcome.visits
        );
        let result = outcome.result.clone();
        soaked = Some(outcome);
        (result, told)
    });
    (part, soaked)
}

/// Runs a part; a panic is a check that failed.
fn part(name: &'static str, began: Instant, run: impl FnOnce(&dyn Fn(&str)) -> (RunResult, String)) -> Part {
    let progress = |told: &str| {
        let seconds = began.elapsed().as_secs();
        println!("[{:02}:{:02}:{:02}] {name}: {told}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    };
    progress("begins");
    let since = Instant::now();
    let (result, told) = catch_unwind(AssertUnwindSafe(|| run(&progress))).unwrap_or_else(|panic| {
        let faults = vec![format!("ended early: {}", words(panic.as_ref()))];
        (RunResult { faults, ..RunResult::default() }, String::new())
    });
    progress(&format!("{result}, {} faults", result.faults.len()));
    Part { name, result, took: since.elapsed(), told }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}
