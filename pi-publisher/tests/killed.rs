//! A publisher that is killed at any moment has lost nothing of what it counted, also of the
//! minute in progress.
//!
//! Each run watches another household, so that what one counted cannot be made up for by the
//! next: a pulse that is not kept is gone, as on a real line.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meter_messages::{MeterConstant, MeterId};
use pi_publisher::interim::{Resumed, resume};
use pi_publisher::outbox::Outbox;
use pi_publisher::pulse_source::simulated::{Household, SimulatedSettings};
use pi_publisher::pulse_source::{Contact, SourceTime};
use pi_publisher::safekeeping::{boot_id, kept};
use tempfile::TempDir;

/// Some 16 pulses a second on average: a busy S0 output.
const KWH_PER_YEAR: f64 = 50_000.0;
const PULSES_PER_KWH: u64 = 10_000;

fn start(folder: &Path, seed: u64, from: Timestamp) -> Child {
    let (state, run) = (folder.display(), folder.join("run"));
    let settings = format!(
        "state_dir = '{state}'\nruntime_dir = '{}'\n[mqtt]\nport = 1\n\
         [[meter]]\nid = 'main'\npulses_per_kwh = {PULSES_PER_KWH}\n\
         source = {{ kind = 'simulated', seed = {seed}, kwh_per_year = {KWH_PER_YEAR}, pulse_ms = 30, from = '{from}' }}\n",
        run.display()
    );
    let file = folder.join("pi-publisher.toml");
    std::fs::write(&file, settings).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi-publisher"));
    command.arg("--config").arg(file).stdin(Stdio::null()).stderr(log);
    command.spawn().unwrap()
}

/// What the next run would go on with.
fn left(folder: &Path) -> Resumed {
    let meter: MeterId = "main".parse().unwrap();
    let outbox = Outbox::open(folder).unwrap();
    let account = outbox.existing_account(&meter).unwrap().unwrap();
    resume(&account, &kept(&folder.join("run"), folder, &meter, &account), &boot_id())
}

/// Until when the newest checkpoint on the disk has counted, in ns of UTC.
fn checkpoint(folder: &Path) -> Option<i64> {
    if !folder.join("outbox.sqlite").is_file() {
        return None;
    }
    let meter: MeterId = "main".parse().unwrap();
    let account = Outbox::open_read_only(folder).ok()?.existing_account(&meter).ok()??;
    let on_disk = kept(&folder.join("no tmpfs"), folder, &meter, &account);
    resume(&account, &on_disk, &boot_id()).counted_until_utc_ns()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(daemon_runtime::now().as_millisecond()).unwrap()
}

fn ns(at: Timestamp) -> i64 {
    at.as_nanosecond() as i64
}

#[test]
fn what_was_counted_before_a_kill_is_counted_once() {
    let folder = TempDir::new().unwrap();
    let (mut counted, mut reached) = (0, 0);
    for seed in 1..=15 {
        let from = now();
        let mut publisher = start(folder.path(), seed, from);
        let until = Instant::now() + Duration::from_millis(700 + seed * 97 % 800);
        // Until it counts: a loaded machine takes its time to start one.
        let began = Instant::now();
        while Instant::now() < until
            || !folder.path().join("outbox.sqlite").is_file()
            || left(folder.path()).counted_until_utc_ns() <= Some(ns(from))
        {
            assert!(began.elapsed() < Duration::from_secs(60), "{}", log(folder.path()));
            std::thread::sleep(Duration::from_millis(13));
        }
        publisher.kill().unwrap();
        let killed_at = ns(daemon_runtime::now());
        publisher.wait().unwrap();

        let left = left(folder.path());
        let until = left.counted_until_utc_ns().unwrap();
        let behind_ms = (killed_at - until) / SourceTime::MS;
        // It is kept each second; a loaded machine adds to that.
        assert!(behind_ms < 20_000, "{behind_ms} ms of counting are gone with the kill");
        let settings =
            SimulatedSettings { seed, kwh_per_year: KWH_PER_YEAR, pulse_ms: 30, ..Default::default() };
        let household = Household::new(&settings, MeterConstant::try_from(PULSES_PER_KWH).unwrap()).unwrap();
        let edges = household.edges(SourceTime(ns(from).max(reached))..SourceTime(until));
        let closings = edges.iter().filter(|edge| edge.contact == Contact::Closed).count() as u64;
        assert_eq!(left.total - counted, closings, "run {seed}: counted, and what its household gave");
        (counted, reached) = (left.total, until);
    }
    // At night a household of this size gives some 45.
    assert!(counted > 20, "{counted} pulses are too few to mean anything");
    println!("15 kills, {counted} pulses, none lost, none twice");
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

#[test]
fn a_power_cut_costs_what_came_since_the_last_checkpoint() {
    let folder = TempDir::new().unwrap();
    let from = now();
    let mut publisher = start(folder.path(), 3, from);
    // Some seconds after the second checkpoint; they are ten seconds apart.
    let began = Instant::now();
    while checkpoint(folder.path()) < Some(ns(from) + 10_000 * SourceTime::MS) {
        assert!(began.elapsed() < Duration::from_secs(120), "{}", log(folder.path()));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(3));
    publisher.kill().unwrap();
    let cut_at = ns(daemon_runtime::now());
    publisher.wait().unwrap();
    // With the power goes what lies in memory.
    std::fs::remove_dir_all(folder.path().join("run")).unwrap();
    let left = left(folder.path());
    let until = left.counted_until_utc_ns().unwrap();
    let behind_s = (cut_at - until) as f64 / 1e9;
    // Checkpoints are ten seconds apart; a loaded machine adds to that.
    assert!(behind_s < 30.0, "{behind_s} s of counting are gone with the power");
    let settings =
        SimulatedSettings { seed: 3, kwh_per_year: KWH_PER_YEAR, pulse_ms: 30, ..Default::default() };
    let household = Household::new(&settings, MeterConstant::try_from(PULSES_PER_KWH).unwrap()).unwrap();
    let edges = household.edges(SourceTime(ns(from))..SourceTime(until));
    let closings = edges.iter().filter(|edge| edge.contact == Contact::Closed).count() as u64;
    assert_eq!(left.total, closings);
}
