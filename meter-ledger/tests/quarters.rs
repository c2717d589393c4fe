//! What follows from the sums of quarters of an hour is what follows from the minutes one by one: with gaps, minutes
//! that were watched in part or not at all, two outboxes, a meter that was replaced, and minutes that come late.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use meter_ledger::{Ledger, Sum, Trust};
use meter_messages::{Info, Meter, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{by_hand, cases, home, number};

const DAY: i64 = 1440;
const DAYS: i64 = 5;
/// The first minute of a day of UTC.
const FIRST: i64 = 20_000 * DAY;

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

/// The publisher's details, with a constant that changes in a minute.
fn info(outbox: &str, change: i64) -> Info {
    let (from, since) = (Minute::nearest(0).timestamp(), minute(change).timestamp());
    let text = format!(
        r#"{{"name":"x","pulses_per_kwh":500,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1,
            "history":[{{"t":"{from}","pulses_per_kwh":1000}},{{"t":"{since}","pulses_per_kwh":500}}]}}"#
    );
    Info::from_json(text.as_bytes()).unwrap()
}

/// Minutes by outbox: all are watched, but for what is said otherwise.
#[derive(Debug, Clone)]
struct Case {
    gaps: Vec<Range<i64>>,
    in_part: BTreeMap<i64, u8>,
    /// Minutes that come when all days but the newest two are packed.
    late: Vec<i64>,
    /// Minutes that another outbox has, too.
    shared: Vec<i64>,
    change: i64,
}

fn case() -> impl Strategy<Value = Case> {
    let at = 0..DAYS * DAY;
    let gap = (at.clone(), 1i64..200).prop_map(|(from, length)| from..from + length);
    let some = |most: usize| proptest::collection::vec(at.clone(), 0..most);
    let in_part = proptest::collection::btree_map(at.clone(), prop_oneof![Just(0u8), 1u8..60], 0..12);
    (proptest::collection::vec(gap, 0..5), in_part, some(12), some(6), at.clone())
        .prop_map(|(gaps, in_part, late, shared, change)| Case { gaps, in_part, late, shared, change })
}

fn count(case: &Case, at: i64, total: u64) -> PulseCount {
    let watched_s = case.in_part.get(&at).copied().unwrap_or(60);
    PulseCount { minute: minute(at), watched_s, seq: at as u64 + 1, pulses: pulses(at), total }
}

fn pulses(at: i64) -> u32 {
    (at * 7919 % 43) as u32
}

fn record(folder: &Path, case: &Case) {
    let mut ledger = Ledger::open(&home(folder)).unwrap();
    let mut write = |outbox: &str, minutes: &mut dyn Iterator<Item = i64>| {
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter(), &info(outbox, case.change)).unwrap();
        for at in minutes {
            let total = if outbox == "a" { at as u64 * 50 } else { at as u64 };
            batch.record(&mark, &count(case, at, total)).unwrap();
        }
        batch.commit().unwrap();
    };
    let missing = |at: &i64| case.gaps.iter().any(|gap| gap.contains(at));
    write("a", &mut (0..DAYS * DAY).filter(|at| !missing(at) && !case.late.contains(at)));
    write("a", &mut case.late.iter().copied());
    write("b", &mut case.shared.iter().copied());
}

/// All that is made of sums: those of hours and days of some zone, of three months and of odd spans; trust; and the
/// lowest and highest power, in points of half an hour and of a day.
#[derive(Debug, PartialEq)]
struct Read {
    sums: Vec<Vec<Sum>>,
    trust: Option<Trust>,
    points: Vec<Vec<Sum>>,
}

fn read(folder: &Path, offset: i64, odd: &[i64]) -> Read {
    let ledger = Ledger::open_read_only(&home(folder)).unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let steps = |step: i64| -> Vec<Minute> {
        (-1..=DAYS * DAY / step + 1).map(|at| minute(offset + at * step)).collect()
    };
    let odd: Vec<Minute> = odd.iter().copied().map(minute).collect();
    let bounds = [steps(60), steps(DAY), steps(90 * DAY), odd];
    let sums = bounds.iter().map(|bounds| ledger.sums(&known, bounds).unwrap()).collect();
    let points = |step: i64| ledger.sums_with_extremes(&known, &steps(step)).unwrap();
    let trust = ledger.trust(&known, 100).unwrap();
    Read { sums, trust, points: vec![points(30), points(DAY)] }
}

/// The same, and whether it is, when there are no sums of quarters to follow from.
fn read_minute_by_minute(folder: &Path, offset: i64, odd: &[i64]) -> Read {
    let (quarters, days) =
        (number(folder, "SELECT count(*) FROM quarters"), number(folder, "SELECT count(*) FROM day"));
    assert_eq!((quarters, days > 0), (days, true));
    by_hand(folder, "DELETE FROM quarters");
    read(folder, offset, odd)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(8)))]

    #[test]
    fn sums_trust_and_power_are_those_of_the_minutes(
        case in case(),
        offset in prop_oneof![Just(0i64), Just(-330), Just(-345), Just(-630), Just(60), -100i64..100],
        odd in proptest::collection::btree_set(-5..DAYS * DAY, 2..6),
    ) {
        let folder = TempDir::new().unwrap();
        record(folder.path(), &case);
        let odd: Vec<i64> = odd.into_iter().collect();
        let by_sums = read(folder.path(), offset, &odd);
        prop_assert_eq!(by_sums, read_minute_by_minute(folder.path(), offset, &odd));
    }
}

/// What the ledger reads for a sum of years is not its minutes.
#[test]
fn packed_days_are_not_read_for_what_their_sums_say() {
    let folder = TempDir::new().unwrap();
    let case = Case {
        gaps: Vec::new(),
        in_part: BTreeMap::new(),
        late: vec![31],
        shared: Vec::new(),
        change: 4 * DAY,
    };
    record(folder.path(), &case);
    let sound = read(folder.path(), -330, &[0, 15, 3 * DAY - 15]);
    // Whoever reads them from now on is told that they are damaged.
    by_hand(folder.path(), "UPDATE day SET runs = ''");
    let ledger = Ledger::open_read_only(&home(folder.path())).unwrap();
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let hours: Vec<Minute> = (0..=DAYS * 24).map(|hour| minute(hour * 60 + 30)).collect();
    let sums = ledger.sums(&known, &hours).unwrap();
    let pulses_of = |span: Range<i64>| span.map(|at| u64::from(pulses(at))).sum::<u64>();
    for (hour, sum) in (0..).zip(&sums[..sums.len() - 1]) {
        assert_eq!(sum.pulses, pulses_of(hour * 60 + 30..hour * 60 + 90), "hour {hour}");
    }
    assert!(ledger.sum(&known, minute(7)..minute(DAY)).is_err(), "it begins within a quarter");
    assert_eq!(sound.trust.map(|trust| (trust.gaps, trust.minutes)), Some((0, 5 * 1440)));
}
