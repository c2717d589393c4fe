//! Years of minutes, written into a ledger as a recorder would, but for the broker in front of it.

use std::path::Path;
use std::time::Instant;

use meter_ledger::{AsLedgerHome, Batch, Ledger, OutboxMark};
use meter_messages::{Info, Meter, Minute, PulseCount};

pub(crate) const TEN_YEARS: i64 = 3_652;

/// The meter of a household.
pub(crate) const MAIN: &str = "hq/main";

/// A commit packs eight days, so this many at a time leave none to be packed later.
const DAYS_AT_ONCE: i64 = 7;

/// The days after which an hour was not watched.
const DAYS_BETWEEN_GAPS: i64 = 200;

/// One meter's minutes of so many days, up to the last one that is over.
pub(crate) fn of_a_household(file: &Path, days: i64) {
    let began = Instant::now();
    let mut ledger = Ledger::open(file).unwrap();
    let (now, mut total) = (now(), 0);
    for first in (now - days * 1440..now).step_by(DAYS_AT_ONCE as usize * 1440) {
        total = add(&mut ledger, first..now.min(first + DAYS_AT_ONCE * 1440), total);
    }
    println!("{days} days of minutes recorded in {:.1} s", began.elapsed().as_secs_f64());
}

/// The last hour of so many meters.
pub(crate) fn of_many(file: &Path, meters: usize) {
    let mut ledger = Ledger::open(file).unwrap();
    let now = now();
    let mut batch = ledger.batch().unwrap();
    for number in 0..meters {
        let mark = registered(&mut batch, &format!("hq/m{number:05}"));
        record(&mut batch, &mark, now - 60..now, 0);
    }
    batch.commit().unwrap();
}

/// The minutes since the last one.
pub(crate) fn catch_up(home: &(impl AsLedgerHome + ?Sized)) {
    let mut ledger = Ledger::open(home).unwrap();
    let meter = ledger.meter(&MAIN.parse().unwrap()).unwrap().unwrap();
    let newest = ledger.newest(&meter).unwrap().unwrap();
    add(&mut ledger, newest.minute.epoch_minutes() + 1..now(), newest.total);
}

/// The minute in progress.
fn now() -> i64 {
    daemon_runtime::now().as_second() / Minute::SECONDS
}

/// Records the household's minutes after a total; what the total is then.
fn add(ledger: &mut Ledger, minutes: std::ops::Range<i64>, total: u64) -> u64 {
    let mut batch = ledger.batch().unwrap();
    let mark = registered(&mut batch, MAIN);
    let total = record(&mut batch, &mark, minutes, total);
    batch.commit().unwrap();
    total
}

fn registered(batch: &mut Batch<'_>, meter: &str) -> OutboxMark {
    let meter: Meter = meter.parse().unwrap();
    let info = br#"{"name":"Main meter","pulses_per_kwh":1000,"source":"benchmark","version":"0","outbox":"box","oldest_seq":1}"#;
    batch.register(&meter, &Info::from_json(info).unwrap()).unwrap()
}

fn record(batch: &mut Batch<'_>, mark: &OutboxMark, minutes: std::ops::Range<i64>, mut total: u64) -> u64 {
    for minute in minutes.filter(|minute| !is_gap(*minute)) {
        let (at, pulses) = (Minute::nearest(minute), pulses(minute));
        total += u64::from(pulses);
        let count = PulseCount { minute: at, watched_s: 60, seq: minute as u64, pulses, total };
        batch.record(mark, &count).unwrap();
    }
    total
}

fn is_gap(minute: i64) -> bool {
    minute.rem_euclid(DAYS_BETWEEN_GAPS * 1440) < 60
}

/// Of a minute: a base load, evenings, a stove now and then.
fn pulses(minute: i64) -> u32 {
    let of_day = minute.rem_euclid(1440);
    let evening = if (1020..1380).contains(&of_day) { 8 } else { 0 };
    let stove = if (minute / 37).wrapping_mul(2_654_435_761) % 23 == 0 { 40 } else { 0 };
    (3 + evening + stove + (minute.wrapping_mul(7919) % 4)) as u32
}
