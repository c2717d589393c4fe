//! Sums of hours, meter constants and the trust account against what follows
//! from the minutes one by one, whatever is recorded in whatever order.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::BTreeMap;

use meter_ledger::{GapReason, Ledger, Lost, RecordedMinute};
use meter_messages::{ConstantFrom, Info, Medium, Meter, MeterConstant, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{IS_DATABASE, cases, home, rows};

/// Not the beginning of an hour.
const FIRST: i64 = 29_000_017;

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn minute(number: i64) -> Minute {
    Minute::from_epoch_minutes(FIRST + number).unwrap()
}

fn constant(number: u64) -> MeterConstant {
    MeterConstant::try_from(number).unwrap()
}

fn info(outbox: &str, history: &[(i64, u64)]) -> Info {
    let from =
        |&(from, number): &(i64, u64)| ConstantFrom { minute: minute(from), constant: constant(number) };
    Info {
        name: "Haus".into(),
        medium: Medium::Electricity,
        constant: constant(history.last().map_or(1000, |(_, number)| *number)),
        source: "test".into(),
        version: "0".into(),
        outbox: outbox.parse().unwrap(),
        oldest_seq: 1,
        history: history.iter().map(from).collect(),
        relation: Default::default(),
        readings: None,
        unclear: None,
    }
}

/// What an outbox says of a minute: always the same.
fn count(outbox: usize, at: i64) -> PulseCount {
    let watched_s = [60, 60, 60, 17, 43][(at as usize * 7 + outbox) % 5];
    let pulses = ((at * 31 + 7 * outbox as i64) % 50) as u32;
    PulseCount {
        minute: minute(at),
        watched_s,
        seq: at as u64 + 1,
        pulses,
        total: 1000 * (1 + at as u64) + outbox as u64,
    }
}

/// The minutes, and their sum, one by one.
fn naive(
    minutes: &BTreeMap<(i64, usize), PulseCount>,
    span: std::ops::Range<i64>,
    constant: impl Fn(i64) -> u64,
) -> (u64, u64, u64, f64) {
    let (mut pulses, mut watched, mut count, mut kwh) = (0, 0, 0, 0.0);
    for at in span {
        let of_minute: Vec<_> = minutes.range((at, 0)..(at + 1, 0)).map(|(_, count)| count).collect();
        let sum: u64 = of_minute.iter().map(|count| u64::from(count.pulses)).sum();
        pulses += sum;
        kwh += sum as f64 / constant(at) as f64;
        watched += of_minute.iter().map(|count| u64::from(count.watched_s)).sum::<u64>().min(60);
        count += u64::from(!of_minute.is_empty());
    }
    (pulses, count, watched, kwh)
}

/// Some minutes of some days: so many that the first ones are packed while others still come.
fn at() -> impl Strategy<Value = i64> {
    (0..DAYS, 0i64..400).prop_map(|(day, at)| day * 1440 + at)
}

const DAYS: i64 = 7;
const END: i64 = DAYS * 1440;

/// What other programs read.
fn by_sql(folder: &std::path::Path) -> Vec<[i64; 5]> {
    let sql = "SELECT minute, pulses, watched_s, total, seq FROM every_minute ORDER BY minute, total";
    let number = |row: &[String], column: usize| row[column].parse().unwrap();
    rows(folder, sql).iter().map(|row| [0, 1, 2, 3, 4].map(|column| number(row, column))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(40)))]

    #[test]
    fn whatever_comes_in_whatever_order_sums_are_those_of_the_minutes(
        batches in proptest::collection::vec(proptest::collection::vec((0usize..2, at()), 1..60), 1..12),
        bounds in proptest::collection::btree_set(-5i64..DAYS * 1440 + 420, 2..8),
        change in at(),
    ) {
        let folder = TempDir::new().unwrap();
        let home = home(folder.path());
        let (mut minutes, mut came) = (BTreeMap::new(), 0);
        for batch in &batches {
            let mut ledger = Ledger::open(&home).unwrap();
            let mut writing = ledger.batch().unwrap();
            for (outbox, at) in batch {
                let info = info(["a", "b"][*outbox], &[(0, 1000), (change, 800)]);
                let mark = writing.register(&meter(), &info).unwrap();
                writing.record(&mark, &count(*outbox, *at)).unwrap();
                minutes.insert((*at, *outbox), count(*outbox, *at));
                came += 1;
            }
            writing.commit().unwrap();
        }
        let ledger = Ledger::open_read_only(&home).unwrap();
        let known = ledger.meter(&meter()).unwrap().unwrap();
        let constant = |at| if at < change { 1000 } else { 800 };
        let bounds: Vec<i64> = bounds.into_iter().collect();
        let asked: Vec<Minute> = bounds.iter().map(|at| minute(*at)).collect();
        let sums = ledger.sums(&known, &asked).unwrap();
        for (pair, sum) in bounds.windows(2).zip(&sums) {
            let (pulses, count, watched, kwh) = naive(&minutes, pair[0]..pair[1], constant);
            prop_assert_eq!((sum.pulses, sum.minutes, sum.watched_s), (pulses, count, watched));
            prop_assert!((sum.counted() - kwh).abs() < 1e-9);
        }
        let step: Vec<Minute> = (0..=END).map(minute).collect();
        let each = ledger.sums(&known, &step).unwrap();
        let whole = each.iter().fold(meter_ledger::Sum::default(), |sum, one| sum.and(one));
        let counted = |sum: &meter_ledger::Sum| {
            (sum.pulses, sum.minutes, sum.watched_s, sum.shares().collect::<Vec<_>>())
        };
        prop_assert_eq!(counted(&whole), counted(&ledger.sum(&known, minute(0)..minute(END)).unwrap()));
        let expected: Vec<_> = minutes.values().map(|it| {
            [it.minute.epoch_minutes(), it.pulses.into(), it.watched_s.into(), it.total as i64, it.seq as i64]
        }).collect();
        prop_assert_eq!(by_sql(folder.path()), expected);
        for (_, mark) in ledger.outbox_marks().unwrap() {
            let of_outbox = minutes.iter().filter(|((_, outbox), _)| ["a", "b"][*outbox] == mark.outbox.as_str());
            let of_outbox: Vec<_> = of_outbox.map(|(_, it)| (it.seq, it.minute)).collect();
            prop_assert_eq!(ledger.beyond(&mark).unwrap(), of_outbox);
        }
        check_trust(&ledger, &minutes, came)?;
    }
}

fn check_trust(
    ledger: &Ledger,
    minutes: &BTreeMap<(i64, usize), PulseCount>,
    came: u64,
) -> Result<(), TestCaseError> {
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let trust = ledger.trust(&known, 1000).unwrap().unwrap();
    let (first, newest) = (minutes.keys().next().unwrap().0, minutes.keys().next_back().unwrap().0);
    let recorded: Vec<RecordedMinute> = ledger.minutes(&known, minute(0)..minute(END)).unwrap();
    prop_assert_eq!(trust.minutes, recorded.len() as u64);
    let mut gaps: Vec<(i64, i64, u64)> = Vec::new();
    for at in first + 1..newest {
        let watched = naive(minutes, at..at + 1, |_| 1).2;
        match gaps.last_mut() {
            _ if watched == 60 => {}
            Some(gap) if gap.1 == at => (gap.1, gap.2) = (at + 1, gap.2 + 60 - watched),
            _ => gaps.push((at, at + 1, 60 - watched)),
        }
    }
    let found: Vec<_> =
        trust.newest_gaps.iter().rev().map(|gap| (gap.from, gap.until, gap.unwatched_s)).collect();
    let expected: Vec<_> = gaps.iter().map(|gap| (minute(gap.0), minute(gap.1), gap.2)).collect();
    prop_assert_eq!(found, expected);
    prop_assert_eq!(trust.gaps, gaps.len() as u64);
    prop_assert_eq!(trust.unwatched_s, gaps.iter().map(|gap| gap.2).sum::<u64>());
    prop_assert_eq!(trust.whole_since, minute(gaps.last().map_or(first, |gap| gap.1)));
    prop_assert_eq!((trust.repeated, trust.contradicted), (came - minutes.len() as u64, 0));
    Ok(())
}

fn ledger_of(counts: &[(&str, i64, u64)]) -> (TempDir, Ledger) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let mut batch = ledger.batch().unwrap();
    for (outbox, at, seq) in counts {
        let mark = batch.register(&meter(), &info(outbox, &[])).unwrap();
        let count =
            PulseCount { minute: minute(*at), watched_s: 60, seq: *seq, pulses: 1, total: *at as u64 + 1 };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    (folder, ledger)
}

#[test]
fn a_gap_has_a_reason() {
    let (_folder, mut ledger) =
        ledger_of(&[("a", 0, 1), ("a", 1, 2), ("a", 10, 3), ("a", 20, 5), ("b", 30, 1)]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let reasons = |ledger: &Ledger| -> Vec<GapReason> {
        ledger.trust(&known, 10).unwrap().unwrap().newest_gaps.iter().rev().map(|gap| gap.reason).collect()
    };
    use GapReason::{Awaited, Lost, NewOutbox, NotRunning};
    assert_eq!(reasons(&ledger), [NotRunning, Awaited, NewOutbox]);
    let newest = ledger.trust(&known, 1).unwrap().unwrap();
    assert_eq!((newest.gaps, newest.newest_gaps.len()), (3, 1));

    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("a", &[])).unwrap();
    let lost = meter_ledger::Lost { numbers: [4, 4], after: Some(minute(10)) };
    batch.record_lost(&mark, &lost).unwrap();
    batch.commit().unwrap();
    assert_eq!(reasons(&ledger), [NotRunning, Lost, NewOutbox]);
    assert_eq!(ledger.trust(&known, 1).unwrap().unwrap().given_up, 1);
}

/// They are told by the newest spans, also after a start; what has come is taken out.
#[test]
fn numbers_that_are_lost_and_come_after_all_are_lost_no_longer() {
    let (folder, mut ledger) = ledger_of(&[("a", 0, 1)]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("a", &[])).unwrap();
    let other = batch.outbox(&meter(), &"b".parse().unwrap()).unwrap().unwrap();
    let lost = |from, to| Lost { numbers: [from, to], after: None };
    // Twice: nobody knew whether it was committed.
    batch.record_lost(&other, &lost(2, 90)).unwrap();
    batch.record_lost(&other, &lost(2, 90)).unwrap();
    for from in (10..210).step_by(10) {
        batch.record_lost(&mark, &lost(from, from + 4)).unwrap();
    }
    let spans: Vec<_> = (50..210).step_by(10).map(|from| [from, from + 4]).collect();
    assert_eq!(batch.lost(&mark).unwrap(), spans, "the last 16");
    for seq in [200, 204, 202, 202, 205, 5] {
        batch.find_lost(&mark, seq).unwrap();
    }
    batch.commit().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&home(folder.path())).unwrap();
    assert_eq!(ledger.lost(&mark).unwrap()[14..], [[201, 201], [203, 203]]);
    assert_eq!(ledger.lost(&other).unwrap(), [[2, 90]]);
    assert_eq!(ledger.trust(&known, 1).unwrap().unwrap().given_up, 89 + 19 * 5 + 2);
}

#[test]
fn a_minute_delivered_again_after_its_outbox_was_replaced_is_the_same_minute() {
    let (_folder, mut ledger) = ledger_of(&[("a", 0, 41), ("a", 1, 42), ("b", 2, 1)]);
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("b", &[])).unwrap();
    let again = PulseCount { minute: minute(1), watched_s: 60, seq: 42, pulses: 1, total: 2 };
    assert_eq!(batch.record(&mark, &again).unwrap(), meter_ledger::Recording::OfAnotherOutbox);
    // Numbered anew: nobody watches a minute twice as a whole.
    let anew = PulseCount { seq: 7, ..again };
    assert_eq!(batch.record(&mark, &anew).unwrap(), meter_ledger::Recording::OfAnotherOutbox);
    // Nor does a copy of the card that was made in its midst.
    let counted_on = PulseCount { seq: 8, watched_s: 30, pulses: 0, total: 1, ..again };
    assert_eq!(batch.record(&mark, &counted_on).unwrap(), meter_ledger::Recording::Contradiction { kept: 1 });
    // Another card's own part of that minute is another one.
    let part = PulseCount { seq: 1, watched_s: 30, total: 1_000_000, ..again };
    assert_eq!(batch.record(&mark, &part).unwrap(), meter_ledger::Recording::Recorded);
    batch.commit().unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    assert_eq!(ledger.sum(&known, minute(0)..minute(3)).unwrap().pulses, 4);
}

#[test]
fn a_changed_constant_holds_for_what_comes_after_it() {
    let (_folder, mut ledger) = ledger_of(&[("a", 0, 1), ("a", 1, 2)]);
    let mut batch = ledger.batch().unwrap();
    let changed = Info { constant: constant(500), ..info("a", &[]) };
    let mark = batch.register(&meter(), &changed).unwrap();
    let next = PulseCount { minute: minute(2), watched_s: 60, seq: 3, pulses: 1, total: 3 };
    batch.record(&mark, &next).unwrap();
    batch.commit().unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let sum = ledger.sum(&known, minute(0)..minute(3)).unwrap();
    assert_eq!(sum.shares().collect::<Vec<_>>(), [(constant(500), 1), (constant(1000), 2)]);
    assert_eq!((sum.quantity(), known.constant_at(minute(1))), (Some(0.004), constant(1000)));
    assert_eq!(sum.highest_rate(), Some(120.0));
}

/// A file as the first format had it.
const FORMAT_1: &str = "
    CREATE TABLE meter (id INTEGER PRIMARY KEY, site TEXT NOT NULL, meter TEXT NOT NULL, name TEXT NOT NULL,
        pulses_per_kwh INTEGER NOT NULL, outbox TEXT NOT NULL, UNIQUE (site, meter)) STRICT;
    CREATE TABLE outbox (id INTEGER PRIMARY KEY, meter INTEGER NOT NULL REFERENCES meter (id),
        name TEXT NOT NULL, mark_seq INTEGER NOT NULL DEFAULT 0, mark_minute INTEGER, UNIQUE (meter, name)) STRICT;
    CREATE TABLE minute (meter INTEGER NOT NULL REFERENCES meter (id), minute INTEGER NOT NULL,
        outbox INTEGER NOT NULL REFERENCES outbox (id), pulses INTEGER NOT NULL, watched_s INTEGER NOT NULL,
        total INTEGER NOT NULL, PRIMARY KEY (meter, minute, outbox)) STRICT, WITHOUT ROWID;
    INSERT INTO meter VALUES (1, 'hq', 'main', 'Haus', 800, 'b');
    INSERT INTO outbox VALUES (1, 1, 'a', 2, 29000018), (2, 1, 'b', 200, 29000216);
    INSERT INTO minute VALUES (1, 29000017, 1, 5, 60, 5), (1, 29000018, 1, 7, 40, 12), (1, 29000018, 2, 2, 30, 14);
    WITH RECURSIVE later (minute) AS (SELECT 29000019 UNION ALL SELECT minute + 1 FROM later WHERE minute < 29010016)
        INSERT INTO minute SELECT 1, minute, 2, 1, 60, minute - 29000004 FROM later;
    PRAGMA application_id = 0x50775069;
    PRAGMA user_version = 1;";

fn by_sql_without_numbers(path: &std::path::Path) -> Vec<(i64, i64, u32, u8, u64)> {
    let file = rusqlite::Connection::open(path).unwrap();
    let is_new = file.table_exists(None, "day").unwrap();
    let table = if is_new { "every_minute" } else { "minute" };
    let sql = format!("SELECT minute, outbox, pulses, watched_s, total FROM {table} ORDER BY minute, outbox");
    let mut rows = file.prepare(&sql).unwrap();
    let rows =
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_ledger_of_the_first_format_is_brought_up_to_date() {
    if IS_DATABASE {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(FORMAT_1).unwrap();
    drop(old);
    let said = Ledger::open_read_only(&path).unwrap_err().to_string();
    assert!(said.contains("start the new powerpi-recorder"), "{said}");

    let ledger = Ledger::open(&path).unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let sum = ledger.sum(&known, minute(0)..minute(10_000)).unwrap();
    assert_eq!((sum.pulses, sum.minutes, sum.watched_s), (14 + 9_998, 10_000, 10_000 * 60));
    assert_eq!(sum.quantity(), Some(10_012.0 / 800.0));
    let trust = ledger.trust(&known, 10).unwrap().unwrap();
    assert_eq!((trust.gaps, trust.minutes, trust.whole_since), (0, 10_000, minute(0)));
    assert_eq!(ledger.outbox_marks().unwrap()[0].1.mark_seq, 200);
    drop(ledger);
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    let count = |table: &str| -> i64 {
        by_hand.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let in_rows = count("minute");
    assert!(in_rows < 2 * 1440, "{in_rows} minutes are not packed");
    assert_eq!(count("quarters"), count("day"), "each packed day has its sums");
    assert_eq!(
        by_sql_without_numbers(&path),
        by_sql_without_numbers(&folder.path().join("ledger.sqlite.format-1"))
    );
    Ledger::open(&path).unwrap();
    assert!(Ledger::open_read_only(&path).is_ok());
}

/// A minute of a week ago is known although its day is packed, and its mark is told from there.
#[test]
fn packed_days_take_late_minutes_and_know_their_numbers() {
    let days: Vec<_> = (0..10).map(|day| ("a", day * 1440, 2 * day as u64 + 1)).collect();
    let (_folder, mut ledger) = ledger_of(&days);
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info("a", &[])).unwrap();
    let of =
        |at: i64, pulses, total, seq| PulseCount { minute: minute(at), watched_s: 60, seq, pulses, total };
    use meter_ledger::Recording::{AlreadyRecorded, Contradiction, Recorded};
    assert_eq!(batch.record(&mark, &of(0, 1, 1, 1)).unwrap(), AlreadyRecorded);
    assert_eq!(batch.record(&mark, &of(0, 9, 9, 1)).unwrap(), Contradiction { kept: 1 });
    assert_eq!(batch.record(&mark, &of(1, 5, 6, 2)).unwrap(), Recorded);
    assert_eq!(batch.record(&mark, &of(1, 5, 6, 2)).unwrap(), AlreadyRecorded);
    assert_eq!(batch.beyond(&mark).unwrap()[..3], [(1, minute(0)), (2, minute(1)), (3, minute(1440))]);
    batch.commit().unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let shown =
        |at| ledger.newest_up_to(&known, minute(at)).unwrap().map(|minute| (minute.pulses, minute.total));
    assert_eq!(
        (shown(-1), shown(0), shown(1), shown(1439)),
        (None, Some((1, 1)), Some((5, 6)), Some((5, 6)))
    );
    assert_eq!(ledger.first_from(&known, minute(2)).unwrap(), Some(minute(1440)));
    assert_eq!(ledger.sum(&known, minute(0)..minute(1440)).unwrap().pulses, 6);
    assert_eq!(ledger.beyond(&mark).unwrap().len(), 11);
}
