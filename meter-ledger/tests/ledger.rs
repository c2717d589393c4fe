//! The ledger's promise: every minute once, whole, and there after a commit.
#![allow(clippy::unwrap_used)]

mod homes;

use meter_ledger::{Ledger, LedgerError, OutboxMark, Recording};
use meter_messages::{Info, Medium, Meter, MeterConstant, Minute, PulseCount};
use tempfile::TempDir;

use homes::{by_hand, home, number};

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn info(outbox: &str) -> Info {
    Info {
        name: "Hauptzähler".into(),
        medium: Medium::Electricity,
        constant: MeterConstant::try_from(1000).unwrap(),
        source: "test".into(),
        version: "0".into(),
        outbox: outbox.parse().unwrap(),
        oldest_seq: 1,
        history: Vec::new(),
        relation: Default::default(),
        readings: None,
        unclear: None,
    }
}

fn minute(number: i64) -> Minute {
    Minute::from_epoch_minutes(29_000_000 + number).unwrap()
}

fn count(seq: u64, at: i64, pulses: u32) -> PulseCount {
    PulseCount { minute: minute(at), watched_s: 60, seq, pulses, total: 1000 + seq * 100 }
}

fn ledger() -> (TempDir, Ledger) {
    let folder = TempDir::new().unwrap();
    let ledger = Ledger::open(&home(folder.path())).unwrap();
    (folder, ledger)
}

fn record(ledger: &mut Ledger, outbox: &str, counts: &[PulseCount]) -> (OutboxMark, Vec<Recording>) {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info(outbox)).unwrap();
    let recordings = counts.iter().map(|count| batch.record(&mark, count).unwrap()).collect();
    batch.commit().unwrap();
    (mark, recordings)
}

#[test]
fn a_meter_that_has_had_too_many_outboxes_keeps_the_one_that_it_has() {
    let (_folder, mut ledger) = ledger();
    let mut batch = ledger.batch().unwrap();
    for number in 0..1_000 {
        batch.register(&meter(), &info(&format!("o{number}"))).unwrap();
    }
    let more = batch.register(&meter(), &Info { name: "x".into(), ..info("more") });
    assert!(matches!(more, Err(LedgerError::TooManyOutboxes)), "{more:?}");
    let other = "hq/other".parse().unwrap();
    assert!(batch.register(&other, &info("more")).is_ok(), "another meter has its own");
    batch.commit().unwrap();
    let marks = ledger.outbox_marks().unwrap();
    let outbox_of =
        |meter: &Meter| marks.iter().find(|(of, _)| of == meter).map(|(_, mark)| mark.outbox.to_string());
    assert_eq!([outbox_of(&meter()), outbox_of(&other)].map(Option::unwrap), ["o999", "more"]);
    assert_eq!(ledger.meter(&meter()).unwrap().unwrap().name, "Hauptzähler");
    // One that it had is registered again.
    assert_eq!(record(&mut ledger, "o5", &[count(1, 0, 5)]).1, [Recording::Recorded]);
}

#[test]
fn a_minute_is_recorded_once() {
    let (_folder, mut ledger) = ledger();
    let counts = [count(1, 0, 5), count(1, 0, 5), count(2, 1, 7), count(3, 1, 8)];
    let (_, recordings) = record(&mut ledger, "a", &counts);
    use Recording::{AlreadyRecorded, Contradiction, Recorded};
    assert_eq!(recordings, [Recorded, AlreadyRecorded, Recorded, Contradiction { kept: 7 }]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let sum = ledger.sum(&known, minute(0)..minute(10)).unwrap();
    assert_eq!((sum.pulses, sum.minutes, sum.watched_s), (12, 2, 120));
    assert_eq!((sum.quantity(), sum.highest_rate()), (Some(0.012), Some(420.0)));
}

#[test]
fn two_outboxes_may_share_a_minute() {
    let (_folder, mut ledger) = ledger();
    record(&mut ledger, "a", &[PulseCount { watched_s: 20, ..count(1, 0, 5) }]);
    record(&mut ledger, "b", &[PulseCount { watched_s: 30, ..count(1, 0, 6) }]);
    record(&mut ledger, "b", &[PulseCount { watched_s: 30, ..count(1, 0, 6) }]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let minutes = ledger.minutes(&known, minute(0)..minute(1)).unwrap();
    assert_eq!(minutes.len(), 1);
    assert_eq!((minutes[0].pulses, minutes[0].watched_s), (11, 50));
}

#[test]
fn marks_and_minutes_are_there_after_reopening_but_no_batch_that_was_dropped() {
    let folder = TempDir::new().unwrap();
    let home = home(folder.path());
    {
        let mut ledger = Ledger::open(&home).unwrap();
        let (mut mark, _) = record(&mut ledger, "a", &[count(1, 0, 5)]);
        (mark.mark_seq, mark.mark_minute) = (1, Some(minute(0)));
        let mut batch = ledger.batch().unwrap();
        batch.keep_mark(&mark).unwrap();
        batch.commit().unwrap();
        let mut dropped = ledger.batch().unwrap();
        dropped.record(&mark, &count(2, 1, 5)).unwrap();
    }
    let mut ledger = Ledger::open(&home).unwrap();
    let mark = ledger.batch().unwrap().register(&meter(), &info("a")).unwrap();
    assert_eq!(ledger.outbox_marks().unwrap(), [(meter(), mark.clone())]);
    assert_eq!((mark.mark_seq, mark.mark_minute), (1, Some(minute(0))));
    let known = ledger.meter(&meter()).unwrap().unwrap();
    assert_eq!(ledger.newest(&known).unwrap().unwrap().minute, minute(0));
    assert_eq!(ledger.first(&known).unwrap(), Some(minute(0)));
}

#[test]
fn sums_follow_their_bounds_over_gaps() {
    let (_folder, mut ledger) = ledger();
    let counts: Vec<_> = [0, 1, 2, 10, 11, 59].iter().zip(1..).map(|(&at, seq)| count(seq, at, 1)).collect();
    record(&mut ledger, "a", &counts);
    let known = ledger.meters().unwrap().remove(0);
    let bounds = [0, 2, 3, 5, 60].map(minute);
    let pulses: Vec<u64> = ledger.sums(&known, &bounds).unwrap().iter().map(|sum| sum.pulses).collect();
    assert_eq!(pulses, [2, 1, 0, 3]);
    assert!(ledger.sums(&known, &[]).unwrap().is_empty());
    assert!(ledger.sums(&known, &bounds[..1]).unwrap().is_empty());
}

#[test]
fn a_reader_sees_what_a_writer_committed() {
    let (folder, mut ledger) = ledger();
    let reader = Ledger::open_read_only(&home(folder.path())).unwrap();
    assert!(reader.meters().unwrap().is_empty());
    record(&mut ledger, "a", &[count(1, 0, 5)]);
    assert_eq!(reader.meters().unwrap()[0].name, "Hauptzähler");
}

#[test]
fn a_day_that_is_packed_meanwhile_is_never_missed() {
    let (folder, mut ledger) = ledger();
    let home = home(folder.path());
    let of_one_pulse = |at| PulseCount { total: at as u64 + 1, ..count(at as u64 + 1, at, 1) };
    record(&mut ledger, "a", &[of_one_pulse(0)]);
    let reader = std::thread::spawn(move || {
        let ledger = Ledger::open_read_only(&home).unwrap();
        let known = ledger.meters().unwrap().remove(0);
        let (mut before, mut looks) = (0, 0);
        while before < 20 * 1440 {
            let mut next = 0;
            ledger
                .for_each_minute(&known, minute(0)..minute(30 * 1440), |found| {
                    assert_eq!(found.minute, minute(next));
                    next += 1;
                })
                .unwrap();
            let minutes = ledger.sum(&known, minute(0)..minute(30 * 1440)).unwrap().minutes;
            assert!(next as u64 >= before && minutes >= next as u64, "{before}, then {next}, then {minutes}");
            (before, looks) = (minutes, looks + 1);
        }
        println!("{looks} looks");
    });
    // Each batch begins a day, and so packs one.
    for first in (1..20 * 1440).step_by(1440) {
        let counts: Vec<_> = (first..(first + 1440).min(20 * 1440)).map(of_one_pulse).collect();
        record(&mut ledger, "a", &counts);
    }
    reader.join().unwrap();
}

/// A site may announce a thousand outboxes of a meter that has counted for years.
#[test]
fn what_one_outbox_has_is_found_without_reading_the_days_of_others() {
    let (folder, mut ledger) = ledger();
    let week: Vec<_> = (0..7 * 1440).map(|at| count(at as u64 + 1, at, 1)).collect();
    let (mark_of_a, _) = record(&mut ledger, "a", &week);
    let (mark, recordings) = record(&mut ledger, "b", &[count(3, 1445, 9), count(5, 1447, 9)]);
    // Each is recorded, and that two have counted the same minutes is told.
    assert_eq!(recordings, [Recording::CountedTwice; 2]);
    let beyond = [(3, minute(1445)), (5, minute(1447))];
    assert_eq!(ledger.beyond(&mark).unwrap(), beyond);
    assert_eq!(ledger.beyond(&mark_of_a).unwrap().len(), week.len());
    // Days of the other one that are not looked at may be unreadable.
    let outbox = number(folder.path(), "SELECT id FROM outbox WHERE name = 'b'");
    let others = format!("runs NOT LIKE '%{{\"outbox\":{outbox},%'");
    assert!(number(folder.path(), &format!("SELECT count(*) FROM day WHERE {others}")) >= 4);
    by_hand(folder.path(), &format!("UPDATE day SET runs = runs || 'x' WHERE {others}"));
    assert!(ledger.beyond(&mark_of_a).is_err());
    assert_eq!(ledger.beyond(&mark).unwrap(), beyond);
    let mut batch = ledger.batch().unwrap();
    let new = batch.outbox(&meter(), &"c".parse().unwrap()).unwrap().unwrap();
    assert_eq!(batch.beyond(&new).unwrap(), []);
}

#[test]
fn foreign_and_missing_files_are_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.sqlite");
    assert!(matches!(Ledger::open_read_only(&path), Err(LedgerError::Open { .. })));
    std::fs::write(&path, "not a database, but long enough to be looked at. ".repeat(100)).unwrap();
    let said = Ledger::open(&path).unwrap_err().to_string();
    assert!(said.contains("x.sqlite") && said.contains("not a PowerPi ledger"), "{said}");
}
