//! Power goes at any moment; everything acknowledged by then is on the disk.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use end_to_end::torture::power_cut::trace::{Logs, now_ns};
use end_to_end::torture::power_cut::{Disk, Found, PowerCut};
use end_to_end::torture::{SeededRandom, seed};
use tempfile::TempDir;

#[test]
fn whatever_was_acknowledged_survives_a_power_cut() {
    let seed = seed("power cut");
    let plan = PowerCut { seed, lasts: Duration::from_secs(6) };
    let recorded = plan.record();
    println!("{}", recorded.told());
    let found = recorded.cut(Disk::Honest, 25, &|told| println!("{told}"));
    println!("{found:?}");
    assert!(found.result.is_exact(), "{found:#?}");
    assert!(found.acknowledged > 5000, "{} acknowledgements are too few", found.acknowledged);
    let gone_on = recorded.go_on(2, &|told| println!("{told}"));
    assert!(gone_on.is_exact(), "{gone_on}: {:#?}", gone_on.faults);

    // The same on a disk without syncs: each of the three checks has to find that out.
    let lost = |found: &Found| [found.lost_in_store, found.lost_in_ledger, found.lost_in_outbox];
    let is_found = |found: &Found| lost(found).iter().all(|lost| *lost > 0);
    let found = recorded.cut_until(Disk::Forgetful(300_000_000), 40, &is_found, &|_| {});
    assert!(is_found(&found), "store, ledger, outbox: {:?}", lost(&found));
}

/// Rows that Debian's `sqlite3` has committed, by the moment at which we knew, and what is there
/// after power cuts at these moments; `None` for a file that is no database any more.
fn rows_after_power_cuts(synchronous: &str) -> Vec<(i64, Option<i64>)> {
    let folder = TempDir::new().unwrap();
    let logs = Logs::of(folder.path());
    let mut sqlite = Command::new("sqlite3")
        .arg(std::fs::canonicalize(folder.path()).unwrap().join("x.sqlite"))
        .envs(logs.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sqlite3; it is in Debian's sqlite3");
    let mut told = BufReader::new(sqlite.stdout.take().unwrap()).lines();
    let mut ask = sqlite.stdin.take().unwrap();
    writeln!(ask, "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; CREATE TABLE t (x);").unwrap();
    assert_eq!(told.next().unwrap().unwrap(), "wal");
    let mut known = Vec::new();
    for rows in 1..=40 {
        writeln!(ask, "INSERT INTO t VALUES (randomblob(3000)); SELECT count(*) FROM t;").unwrap();
        assert_eq!(told.next().unwrap().unwrap(), rows.to_string());
        known.push((rows, now_ns()));
    }
    sqlite.kill().unwrap();
    sqlite.wait().unwrap();
    let (trace, mut chance) = (logs.read(), SeededRandom::new(1));
    let after = |(rows, at)| {
        let image = trace.image(at, Disk::Honest, &mut chance);
        let folder = TempDir::new().unwrap();
        image.write_to(folder.path());
        let database = rusqlite::Connection::open(folder.path().join("x.sqlite")).unwrap();
        (rows, database.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).ok())
    };
    known.into_iter().map(after).collect()
}

#[test]
fn a_missing_sync_is_found_and_a_present_one_is_enough() {
    for (rows, after) in rows_after_power_cuts("FULL") {
        assert!(after.is_some_and(|after| after >= rows), "{rows} were committed, {after:?} are there");
    }
    for without in ["NORMAL", "OFF"] {
        let cuts = rows_after_power_cuts(without);
        let lost = cuts.iter().filter(|(rows, after)| after.is_none_or(|after| after < *rows)).count();
        assert!(lost > cuts.len() / 4, "synchronous={without} lost only at {lost} of {} cuts", cuts.len());
    }
}
