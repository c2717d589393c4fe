//! The RRD files follow the ledger, written together or rebuilt, for as many meters as may have one.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meter_ledger::{CorrectionKind, Ledger, NewCorrection, Undone};
use meter_messages::{Info, Meter, Minute, PulseCount};
use meter_rrd::MeterDatabase;
use recorder::pictures::{News, Pictures, Recorded};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// An hour ago.
fn first() -> i64 {
    daemon_runtime::now().as_second() / 60 - 60
}

fn ledger(folder: &Path) -> Ledger {
    Ledger::open(&folder.join("ledger.sqlite")).unwrap()
}

/// Records minutes of a meter, one after the other from number `from` on; what is told of them.
fn record(ledger: &mut Ledger, meter: &Meter, first: i64, numbers: std::ops::Range<u64>) -> News {
    let info = br#"{"name":"x","pulses_per_kwh":1,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(meter, &Info::from_json(info).unwrap()).unwrap();
    let minutes: Vec<_> = numbers
        .map(|seq| {
            let (minute, pulses) = (Minute::nearest(first + seq as i64), seq as u32 % 7);
            let count = PulseCount { minute, watched_s: 60, seq: seq + 1, pulses, total: 1000 + seq };
            batch.record(&mark, &count).unwrap();
            (minute, pulses)
        })
        .collect();
    batch.commit().unwrap();
    News::Recorded(Recorded::from([(meter.clone(), minutes)]))
}

fn pictures(folder: &Path, max_files: usize) -> Pictures {
    let reader = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
    Pictures::new(reader, folder.join("rrd"), max_files, CancellationToken::new())
}

#[test]
fn what_came_in_between_is_written_at_the_latest_when_it_ends() {
    let (folder, first, meter) = (TempDir::new().unwrap(), first(), "hq/main".parse().unwrap());
    let mut ledger = ledger(folder.path());
    let (recorded, thread) = pictures(folder.path(), 10).spawn().unwrap();
    // Its file is made when the first minute comes, and may have some that are told of only then.
    for from in [0, 1, 2, 10, 11, 30] {
        recorded.send(record(&mut ledger, &meter, first, from..from + 1)).unwrap();
    }
    // Late ones, and some again.
    recorded.send(record(&mut ledger, &meter, first, 20..25)).unwrap();
    recorded.send(record(&mut ledger, &meter, first, 31..40)).unwrap();
    drop(recorded);
    thread.join_blocking().unwrap();
    // A late one at the very end is left to the next start.
    let (recorded, thread) = pictures(folder.path(), 10).spawn().unwrap();
    drop(recorded);
    thread.join_blocking().unwrap();
    let known = ledger.meter(&meter).unwrap().unwrap();
    let minutes = ledger.minutes(&known, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap();
    assert_eq!(minutes.len(), 20);
    let database = MeterDatabase::open(&folder.path().join("rrd"), &meter).unwrap().unwrap();
    assert!(database.matches(minutes.iter().map(|minute| (minute.minute, minute.pulses))).unwrap());
}

#[test]
fn only_so_many_meters_have_files_and_no_site_takes_them_all() {
    let (folder, first) = (TempDir::new().unwrap(), first());
    let mut ledger = ledger(folder.path());
    let (recorded, thread) = pictures(folder.path(), 10).spawn().unwrap();
    let greedy: Vec<Meter> = (0..30).map(|number| format!("greedy/m{number}").parse().unwrap()).collect();
    let other: Meter = "other/main".parse().unwrap();
    for meter in greedy.iter().chain([&other]) {
        recorded.send(record(&mut ledger, meter, first, 0..1)).unwrap();
    }
    let rrd = folder.path().join("rrd");
    let has_file = |meter: &Meter| MeterDatabase::path(&rrd, meter).exists();
    // The last one, so all before it were looked at.
    let began = Instant::now();
    while !has_file(&other) {
        assert!(began.elapsed() < Duration::from_secs(60), "no file");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(greedy.iter().filter(|meter| has_file(meter)).count(), 6);
    drop(recorded);
    thread.join_blocking().unwrap();
    // The same have them after a start.
    let (recorded, thread) = pictures(folder.path(), 10).spawn().unwrap();
    drop(recorded);
    thread.join_blocking().unwrap();
    assert_eq!(greedy.iter().filter(|meter| has_file(meter)).count(), 6);
}

/// Whether a meter's file says what the ledger says.
fn is_as_in_ledger(folder: &Path, ledger: &Ledger, meter: &Meter) -> bool {
    let known = ledger.meter(meter).unwrap().unwrap();
    let minutes = ledger.minutes(&known, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap();
    let minutes = minutes.iter().map(|minute| (minute.minute, minute.pulses));
    let database = MeterDatabase::open(&folder.join("rrd"), meter).unwrap();
    database.is_some_and(|database| database.matches(minutes).unwrap())
}

#[test]
fn what_is_said_of_minutes_meanwhile_is_drawn() {
    let (folder, first, meter) = (TempDir::new().unwrap(), first(), "hq/main".parse().unwrap());
    let (folder, now) = (folder.path(), Timestamp::UNIX_EPOCH);
    let mut ledger = ledger(folder);
    let (recorded, thread) = pictures(folder, 10).spawn().unwrap();
    let wait = |ledger: &Ledger| {
        let began = Instant::now();
        while !is_as_in_ledger(folder, ledger, &meter) {
            assert!(began.elapsed() < Duration::from_secs(60), "the file is another one");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    recorded.send(record(&mut ledger, &meter, first, 0..20)).unwrap();
    wait(&ledger);
    let mut batch = ledger.batch().unwrap();
    for (from, to, kind) in [(3, 5, CorrectionKind::Void), (7, 10, CorrectionKind::Replace { pulses: 500 })] {
        let span = Minute::nearest(first + from)..Minute::nearest(first + to);
        let new = NewCorrection { span, kind, reason: "bounces".into(), by: "anna".into() };
        batch.correct(&meter, &new, now).unwrap();
    }
    batch.commit().unwrap();
    assert!(!is_as_in_ledger(folder, &ledger, &meter));
    wait(&ledger);
    // What comes then is added to that.
    recorded.send(record(&mut ledger, &meter, first, 20..30)).unwrap();
    wait(&ledger);
    drop(recorded);
    thread.join_blocking().unwrap();
    // What is taken back while nobody draws is found at the next start.
    let mut batch = ledger.batch().unwrap();
    batch.undo(1, &Undone { at: now, by: "anna".into(), reason: None }).unwrap();
    batch.commit().unwrap();
    let (recorded, thread) = pictures(folder, 10).spawn().unwrap();
    drop(recorded);
    thread.join_blocking().unwrap();
    assert!(is_as_in_ledger(folder, &ledger, &meter));
}

#[test]
fn the_file_of_a_meter_that_is_forgotten_is_deleted() {
    let (folder, first) = (TempDir::new().unwrap(), first());
    let folder = folder.path();
    let mut ledger = ledger(folder);
    let (recorded, thread) = pictures(folder, 10).spawn().unwrap();
    let meters: [Meter; 2] = ["hq/main", "hq/old"].map(|meter| meter.parse().unwrap());
    let file = |meter: &Meter| MeterDatabase::path(&folder.join("rrd"), meter);
    let wait = |what: &str, holds: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(60), "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    for meter in &meters {
        recorded.send(record(&mut ledger, meter, first, 0..20)).unwrap();
        wait("no file", &|| file(meter).exists());
    }
    let mut batch = ledger.batch().unwrap();
    batch.forget(&meters[1], "anna", Timestamp::UNIX_EPOCH).unwrap();
    batch.commit().unwrap();
    wait("the file is still there", &|| !file(&meters[1]).exists());
    recorded.send(record(&mut ledger, &meters[0], first, 20..30)).unwrap();
    drop(recorded);
    thread.join_blocking().unwrap();
    assert!(is_as_in_ledger(folder, &ledger, &meters[0]) && !file(&meters[1]).exists());
}
