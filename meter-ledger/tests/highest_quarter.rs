//! The quarter of an hour in which most was counted, compared with minutes added up one by one.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::BTreeMap;

use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Info, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::home;

/// 2026-11-20T00:00Z.
const FIRST: i64 = 29_918_880;

/// From this minute on a pulse is half as much.
const CHANGED: i64 = FIRST + 2 * 1440 + 607;

fn record(folder: &TempDir, pulses: &BTreeMap<i64, u32>) -> (Ledger, RecordedMeter) {
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let (meter, changed) = ("hq/main".parse().unwrap(), Minute::nearest(CHANGED));
    let info = format!(
        r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1,
            "history":[{{"t":"2000-01-01T00:00:00Z","pulses_per_kwh":500}},{{"t":"{changed}","pulses_per_kwh":1000}}]}}"#
    );
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info.as_bytes()).unwrap()).unwrap();
    let mut total = 0;
    for (seq, (minute, pulses)) in (1..).zip(pulses) {
        total += u64::from(*pulses);
        let count =
            PulseCount { minute: Minute::nearest(*minute), watched_s: 60, seq, pulses: *pulses, total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    // Packs what is over.
    ledger.batch().unwrap().commit().unwrap();
    let known = ledger.meter(&meter).unwrap().unwrap();
    (ledger, known)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_one_that_minutes_add_up_to(
        hours in prop::collection::vec(prop::option::weighted(0.7, 0..90u32), 6 * 24),
        (from, length) in (0..6 * 1440i64, 0..6 * 1440i64),
    ) {
        let counted = |minute: i64| {
            let most = hours[usize::try_from((minute - FIRST) / 60).unwrap()]?;
            Some((minute * 7919 % i64::from(most + 1)) as u32)
        };
        let pulses: BTreeMap<i64, u32> =
            (FIRST..FIRST + 6 * 1440).filter_map(|minute| Some((minute, counted(minute)?))).collect();
        let folder = TempDir::new().unwrap();
        let (ledger, meter) = record(&folder, &pulses);
        let (from, to) = (FIRST + from, FIRST + (from + length).min(6 * 1440));
        // In Wh, which are whole.
        let mut quarters = BTreeMap::<i64, u32>::new();
        for (minute, pulses) in pulses.range(from..to) {
            *quarters.entry(minute.div_euclid(15)).or_default() += pulses * if *minute < CHANGED { 2 } else { 1 };
        }
        let most = quarters.values().copied().max().filter(|most| *most > 0);
        let found = ledger.highest_quarter(&meter, Minute::nearest(from)..Minute::nearest(to)).unwrap();
        prop_assert_eq!(found.map(|found| (found.quantity * 1000.0).round() as u32), most);
        // Twice the same meter has the same quarter, with twice as much.
        let twice = [meter.clone(), meter];
        let together = ledger.highest_quarter_together(&twice, Minute::nearest(from)..Minute::nearest(to)).unwrap();
        prop_assert_eq!(together.map(|it| it.start), found.map(|it| it.start));
        prop_assert_eq!(together.map(|it| (it.quantity * 500.0).round() as u32), most);
        if let Some((found, most)) = found.zip(most) {
            let start = found.start.epoch_minutes();
            prop_assert_eq!((start % 15, quarters[&(start / 15)]), (0, most));
            prop_assert!((found.rate() - 4.0 * f64::from(most)).abs() < 1e-6);
        }
    }
}
