//! The file's promise, checked with Debian's `rrdtool`.
#![allow(clippy::unwrap_used)]

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use meter_messages::{Meter, Minute};
use meter_rrd::{Appended, DatabaseError, MeterDatabase};
use tempfile::TempDir;

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn minute(number: i64) -> Minute {
    Minute::from_epoch_minutes(29_900_000 + number).unwrap()
}

fn far() -> Minute {
    minute(1_000_000)
}

/// What `rrdtool fetch` says: the start of each minute and its value.
fn rrdtool_fetch(dir: &Path, first: i64, last: i64) -> Vec<(Minute, Option<f64>)> {
    let file = MeterDatabase::path(dir, &meter());
    let (start, end) = (minute(first).start().to_string(), minute(last).start().to_string());
    let output = Command::new("rrdtool")
        .args(["fetch", file.to_str().unwrap(), "AVERAGE", "--start", &start, "--end", &end])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter_map(|line| line.split_once(": "));
    rows.map(|(stamp, value)| {
        let end: i64 = stamp.trim().parse().unwrap();
        let value: f64 = value.trim().parse().unwrap();
        (Minute::containing(end - 60).unwrap(), (!value.is_nan()).then_some(value))
    })
    .collect()
}

fn appended(database: &MeterDatabase, minutes: &[(i64, u32)]) -> Appended {
    let minutes: Vec<_> = minutes.iter().map(|&(at, pulses)| (minute(at), pulses)).collect();
    database.append(&minutes, far()).unwrap()
}

#[test]
fn it_is_the_database_that_the_seed_asks_for() {
    let dir = TempDir::new().unwrap();
    MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    let file = MeterDatabase::path(dir.path(), &meter());
    assert!(file.ends_with("hq/main.rrd"));
    let output = Command::new("rrdtool").arg("info").arg(&file).output().unwrap();
    let info = String::from_utf8(output.stdout).unwrap();
    for line in [
        "step = 60",
        "ds[pulses].type = \"GAUGE\"",
        "ds[pulses].minimal_heartbeat = 60",
        "ds[pulses].min = 0.0000000000e+00",
        "ds[pulses].max = NaN",
        "rra[0].cf = \"AVERAGE\"",
        "rra[0].rows = 527040",
        "rra[0].pdp_per_row = 1",
        "rra[0].xff = 0.0000000000e+00",
    ] {
        assert!(info.lines().any(|said| said == line), "no {line} in {info}");
    }
    assert!(!info.contains("rra[1]"));
}

#[test]
fn each_minute_is_there_bit_by_bit_and_gaps_are_gaps() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    assert_eq!(database.last().unwrap(), minute(-1));
    assert_eq!(appended(&database, &[(0, 17), (1, 0), (2, u32::MAX)]), Appended::Stored);
    assert_eq!(appended(&database, &[]), Appended::Stored);
    assert_eq!(appended(&database, &[(3, 4), (6, 61), (7, 1), (100, 2)]), Appended::Stored);
    assert_eq!(database.last().unwrap(), minute(100));

    let known = [(0, 17), (1, 0), (2, u32::MAX), (3, 4), (6, 61), (7, 1), (100, 2)];
    let seen = rrdtool_fetch(dir.path(), -5, 105);
    for (at, value) in &seen {
        let expected = known.iter().find(|(number, _)| minute(*number) == *at);
        assert_eq!(*value, expected.map(|(_, pulses)| f64::from(*pulses)), "{at}");
    }
    assert!(seen.len() >= 110);
    let expected: Vec<_> = known.iter().map(|&(at, pulses)| (minute(at), f64::from(pulses))).collect();
    assert_eq!(database.fetch(minute(-5)..minute(101)).unwrap(), expected);
    assert_eq!(database.fetch(minute(1)..minute(7)).unwrap(), expected[1..5]);
}

#[test]
fn late_and_impossible_minutes_are_refused_whole() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    appended(&database, &[(0, 1), (5, 2)]);
    assert_eq!(appended(&database, &[(5, 2)]), Appended::Late(minute(5)));
    assert_eq!(appended(&database, &[(6, 1), (3, 2)]), Appended::Late(minute(3)));
    assert_eq!(appended(&database, &[(6, 1), (6, 2)]), Appended::Late(minute(6)));
    assert_eq!(
        database.append(&[(minute(6), 1), (minute(8), 1)], minute(7)).unwrap(),
        Appended::TooFarAhead(minute(8))
    );
    let year_later = 5 + MeterDatabase::MINUTES;
    assert_eq!(appended(&database, &[(year_later, 1)]), Appended::TooFarAhead(minute(year_later)));
    assert_eq!(database.last().unwrap(), minute(5));
    assert!(database.matches([(minute(0), 1), (minute(5), 2)]).unwrap());
}

#[test]
fn matching_sees_every_difference() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    appended(&database, &[(0, 1), (1, 2), (5, 3)]);
    let told = |minutes: &[(i64, u32)]| {
        database.matches(minutes.iter().map(|&(at, pulses)| (minute(at), pulses))).unwrap()
    };
    assert!(told(&[(0, 1), (1, 2), (5, 3)]));
    assert!(told(&[(-MeterDatabase::MINUTES, 9), (0, 1), (1, 2), (5, 3)]), "older than the archive");
    assert!(!told(&[(0, 1), (1, 3), (5, 3)]), "another count");
    assert!(!told(&[(0, 1), (1, 2), (4, 3)]), "shifted");
    assert!(!told(&[(0, 1), (1, 2)]), "one too many in the file");
    assert!(!told(&[(0, 1), (1, 2), (5, 3), (6, 0)]), "one missing in the file");
    assert!(!told(&[]));
}

/// A leap year, a value for each minute but one day.
fn year() -> impl Iterator<Item = (Minute, u32)> {
    let gap = 100_000..101_440;
    (0..MeterDatabase::MINUTES)
        .filter(move |at| !gap.contains(at))
        .map(|at| (minute(at), (at.wrapping_mul(7919) % 97) as u32))
}

#[test]
fn a_year_is_rebuilt_over_whatever_was_there() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(500)).unwrap();
    appended(&database, &[(500, 1)]);
    let started = std::time::Instant::now();
    let database = MeterDatabase::rebuild(dir.path(), &meter(), minute(0), year()).unwrap();
    let rebuilt = started.elapsed();
    assert!(database.matches(year()).unwrap());
    println!("a year: rebuilt in {rebuilt:?}, compared in {:?}", started.elapsed() - rebuilt);
    let seen = rrdtool_fetch(dir.path(), 99_990, 101_450);
    let wrong = seen.iter().find(|(at, value)| {
        let expected = year().find(|(minute, _)| minute == at).map(|(_, pulses)| f64::from(pulses));
        *value != expected
    });
    assert_eq!(wrong, None);
    let left: Vec<_> = fs::read_dir(dir.path().join("hq")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    // The archive is full: the oldest minute is overwritten.
    appended(&database, &[(MeterDatabase::MINUTES, 5)]);
    let stored = database.fetch(minute(-10)..minute(MeterDatabase::MINUTES + 1)).unwrap();
    assert_eq!((stored[0].0, stored.last().unwrap().1), (minute(1), 5.0));
}

#[test]
fn the_gap_before_is_open_when_the_first_minute_comes_later() {
    let dir = TempDir::new().unwrap();
    let minutes = [(minute(3), 8), (minute(4), 9)];
    let database = MeterDatabase::rebuild(dir.path(), &meter(), minute(0), minutes).unwrap();
    assert!(database.matches(minutes).unwrap());
}

#[test]
fn no_file_is_no_error() {
    let dir = TempDir::new().unwrap();
    assert!(MeterDatabase::open(dir.path(), &meter()).unwrap().is_none());
}

#[test]
fn a_damaged_file_is_an_error_and_no_crash() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    appended(&database, &[(0, 1), (1, 2)]);
    let file = MeterDatabase::path(dir.path(), &meter());
    let whole = fs::read(&file).unwrap();
    let header = whole.len() - MeterDatabase::MINUTES as usize * 8;

    let refused = |bytes: &[u8], why: &str| {
        fs::write(&file, bytes).unwrap();
        assert!(
            matches!(MeterDatabase::open(dir.path(), &meter()), Err(DatabaseError::Damaged { .. })),
            "{why}"
        );
        assert!(database.append(&[(minute(9), 1)], far()).is_err(), "{why}");
        assert!(database.fetch(minute(0)..minute(2)).is_err(), "{why}");
    };
    for length in [0, 1, 100, header, 100_000, whole.len() - 1, whole.len() + 1] {
        let mut bytes = whole.clone();
        bytes.resize(length, 0);
        refused(&bytes, &format!("{length} bytes"));
    }
    // Each field of the definitions, and the place of the newest value.
    for at in [0, 5, 16, 24, 32, 40, 128, 148, 168, 248, 272, 280, header - 8] {
        let mut bytes = whole.clone();
        bytes[at..at + 8].fill(0xff);
        refused(&bytes, &format!("garbled at {at}"));
    }
    fs::write(&file, &whole).unwrap();
    assert!(database.matches([(minute(0), 1), (minute(1), 2)]).unwrap());
}

#[test]
fn whatever_stands_in_the_rest_of_the_header_nothing_crashes() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    appended(&database, &[(0, 1), (1, 2)]);
    let file = MeterDatabase::path(dir.path(), &meter());
    let whole = fs::read(&file).unwrap();
    let header = whole.len() - MeterDatabase::MINUTES as usize * 8;
    for at in (368..header - 8).step_by(8) {
        for garbage in [0x00, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at..at + 8].fill(garbage);
            fs::write(&file, &bytes).unwrap();
            // Right, refused or wrong: the recorder compares with the ledger.
            let _ = database.append(&[(minute(9), 1)], far());
            let _ = database.matches([]);
        }
    }
}

#[test]
fn a_reader_never_sees_half_an_update() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while seen < 600 {
                let minutes = database.fetch(minute(0)..minute(600)).unwrap();
                assert!(
                    minutes
                        .iter()
                        .enumerate()
                        .all(|(i, (at, value))| { *at == minute(i as i64) && *value == i as f64 })
                );
                seen = minutes.len();
            }
        });
        for at in 0..600 {
            assert_eq!(appended(&database, &[(at, at as u32)]), Appended::Stored);
        }
        reader.join().unwrap();
    });
}

#[test]
fn a_reader_that_hangs_stops_no_rebuild() {
    let dir = TempDir::new().unwrap();
    let database = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap();
    let hanging = fs::File::open(dir.path().join("hq")).unwrap();
    hanging.lock_shared().unwrap();
    let error = database.append(&[(minute(0), 1)], far()).unwrap_err();
    assert!(error.to_string().contains("another program keeps it locked"), "{error}");
    let database = MeterDatabase::rebuild(dir.path(), &meter(), minute(0), [(minute(0), 1)]).unwrap();
    assert!(database.matches([(minute(0), 1)]).unwrap());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = TempDir::new().unwrap();
    let mut file = OpenOptions::new().create(true).append(true).open(dir.path().join("hq")).unwrap();
    file.write_all(b"in the way").unwrap();
    let error = MeterDatabase::create(dir.path(), &meter(), minute(0)).unwrap_err();
    assert!(error.to_string().contains("/hq"), "{error}");
}
