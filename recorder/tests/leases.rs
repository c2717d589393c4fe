//! Two recorders on one ledger in PostgreSQL, step by step: who holds a site records it, and nobody else.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use meter_ledger::{Ledger, LedgerHome};
use meter_messages::Minute;
use postgres_for_tests::{Server, rows};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tokio::sync::watch;

const INFO: &str =
    r#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;

fn recorder(home: &LedgerHome, name: &str) -> Bookkeeping {
    let (pictures, limits) = (flume::unbounded().0, Limits { max_meters: 100 });
    let ledger = Ledger::open(home).unwrap();
    let bookkeeping = Bookkeeping::new(ledger, pictures, limits, PlausibleTime::new(true)).unwrap();
    bookkeeping.share(name.to_owned(), watch::Sender::new(true).subscribe())
}

fn message(topic: &str, payload: &str) -> Input {
    let message = Publish::new(format!("powerpi/hq/main/{topic}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 0, message })
}

fn minute(seq: u64) -> Input {
    let (t, total) = (Minute::nearest(29_000_000 + seq as i64), 5 * seq);
    message("minute", &format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{total},"outbox":"a"}}"#))
}

fn marks(said: &Output) -> Vec<u64> {
    said.marks.iter().map(|(_, mark)| mark.seq).collect()
}

#[test]
fn one_that_was_paused_records_and_marks_nothing_of_what_is_anothers_by_now() {
    let address = Server::shared().address("paused");
    let home: LedgerHome = address.parse().unwrap();
    let minutes = || rows(&address, "SELECT count(*) FROM minute")[0][0].clone();
    let (mut one, mut other, start) = (recorder(&home, "one"), recorder(&home, "other"), Instant::now());
    let at = |second: u64| start + Duration::from_secs(second);
    one.look(at(0)).unwrap();
    // A site that nobody knows is found by its messages; they come again.
    one.record(&[message("info", INFO), minute(1)], None, at(0)).unwrap();
    let said = one.look(at(1)).unwrap();
    assert_eq!((said.taken_over.len(), minutes().as_str()), (1, "0"));
    one.record(&[message("info", INFO), minute(1), minute(2)], None, at(1)).unwrap();
    assert_eq!(minutes(), "2");
    // The other one hears the same, and records nothing.
    other.look(at(2)).unwrap();
    assert!(marks(&other.record(&[message("info", INFO), minute(3)], None, at(2)).unwrap()).is_empty());
    assert_eq!(minutes(), "2");
    // The first one is paused: nobody hears of it.
    let took_over =
        (3..10).map(|second| other.look(at(second)).unwrap()).find(|said| !said.taken_over.is_empty());
    assert_eq!(marks(&took_over.unwrap()), [2, 2], "said twice, so that what was passed over comes again");
    // It goes on with what it had before it.
    let said = one.record(&[minute(3), minute(4)], None, at(10)).unwrap();
    assert_eq!((marks(&said).len(), minutes().as_str()), (0, "2"));
    other.record(&[minute(3), minute(4)], None, at(10)).unwrap();
    assert_eq!(minutes(), "4");
    // And once it has looked it has begun again, as the second one.
    one.look(at(11)).unwrap();
    one.record(&[minute(5)], None, at(11)).unwrap();
    assert_eq!(minutes(), "4");
    other.record(&[minute(5)], None, at(11)).unwrap();
    assert_eq!(minutes(), "5");
}

/// What comes once is entered by whoever hears it, and is the same.
#[test]
fn a_reading_is_entered_by_one_who_does_not_hold_its_site() {
    let address = Server::shared().address("readings_of_others");
    let home: LedgerHome = address.parse().unwrap();
    let (mut one, mut other, start) = (recorder(&home, "one"), recorder(&home, "other"), Instant::now());
    one.look(start).unwrap();
    one.record(&[message("info", INFO)], None, start).unwrap();
    one.look(start + Duration::from_secs(1)).unwrap();
    one.record(&[message("info", INFO), minute(1)], None, start).unwrap();
    other.look(start).unwrap();
    let reading = || message("reading", r#"{"t":"2026-11-25T17:30:00Z","kwh":7,"by":"anna"}"#);
    other.record(&[reading()], None, start).unwrap();
    one.record(&[reading()], None, start).unwrap();
    assert_eq!(rows(&address, "SELECT shown, replaced FROM reading"), [["7", "0"]]);
}
