//! How fast each home takes minutes of many meters, one beside the other: `make bench-homes`.
//!
//! 1,000 meters with 60 minutes each, as the recorder writes them when they come minute by minute: as many in a batch as it
//! takes, all marks with it, every commit on disk.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use meter_ledger::{AsLedgerHome, Ledger, LedgerHome, OutboxMark};
use meter_messages::{Info, Minute, PulseCount};
use postgres_for_tests::{Server, Syncs};

const METERS: usize = 1_000;
const MINUTES: i64 = 60;
const ROUNDS: usize = 5;

/// As many as the recorder takes at once.
const AT_ONCE: usize = 5_000;

fn main() {
    let server = Server::start(Syncs::Yes);
    let folder = tempfile::TempDir::new().unwrap();
    let (mut of_file, mut of_database) = (Vec::new(), Vec::new());
    println!("{METERS} meters x {MINUTES} minutes, minutes a second:");
    for round in 0..ROUNDS {
        of_file.push(rate(&folder.path().join(format!("{round}.sqlite")).as_ledger_home()));
        of_database.push(rate(&server.address(&format!("r{round}")).parse().unwrap()));
        println!("  SQLite {:>7.0}   PostgreSQL {:>7.0}", of_file[round], of_database[round]);
    }
    let (file, database) = (median(of_file), median(of_database));
    println!("medians: SQLite {file:.0}, PostgreSQL {database:.0}: {:.2} x", database / file);
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Minutes a second, from the first one until all are committed.
fn rate(home: &LedgerHome) -> f64 {
    let mut ledger = Ledger::open(home).unwrap();
    let mut marks = registered(&mut ledger);
    let all: Vec<(usize, i64)> =
        (0..MINUTES).flat_map(|at| (0..METERS).map(move |meter| (meter, at))).collect();
    let began = Instant::now();
    for some in all.chunks(AT_ONCE) {
        let mut batch = ledger.batch().unwrap();
        for (meter, at) in some {
            let (minute, seq) = (Minute::nearest(29_000_000 + at), *at as u64 + 1);
            let count = PulseCount { minute, watched_s: 60, seq, pulses: 7, total: 7 * seq };
            batch.record(&marks[*meter], &count).unwrap();
            (marks[*meter].mark_seq, marks[*meter].mark_minute) = (seq, Some(minute));
        }
        marks.iter().for_each(|mark| batch.keep_mark(mark).unwrap());
        batch.commit().unwrap();
    }
    all.len() as f64 / began.elapsed().as_secs_f64()
}

fn registered(ledger: &mut Ledger) -> Vec<OutboxMark> {
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"0","outbox":"a","oldest_seq":1}"#;
    let info = Info::from_json(info).unwrap();
    let mut batch = ledger.batch().unwrap();
    let marks =
        (0..METERS).map(|number| batch.register(&format!("hq/m{number}").parse().unwrap(), &info).unwrap());
    let marks = marks.collect();
    batch.commit().unwrap();
    marks
}
