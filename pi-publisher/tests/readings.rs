//! What a meter itself shows is a number beside the count: set up and down, again, for another meter, and taken back,
//! before and after the first minute; the count never jumps.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

use meter_messages::{MeterConstant, MeterId, Minute, Unit};
use pi_publisher::outbox::{Account, Entry, Outbox};
use pi_publisher::pulse_counter::FinishedMinute;
use tempfile::TempDir;

fn settings(folder: &Path, constant: &str) {
    let (state, run) = (folder.display(), folder.join("run"));
    let settings = format!(
        "state_dir = '{state}'\nruntime_dir = '{}'\n[mqtt]\nport = 1\n\
         [[meter]]\nid = 'main'\n{constant}\nsource = {{ kind = 'simulated' }}\n",
        run.display()
    );
    std::fs::write(folder.join("pi-publisher.toml"), settings).unwrap();
}

/// What the command says, and whether it went well.
fn set(folder: &Path, arguments: &str) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi-publisher"));
    command.arg("--config").arg(folder.join("pi-publisher.toml")).args(["set-reading", "main"]);
    let Output { status, stdout, stderr } = command.args(arguments.split_whitespace()).output().unwrap();
    (status.success(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

fn done(folder: &Path, arguments: &str) -> String {
    let (is_fine, said) = set(folder, arguments);
    assert!(is_fine, "{arguments}: {said}");
    said
}

fn account(outbox: &mut Outbox) -> Account {
    outbox.account(&"main".parse::<MeterId>().unwrap(), 0).unwrap()
}

/// Counts a minute of so many pulses.
fn count(folder: &Path, number: i64, pulses: u32) {
    let mut outbox = Outbox::open(folder).unwrap();
    let minute = Minute::from_epoch_minutes(29_000_000 + number).unwrap();
    let finished = vec![FinishedMinute { minute, watched_s: 60, pulses, times: None }];
    let account = account(&mut outbox);
    outbox.append(&mut [Entry { account, finished, in_progress: None }]).unwrap();
}

/// The running count, and what `info` says of readings: what was shown, by whom, and whether by another meter.
fn left(folder: &Path) -> (u64, Vec<(f64, String, bool)>) {
    let mut outbox = Outbox::open(folder).unwrap();
    let account = account(&mut outbox);
    let said = outbox.readings(&account, Unit::KilowattHour).unwrap().said().unwrap_or_default();
    (account.total, said.into_iter().map(|reading| (reading.shown, reading.by, reading.replaced)).collect())
}

#[test]
fn a_reading_goes_up_and_down_and_the_count_stays() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    settings(folder, "pulses_per_kwh = 1000");
    // A typo before the first minute, and a constant that was wrong, too.
    assert_eq!(done(folder, "123456.0 --by ernst"), "main: not set before, 123456.000 kWh now\n");
    settings(folder, "pulses_per_kwh = 500");
    let again = done(folder, "12345,6 --by ernst");
    assert_eq!(
        again, "main: 123456.000 kWh before, 12345.600 kWh now\n",
        "not 246912, and nothing to explain"
    );
    assert_eq!(left(folder), (0, vec![(12345.6, "ernst".to_owned(), false)]));

    count(folder, 1, 100);
    let higher = done(folder, "12400 --by anna");
    assert_eq!(higher, "main: 12345.800 kWh before, 12400.000 kWh now\n");
    assert_eq!(done(folder, "--undo"), "main: 12400.000 kWh before, 12345.800 kWh now\n");
    let lower = done(folder, "12.5 --by anna");
    assert!(lower.contains("12.500 kWh now\nThat is less than before. If the meter was replaced"), "{lower}");
    done(folder, "--undo");
    let replaced = done(folder, "0 --replaced --by anna");
    assert_eq!(replaced, "main: 12345.800 kWh before, 0.000 kWh now\n");
    // A slip at the new meter is one of the new meter.
    assert_eq!(done(folder, "5 --by anna"), "main: 0.000 kWh before, 5.000 kWh now\n");
    assert_eq!(done(folder, "0 --replaced --by anna"), "main: 5.000 kWh before, 0.000 kWh now\n");
    count(folder, 2, 50);
    let said = vec![(12345.6, "ernst".to_owned(), false), (0.0, "anna".to_owned(), true)];
    assert_eq!(left(folder), (150, said), "the count only counts");
    assert_eq!(done(folder, "--undo"), "main: 0.100 kWh before, 12345.900 kWh now\n");
    assert_eq!(done(folder, "--undo"), "main: 12345.900 kWh before, not set now\n");
    let (is_fine, said) = set(folder, "--undo");
    assert!(!is_fine && said.contains("no reading of main was set"), "{said}");
}

#[test]
fn what_no_meter_shows_is_refused() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    settings(folder, "pulses_per_kwh = 1000");
    for (arguments, words) in [
        ("", "required"),
        ("1 --undo", "cannot be used with"),
        ("--undo --replaced", "cannot be used with"),
        ("12.345,6", "a reading is a number like 12345.6"),
        ("1e5", "a reading is a number like 12345.6"),
        ("1000000001", "a reading is a number like 12345.6"),
    ] {
        let (is_fine, said) = set(folder, arguments);
        assert!(!is_fine && said.contains(words), "{arguments}: {said}");
    }
    assert!(!folder.join("outbox.sqlite").exists());
}

#[test]
fn a_total_that_an_older_version_has_set_and_nobody_has_counted_from_is_taken_back() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    settings(folder, "pulses_per_kwh = 1000");
    count(folder, 1, 100);
    let by_hand = rusqlite::Connection::open(folder.join("outbox.sqlite")).unwrap();
    by_hand.execute_batch("UPDATE account SET set_total = 123456000").unwrap();
    drop(by_hand);
    assert_eq!(left(folder).0, 123_456_000);
    done(folder, "12345.6");
    assert_eq!(left(folder).0, 100);
}

#[test]
fn pulses_since_a_reading_have_their_own_constants() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    settings(folder, "pulses_per_kwh = 1000");
    count(folder, 1, 1000);
    done(folder, "10");
    count(folder, 2, 1000);
    settings(folder, "pulses_per_kwh = 500");
    // Since it is said, the constant applies.
    done(folder, "--undo");
    done(folder, "10");
    count(folder, 3, 1000);
    let mut outbox = Outbox::open(folder).unwrap();
    let account = account(&mut outbox);
    let now = MeterConstant::try_from(500).unwrap();
    let constants = outbox.constants(&account, now, account.last_minute, account.total).unwrap();
    let readings = outbox.readings(&account, Unit::KilowattHour).unwrap();
    assert_eq!(
        (constants.quantity(account.total), readings.shown(account.total, &constants)),
        (4.0, Some(12.0))
    );
}
