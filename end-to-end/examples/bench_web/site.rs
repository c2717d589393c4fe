//! A year of a household's minutes, in the ledger and in an RRD file.

use std::path::Path;

use meter_ledger::Ledger;
use meter_messages::{Info, MeterConstant, Minute, PulseCount};
use meter_rrd::MeterDatabase;

/// How long it was recorded, in days: the year before is there to be compared.
const DAYS: i64 = 760;

/// Pulses of a minute: a base load, evenings, a stove now and then.
fn pulses(minute: i64) -> u32 {
    let of_day = minute.rem_euclid(1440);
    let evening = if (1020..1380).contains(&of_day) { 8 } else { 0 };
    let stove = if (minute / 37).wrapping_mul(2_654_435_761) % 23 == 0 { 40 } else { 0 };
    (3 + evening + stove + (minute.wrapping_mul(7919) % 4)) as u32
}

/// The minutes of the last year and a day: Unix time and pulses.
pub(crate) fn recent() -> Vec<(i64, u32)> {
    let now = daemon_runtime::now().as_second() / 60;
    (now - 366 * 1440..now).map(|minute| (minute * 60, pulses(minute))).collect()
}

/// Writes both as the recorder does.
pub(crate) fn record(folder: &Path) {
    let meter = "hq/main".parse().unwrap();
    let now = daemon_runtime::now().as_second() / 60;
    let minutes: Vec<Minute> = (now - DAYS * 1440..now).map(Minute::nearest).collect();
    let info = Info {
        name: "Main meter".into(),
        constant: MeterConstant::try_from(1000).unwrap(),
        medium: Default::default(),
        source: "benchmark".into(),
        version: "0".into(),
        outbox: "box".parse().unwrap(),
        oldest_seq: 1,
        history: Vec::new(),
        relation: Default::default(),
        readings: None,
        unclear: None,
    };
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter, &info).unwrap();
    let mut total = 0;
    for (seq, minute) in (1..).zip(&minutes) {
        let pulses = pulses(minute.epoch_minutes());
        total += u64::from(pulses);
        batch.record(&mark, &PulseCount { minute: *minute, watched_s: 60, seq, pulses, total }).unwrap();
    }
    batch.commit().unwrap();
    // An RRD file holds a leap year.
    let recent = &minutes[minutes.len() - 366 * 1440..];
    let counted = recent.iter().map(|minute| (*minute, pulses(minute.epoch_minutes())));
    MeterDatabase::rebuild(&folder.join("rrd"), &meter, recent[0], counted).unwrap();
}
