//! The ledger's file becomes smaller while a recorder goes on.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use meter_ledger::{Ledger, OutboxMark};
use meter_messages::{Info, Minute, PulseCount};
use tempfile::TempDir;

const FIRST: i64 = 20_000 * 24 * 60;

/// A ledger of which most was deleted: 60 MB of pages with nothing in them, before those of a meter.
fn mostly_unused(sql: &str) -> (TempDir, PathBuf, Ledger, OutboxMark) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&path).unwrap();
    by_hand(
        &path,
        &format!("{sql} CREATE TABLE more (bytes BLOB); INSERT INTO more VALUES (zeroblob(60000000));"),
    );
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&"hq/main".parse().unwrap(), &Info::from_json(info).unwrap()).unwrap();
    batch.commit().unwrap();
    for at in 0..200 {
        record(&mut ledger, &mark, at * 100..at * 100 + 100);
    }
    by_hand(&path, "DROP TABLE more");
    (folder, path, ledger, mark)
}

fn by_hand(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn record(ledger: &mut Ledger, mark: &OutboxMark, minutes: std::ops::Range<i64>) {
    let mut batch = ledger.batch().unwrap();
    for at in minutes {
        let (minute, seq) = (Minute::nearest(FIRST + at), at as u64 + 1);
        batch.record(mark, &PulseCount { minute, watched_s: 60, seq, pulses: 7, total: 7 * seq }).unwrap();
    }
    batch.commit().unwrap();
}

fn pulses(ledger: &Ledger) -> u64 {
    let meter = ledger.meter(&"hq/main".parse().unwrap()).unwrap().unwrap();
    ledger.sum(&meter, Minute::nearest(FIRST)..Minute::nearest(FIRST + 1_000_000)).unwrap().pulses
}

#[test]
fn a_recorder_goes_on_between_the_parts() {
    let (_folder, path, mut ledger, mark) = mostly_unused("");
    let before = ledger.size().unwrap();
    assert!(before.unused > 55_000_000 && ledger.is_compacted_in_parts().unwrap(), "{before:?}");
    let compacting = std::thread::spawn(move || {
        let mut ledger = Ledger::open(&path).unwrap();
        while ledger.compact().unwrap() > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let (mut commits, mut longest, mut at) = (0, Duration::ZERO, 20_000);
    while !compacting.is_finished() {
        let began = Instant::now();
        record(&mut ledger, &mark, at..at + 1);
        std::thread::sleep(Duration::from_millis(2));
        (commits, longest, at) = (commits + 1, longest.max(began.elapsed()), at + 1);
    }
    compacting.join().unwrap();
    println!("{commits} commits meanwhile, the longest waited {} ms", longest.as_millis());
    assert!(commits > 5, "{commits} commits");
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    let after = ledger.size().unwrap();
    assert!(after.bytes < 5_000_000 && after.unused < 100_000, "{after:?}");
    assert_eq!(pulses(&ledger), 7 * at as u64);
    assert_eq!(ledger.check_file().unwrap(), []);
}

#[test]
fn a_file_of_an_older_version_is_written_anew_once() {
    let (_folder, _path, mut ledger, mark) = mostly_unused("PRAGMA auto_vacuum = NONE; VACUUM;");
    assert!(!ledger.is_compacted_in_parts().unwrap());
    ledger.rewrite().unwrap();
    assert!(ledger.is_compacted_in_parts().unwrap());
    assert!(ledger.size().unwrap().bytes < 5_000_000);
    record(&mut ledger, &mark, 20_000..20_100);
    assert_eq!(pulses(&ledger), 7 * 20_100);
    assert_eq!(ledger.check_file().unwrap(), []);
}
