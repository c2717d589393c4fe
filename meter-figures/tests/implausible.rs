//! Minutes that cannot be are found, whether their day is packed or not, and no others; one that is corrected is none.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use meter_figures::{highest_plausible, implausible};
use meter_ledger::{CorrectionKind, Ledger, NewCorrection};
use meter_messages::{Info, Meter, MeterConstant, Minute, PulseCount, Unit};
use tempfile::TempDir;

const FIRST: i64 = 20_000 * 1440;

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

#[test]
fn bounces_are_found_until_they_are_corrected() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
    let pulses = |at: i64| match at {
        100..103 => 3000 + at as u32,
        // The most that 43,470 W make in a minute, if one began before it.
        200 => 725,
        5000 => 726,
        _ => 30,
    };
    for at in 0..4 * 1440 {
        let (minute, seq, pulses) = (minute(at), at as u64 + 1, pulses(at));
        let total = 4000 * seq;
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
    let all = || minute(0)..minute(5 * 1440);
    let most = highest_plausible(Unit::KilowattHour);
    let rate = |pulses| MeterConstant::try_from(1000u64).unwrap().rate(pulses, 60.0);
    let found = |ledger: &Ledger| {
        let known = ledger.meter(&meter).unwrap().unwrap();
        let found = implausible(ledger, &known, all(), most).unwrap();
        found.iter().map(|it| (it.span.clone(), it.highest_rate)).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&ledger),
        [(minute(100)..minute(103), rate(3102)), (minute(5000)..minute(5001), rate(726))]
    );
    let mut batch = ledger.batch().unwrap();
    let new = |span, kind| NewCorrection { span, kind, reason: "bounces".into(), by: "anna".into() };
    let void = new(minute(100)..minute(103), CorrectionKind::Void);
    batch.correct(&meter, &void, Timestamp::UNIX_EPOCH).unwrap();
    let replaced = new(minute(5000)..minute(5002), CorrectionKind::Replace { pulses: 1600 });
    batch.correct(&meter, &replaced, Timestamp::UNIX_EPOCH).unwrap();
    batch.commit().unwrap();
    assert_eq!(found(&ledger), [(minute(5000)..minute(5002), rate(800))], "as it is corrected");
}
