//! Where pulses are few, power follows from the time between them: the same in every step and every span, packed or not.
#![allow(clippy::unwrap_used)]

mod homes;

use meter_ledger::{Ledger, RecordedMeter, Sum};
use meter_messages::{Info, Meter, Minute, PulseCount, PulseTimes};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{IS_DATABASE, cases, home, number};

const DAY: i64 = 1440;
/// The first minute of a day of UTC.
const FIRST: i64 = 20_000 * DAY;

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

fn minutes(from: i64, to: i64, step: i64) -> Vec<Minute> {
    (from..=to).step_by(step as usize).map(minute).collect()
}

/// A meter of so many pulses per kWh, with minutes by their number: pulses and seconds watched.
fn recorded(per_kwh: u64, minutes: impl Iterator<Item = (i64, u32, u8)>) -> (TempDir, Ledger, RecordedMeter) {
    recorded_timed(per_kwh, minutes.map(|(at, pulses, watched_s)| (at, pulses, watched_s, None)))
}

/// The same, with the times of their pulses.
fn recorded_timed(
    per_kwh: u64,
    minutes: impl Iterator<Item = (i64, u32, u8, Option<PulseTimes>)>,
) -> (TempDir, Ledger, RecordedMeter) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let info = format!(
        r#"{{"name":"x","pulses_per_kwh":{per_kwh},"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    );
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info.as_bytes()).unwrap()).unwrap();
    let mut total = 0;
    for (seq, (at, pulses, watched_s, times)) in (1..).zip(minutes) {
        total += u64::from(pulses);
        let count = PulseCount { minute: minute(at), watched_s, seq, pulses, total };
        batch.record_timed(&mark, &count, times).unwrap();
    }
    batch.commit().unwrap();
    // Each commit packs some days.
    (0..4).for_each(|_| ledger.batch().unwrap().commit().unwrap());
    let known = ledger.meter(&meter).unwrap().unwrap();
    (folder, ledger, known)
}

/// Mean, lowest and highest power.
fn rates(sum: &Sum) -> Option<[f64; 3]> {
    Some([sum.mean_rate()?, sum.lowest_rate()?, sum.highest_rate()?])
}

fn about(one: &Sum, other: [f64; 3]) -> bool {
    rates(one).is_some_and(|found| found.iter().zip(other).all(|(found, other)| (found - other).abs() < 0.01))
}

/// A Ferraris meter of 75 pulses per kWh, in a house that takes 200 W: a pulse each four minutes.
#[test]
fn a_slow_meter_shows_what_flows_and_no_peak() {
    let days = 6;
    let all = (0..days * DAY).map(|at| (at, u32::from(at % 4 == 2), 60));
    let (_folder, ledger, meter) = recorded(75, all);
    for (step, bounds) in [1, 5, 15, 60, 360, DAY].map(|step| (step, minutes(0, days * DAY, step))) {
        let sums = ledger.sums(&meter, &bounds).unwrap();
        let with_extremes = ledger.sums_with_extremes(&meter, &bounds).unwrap();
        for (sum, with_extremes) in sums.iter().zip(&with_extremes) {
            assert!((sum.mean_rate().unwrap() - 200.0).abs() < 0.01, "{step}: {sum:?}");
            assert!(about(with_extremes, [200.0; 3]), "{step}: {with_extremes:?}");
            assert_eq!(sum.pulses, with_extremes.pulses);
        }
        // What was counted stays what was counted.
        assert_eq!(sums.iter().map(|sum| sum.pulses).sum::<u64>(), (days * DAY / 4) as u64);
        let counted = |sum: &Sum| (sum.counted() - sum.pulses as f64 / 75.0).abs() < 1e-9;
        assert!(sums.iter().chain(&with_extremes).all(counted));
    }
    let whole = minute(0)..minute(days * DAY);
    let sum = ledger.sum(&meter, whole.clone()).unwrap();
    let highest = ledger.highest_rate(&meter, whole, &sum).unwrap().unwrap();
    assert!((highest - 200.0).abs() < 0.01, "{highest} W");
}

/// 1000 pulses per kWh, and never less than 300 W: nothing is worked out in another way than before.
#[test]
fn a_fast_meter_shows_what_was_counted() {
    let pulses = |at: i64| 5 + (at * 7919 % 61) as u32;
    let (_folder, ledger, meter) = recorded(1000, (0..5 * DAY).map(|at| (at, pulses(at), 60)));
    for step in [1, 7, 15, 60, DAY] {
        let bounds = minutes(0, 5 * DAY, step);
        for (sum, first) in
            ledger.sums_with_extremes(&meter, &bounds).unwrap().iter().zip((0..).step_by(step as usize))
        {
            let counted: Vec<u32> = (first..(first + step).min(5 * DAY)).map(pulses).collect();
            let watts = |pulses: u32| f64::from(pulses) * 60.0;
            let mean = watts(counted.iter().sum()) / counted.len() as f64;
            let extremes = [counted.iter().min(), counted.iter().max()].map(|pulses| watts(*pulses.unwrap()));
            if counted.len() as i64 == step {
                assert!(about(sum, [mean, extremes[0], extremes[1]]), "{step}, {first}: {sum:?}");
                assert!(!sum.is_between_pulses());
            }
        }
    }
}

/// What nobody watched has no power, and takes none from the pulses around it.
#[test]
fn nothing_is_spread_over_a_gap() {
    let all = (0..600).filter(|at| !(300..400).contains(at));
    let (_folder, ledger, meter) = recorded(75, all.map(|at| (at, u32::from(at % 8 == 4), 60)));
    let sums = ledger.sums_with_extremes(&meter, &minutes(0, 600, 1)).unwrap();
    for (at, sum) in sums.iter().enumerate() {
        match (300..400).contains(&at) {
            true => assert_eq!(rates(sum), None, "minute {at}"),
            false => assert!(about(sum, [100.0; 3]), "minute {at}: {sum:?}"),
        }
    }
    let hours = ledger.sums(&meter, &minutes(0, 600, 60)).unwrap();
    assert!(
        hours.iter().all(|hour| hour.mean_rate().is_none_or(|rate| (rate - 100.0).abs() < 14.0)),
        "{hours:?}"
    );
}

/// A pulse per m³, and one or two of them a day: what is long ago is looked for.
#[test]
fn pulses_may_be_hours_apart() {
    let (_folder, ledger, meter) = recorded(1, (0..9 * DAY).map(|at| (at, u32::from(at % 1000 == 7), 60)));
    let hours = ledger.sums_with_extremes(&meter, &minutes(2 * DAY, 7 * DAY, 60)).unwrap();
    assert!(hours.iter().all(|hour| about(hour, [60.0; 3])), "{hours:?}");
    let one = ledger.sums_with_extremes(&meter, &[minute(4 * DAY + 10), minute(4 * DAY + 11)]).unwrap();
    assert!(about(&one[0], [60.0; 3]), "{one:?}");
}

/// Pulses of which it is known when they came, a time that is no whole number of minutes apart.
fn each(apart_ms: i64, days: i64) -> impl Iterator<Item = (i64, u32, u8, Option<PulseTimes>)> {
    (0..days * DAY).map(move |at| {
        let first = (at * 60_000 + apart_ms - 1) / apart_ms * apart_ms;
        let of_minute: Vec<i64> = (first..(at + 1) * 60_000).step_by(apart_ms as usize).collect();
        let ms = |pulse: Option<&i64>| (pulse.unwrap_or(&0) - at * 60_000).max(0) as u32;
        let pulses = of_minute.len() as u32;
        (at, pulses, 60, PulseTimes::new(pulses, ms(of_minute.first()), ms(of_minute.last())))
    })
}

#[test]
fn with_the_times_of_pulses_power_is_exact_packed_or_not() {
    // 230 W of a Ferraris meter: a pulse each 208.695 s. And 3 kW: one each 16 s.
    for (apart_ms, watts) in [(208_695, 230.0), (16_000, 3000.0)] {
        let days = 5;
        let (folder, mut ledger, meter) = recorded_timed(75, each(apart_ms, days));
        let all = |ledger: &Ledger| -> Vec<f64> {
            let sums = ledger.sums_with_extremes(&meter, &minutes(0, days * DAY, 1)).unwrap();
            sums.iter().map(|sum| sum.mean_rate().unwrap()).collect()
        };
        let is_exact = |rates: &[f64]| rates.iter().all(|rate| (rate - watts).abs() < 0.5);
        let rates = all(&ledger);
        assert!(is_exact(&rates), "{rates:?}");
        let whole = minute(0)..minute(days * DAY);
        let sum = ledger.sum(&meter, whole.clone()).unwrap();
        let highest = ledger.highest_rate(&meter, whole, &sum).unwrap().unwrap();
        assert!((highest - watts).abs() < 0.5, "{highest} W");
        // A minute that comes late, also into a day that is packed, is packed with it.
        let count = |table: &str| number(folder.path(), &format!("SELECT count(*) FROM {table}"));
        let (in_rows, packed) = (count("pulse_times"), count("day_pulse_times"));
        assert_eq!(packed, days - 2);
        for at in [-DAY + 9, -DAY + 4] {
            let mut batch = ledger.batch().unwrap();
            let mark = batch.outbox(&meter.meter, &"a".parse().unwrap()).unwrap().unwrap();
            let late = PulseCount { minute: minute(at), watched_s: 60, seq: 99_999, pulses: 1, total: 1 };
            batch.record_timed(&mark, &late, PulseTimes::new(1, 5, 5)).unwrap();
            batch.commit().unwrap();
            ledger.batch().unwrap().commit().unwrap();
            assert_eq!((count("pulse_times"), count("day_pulse_times")), (in_rows, packed + 1));
        }
        assert!(is_exact(&all(&ledger)));
    }
}

/// Hostile or not: what is kept of a minute has a bound.
#[test]
fn minutes_with_the_times_of_their_pulses_take_16_bytes() {
    if IS_DATABASE {
        return;
    }
    let days = 30;
    let times = |at: i64| {
        let first_ms = (at * 7919 % 50_000) as u32;
        PulseTimes::new(3, first_ms, first_ms + 9_999)
    };
    let (folder, ledger, _) = recorded_timed(75, (0..days * DAY).map(|at| (at, 3, 60, times(at))));
    let path = folder.path().join("ledger.sqlite");
    drop(ledger);
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    by_hand.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let page =
        |name: &str| by_hand.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0)).unwrap();
    let bytes = (page("page_count") - page("freelist_count")) * page("page_size");
    println!("{:.1} bytes a minute", bytes as f64 / (days * DAY) as f64);
    assert!(bytes < 16 * days * DAY, "{bytes} bytes for {} minutes", days * DAY);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(8)))]

    /// A minute has the same power, whatever else is asked for.
    #[test]
    fn power_does_not_depend_on_the_span_that_is_asked_for(
        some in proptest::collection::vec(
            (prop_oneof![4 => 1i64..30, 1 => 30i64..700], 0u32..4, prop_oneof![9 => Just(60u8), 1 => 1u8..60]),
            10..200,
        ),
        missing in proptest::collection::vec(0i64..3 * DAY, 0..4),
        spans in proptest::collection::vec((0i64..3 * DAY, 1i64..300), 8),
    ) {
        let mut all: Vec<(i64, u32, u8)> = (0..3 * DAY).map(|at| (at, 0, 60)).collect();
        let mut at = 0;
        for (after, pulses, watched_s) in some {
            at += after;
            if let Some(minute) = all.get_mut(at as usize) {
                (minute.1, minute.2) = (pulses, watched_s);
            }
        }
        all.retain(|(at, ..)| !missing.contains(at));
        let (_folder, ledger, meter) = recorded(75, all.into_iter());
        let whole = ledger.sums_with_extremes(&meter, &minutes(0, 3 * DAY, 1)).unwrap();
        for (from, length) in spans {
            let to = (from + length).min(3 * DAY);
            let part = ledger.sums_with_extremes(&meter, &minutes(from, to, 1)).unwrap();
            for (at, (one, other)) in (from..).zip(part.iter().zip(&whole[from as usize..])) {
                match rates(other) {
                    None => prop_assert_eq!(rates(one), None),
                    Some(other) => prop_assert!(about(one, other), "minute {}: {:?}, {:?}", at, one, other),
                }
            }
        }
    }
}
