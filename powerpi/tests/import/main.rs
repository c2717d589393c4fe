//! `powerpi import` with files as the real programs write them, into a ledger that a recorder has open.
#![allow(clippy::unwrap_used)]

mod create;
mod files;
mod guide;
mod mariadb;
mod year;

use std::path::Path;
use std::process::{Command, Output};

use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Info, Minute, PulseCount};
use serde_json::Value;
use tempfile::TempDir;

/// 2024-01-01T00:00Z.
pub(crate) const YEAR_S: i64 = 1_704_067_200;

/// A folder with a ledger that knows hq/main, 1,000 pulses per kWh.
pub(crate) fn folder() -> (TempDir, Ledger) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let info =
        br#"{"name":"House","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    batch.register(&"hq/main".parse().unwrap(), &Info::from_json(info).unwrap()).unwrap();
    batch.commit().unwrap();
    (folder, ledger)
}

pub(crate) fn record(ledger: &mut Ledger, minute: i64, pulses: u32) {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.outbox(&"hq/main".parse().unwrap(), &"a".parse().unwrap()).unwrap().unwrap();
    let minute = Minute::nearest(YEAR_S / 60 + minute);
    let seq = minute.epoch_minutes() as u64;
    batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses, total: seq * 100 }).unwrap();
    batch.commit().unwrap();
}

pub(crate) fn powerpi(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_powerpi"))
        .args(["import", "--ledger", "ledger.sqlite"])
        .args(arguments)
        .current_dir(folder)
        .env("TZ", "UTC")
        .output();
    let Output { status, stdout, stderr } = command.unwrap();
    (status.success(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// What is told of an import that has to succeed.
pub(crate) fn imported(folder: &Path, arguments: &[&str]) -> Value {
    let all = [&["--json"], arguments, &["--meter", "hq/main", "--time-zone", "Europe/Berlin"]].concat();
    let (is_fine, said, error) = powerpi(folder, &all);
    assert!(is_fine, "{arguments:?}: {said}{error}");
    serde_json::from_str(said.lines().last().unwrap()).unwrap()
}

pub(crate) fn refused(folder: &Path, arguments: &[&str]) -> String {
    let (is_fine, said, error) = powerpi(folder, &[arguments, &["--meter", "hq/main"]].concat());
    assert!(!is_fine, "{arguments:?}: {said}");
    error
}

pub(crate) fn meter(ledger: &Ledger) -> RecordedMeter {
    ledger.meter(&"hq/main".parse().unwrap()).unwrap().unwrap()
}

/// Pulses of minutes from the year's beginning on, and seconds watched.
pub(crate) fn sum(ledger: &Ledger, minutes: std::ops::Range<i64>) -> (u64, u64) {
    let at = |minute: i64| Minute::nearest(YEAR_S / 60 + minute);
    let sum = ledger.sum(&meter(ledger), at(minutes.start)..at(minutes.end)).unwrap();
    (sum.pulses, sum.watched_s)
}

/// A real program's output, fed with `input`.
pub(crate) fn run(program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).env("TZ", "UTC").output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
