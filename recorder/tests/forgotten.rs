//! A meter is forgotten while its recorder runs: what the broker retains of it does not bring it back, and nothing that
//! comes afterwards is mixed with what others have.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meter_ledger::Ledger;
use meter_messages::{Meter, Minute};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

const FIRST: i64 = 20_700 * 24 * 60;

fn books(folder: &Path) -> Bookkeeping {
    let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let limits = Limits { max_meters: 100 };
    Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true)).unwrap()
}

fn message(meter: &str, what: &str, payload: String, retain: bool) -> Input {
    let message = Publish::new(format!("powerpi/{meter}/{what}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 1, message: Publish { retain, ..message } })
}

fn info(meter: &str, retain: bool) -> Input {
    let json = r#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    message(meter, "info", json.to_owned(), retain)
}

fn minute(meter: &str, seq: u64, pulses: u64) -> Input {
    let (t, total) = (Minute::nearest(FIRST + seq as i64), 1000 * seq);
    let json = format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":{pulses},"total":{total},"outbox":"a"}}"#);
    message(meter, "minute", json, false)
}

/// What is recorded of each meter: how many minutes, and their pulses.
fn recorded(folder: &Path) -> Vec<(String, u64, u64)> {
    let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
    let meters = ledger.meters().unwrap().into_iter().map(|known| {
        let sum = ledger.sum(&known, Minute::nearest(FIRST)..Minute::nearest(FIRST + 100)).unwrap();
        (known.meter.to_string(), sum.minutes, sum.pulses)
    });
    meters.collect()
}

fn forget(folder: &Path, meter: &str) {
    let meter: Meter = meter.parse().unwrap();
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    assert!(batch.forget(&meter, "anna", Timestamp::UNIX_EPOCH).unwrap().is_some());
    batch.commit().unwrap();
}

#[test]
fn what_is_retained_does_not_bring_it_back_and_others_take_its_row() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let (mut books, mut now) = (books(folder), Instant::now());
    let mut record = |books: &mut Bookkeeping, inputs: &[Input]| -> Output {
        now += Duration::from_secs(2);
        books.record(inputs, None, now).unwrap()
    };
    let row = |meter: &str, minutes, pulses| (meter.to_owned(), minutes, pulses);
    record(&mut books, &[info("hq/main", false), info("hq/old", false)]);
    record(&mut books, &[minute("hq/main", 1, 5), minute("hq/old", 1, 7)]);
    forget(folder, "hq/old");
    record(&mut books, &[info("hq/main", true), info("hq/old", true), minute("hq/main", 2, 5)]);
    assert_eq!(recorded(folder), [row("hq/main", 2, 10)]);
    // A new one, which gets the row that was the other's.
    record(&mut books, &[info("hq/new", false), minute("hq/new", 1, 3), minute("hq/new", 2, 3)]);
    assert_eq!(recorded(folder), [row("hq/main", 2, 10), row("hq/new", 2, 6)]);
    // Nor does it come back at a start.
    drop(books);
    let mut books = self::books(folder);
    record(&mut books, &[info("hq/main", true), info("hq/old", true), info("hq/new", true)]);
    assert_eq!(recorded(folder), [row("hq/main", 2, 10), row("hq/new", 2, 6)]);
    // If it is counted again, it is a new meter.
    let said = record(&mut books, &[minute("hq/old", 2, 7)]);
    assert_eq!(said.strangers.len(), 1, "its info is asked for");
    record(&mut books, &[info("hq/old", false), minute("hq/old", 3, 7), minute("hq/main", 3, 5)]);
    assert_eq!(recorded(folder), [row("hq/main", 3, 15), row("hq/new", 2, 6), row("hq/old", 2, 14)]);
}
