//! A meter is renamed or merged while its recorder runs: whether its publisher takes the new name before, afterwards or never,
//! every minute is recorded once for the one meter, and every mark is said under the name and with the numbers of whom it is
//! for.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use meter_ledger::{Ledger, MovingError};
use meter_messages::{Mark, Meter, Minute};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

const FIRST: i64 = 20_700 * 24 * 60;

/// The books, in a time in which two seconds pass with each batch.
struct Books(Bookkeeping, Instant);

impl Books {
    fn open(folder: &Path) -> Self {
        let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
        let limits = Limits { max_meters: 100 };
        let books = Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true));
        Self(books.unwrap(), Instant::now())
    }

    /// Records a batch and a pause after it; returns the last mark of each meter.
    fn record(&mut self, inputs: &[Input]) -> Vec<(String, u64, bool)> {
        self.1 += Duration::from_secs(2);
        let mut marks = self.0.record(inputs, None, self.1).unwrap().marks;
        marks.extend(self.0.record(&[], None, self.1 + Duration::from_secs(1)).unwrap().marks);
        let told = |(meter, Mark { seq, set_back, .. }): (Meter, Mark)| (meter.to_string(), seq, set_back);
        let mut last = std::collections::BTreeMap::new();
        marks
            .into_iter()
            .map(told)
            .for_each(|(meter, seq, set_back)| _ = last.insert(meter, (seq, set_back)));
        last.into_iter().map(|(meter, (seq, set_back))| (meter, seq, set_back)).collect()
    }
}

fn message(meter: &str, what: &str, payload: String, retain: bool) -> Input {
    let message = Publish::new(format!("powerpi/{meter}/{what}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 1, message: Publish { retain, ..message } })
}

fn info(meter: &str, name: &str, retain: bool) -> Input {
    let json = format!(
        r#"{{"name":"{name}","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    );
    message(meter, "info", json, retain)
}

/// The minute at a time of a publisher that has counted `seq` of them under this name.
fn minute(meter: &str, at: i64, seq: u64, pulses: u64) -> Input {
    let (t, total) = (Minute::nearest(FIRST + at), 1000 * seq + pulses);
    let json = format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":{pulses},"total":{total},"outbox":"a"}}"#);
    message(meter, "minute", json, false)
}

/// What is recorded of each meter: its name for people, how many minutes, and their pulses.
fn recorded(folder: &Path) -> Vec<(String, String, u64, u64)> {
    let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
    let meters = ledger.meters().unwrap().into_iter().map(|known| {
        let sum = ledger.sum(&known, Minute::nearest(FIRST)..Minute::nearest(FIRST + 100)).unwrap();
        (known.meter.to_string(), known.name, sum.minutes, sum.pulses)
    });
    meters.collect()
}

fn row(meter: &str, name: &str, minutes: u64, pulses: u64) -> Vec<(String, String, u64, u64)> {
    vec![(meter.to_owned(), name.to_owned(), minutes, pulses)]
}

fn mark(meter: &str, seq: u64) -> Vec<(String, u64, bool)> {
    vec![(meter.to_owned(), seq, false)]
}

fn rename(folder: &Path, before: &str, now: &str) -> Result<(), MovingError> {
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.rename(&before.parse().unwrap(), &now.parse().unwrap(), "anna", Timestamp::UNIX_EPOCH)?;
    batch.commit().unwrap();
    Ok(())
}

fn merge(folder: &Path, from: &str, into: &str) -> Result<(), MovingError> {
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    let (from, into) = (from.parse().unwrap(), into.parse().unwrap());
    batch.merge(&from, &into, ("anna", Timestamp::UNIX_EPOCH), |_, _| {})?;
    batch.commit().unwrap();
    Ok(())
}

#[test]
fn a_publisher_may_take_the_new_name_afterwards() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let mut books = Books::open(folder);
    books.record(&[info("hq/main", "Main", false), minute("hq/main", 0, 1, 5), minute("hq/main", 1, 2, 5)]);
    rename(folder, "hq/main", "hq/house").unwrap();
    // It goes on under the old one, and is answered there.
    assert_eq!(books.record(&[minute("hq/main", 2, 3, 5)]), mark("hq/main", 3));
    assert_eq!(recorded(folder), row("hq/house", "Main", 3, 15));
    // So it does after a start, and what it says of its meter is the meter's.
    let mut books = Books::open(folder);
    books.record(&[Input::Connected, info("hq/main", "Haus", true)]);
    assert_eq!(books.record(&[minute("hq/main", 3, 4, 5)]), mark("hq/main", 4));
    assert_eq!(recorded(folder), row("hq/house", "Haus", 4, 20));
    // Under the new one it begins to count its minutes anew, in the same outbox; a late one of the old name comes, too.
    let renamed = [info("hq/house", "House", false), minute("hq/house", 5, 1, 7), minute("hq/main", 4, 5, 5)];
    let both = [mark("hq/house", 1), mark("hq/main", 5)].concat();
    assert_eq!(books.record(&renamed), both);
    assert_eq!(recorded(folder), row("hq/house", "House", 6, 32));
    // What is retained under the old one says nothing any more, also at a start.
    let mut books = Books::open(folder);
    let retained = [Input::Connected, info("hq/house", "House", true), info("hq/main", "Haus", true)];
    assert_eq!(books.record(&retained), both);
    assert_eq!(books.record(&[minute("hq/house", 6, 2, 7)]), mark("hq/house", 2));
    assert_eq!(recorded(folder), row("hq/house", "House", 7, 39));
}

#[test]
fn a_publisher_may_have_taken_the_new_name_before() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let mut books = Books::open(folder);
    books.record(&[info("hq/main", "Main", false), minute("hq/main", 0, 1, 5), minute("hq/main", 1, 2, 5)]);
    books.record(&[info("hq/house", "House", false), minute("hq/house", 3, 1, 7)]);
    let refused = rename(folder, "hq/main", "hq/house").unwrap_err();
    assert!(refused.to_string().contains("`powerpi ledger merge hq/main hq/house`"), "{refused}");
    merge(folder, "hq/main", "hq/house").unwrap();
    // What was still on its way under the old name, and a gap in its numbers that is asked for and filled.
    let marks = books.record(&[minute("hq/house", 4, 2, 7), minute("hq/main", 2, 4, 5)]);
    assert_eq!(marks, mark("hq/house", 2), "the old name has a gap at 3");
    assert_eq!(recorded(folder), row("hq/house", "House", 5, 29));
    let mut books = Books::open(folder);
    let late = [
        minute("hq/main", 1, 2, 5),
        message(
            "hq/main",
            "minute",
            format!(
                r#"{{"t":"{}","s":30,"seq":3,"pulses":2,"total":2002,"outbox":"a"}}"#,
                Minute::nearest(FIRST + 1)
            ),
            false,
        ),
    ];
    // The same minute came otherwise: the first one stays, and the number is used up.
    assert_eq!(books.record(&late), mark("hq/main", 4));
    assert_eq!(recorded(folder), row("hq/house", "House", 5, 29));
}

#[test]
fn names_can_be_exchanged_back_and_forgotten() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    let mut books = Books::open(folder);
    books.record(&[info("hq/main", "Main", false), minute("hq/main", 0, 1, 5)]);
    rename(folder, "hq/main", "hq/house").unwrap();
    books.record(&[info("hq/house", "House", false), minute("hq/house", 1, 1, 7)]);
    rename(folder, "hq/house", "hq/main").unwrap();
    let both = [minute("hq/house", 3, 2, 7), minute("hq/main", 2, 2, 5)];
    assert_eq!(books.record(&both), [mark("hq/house", 2), mark("hq/main", 2)].concat());
    assert_eq!(recorded(folder), row("hq/main", "House", 4, 24));
    // Another meter cannot take a name that leads to this one.
    books.record(&[info("hq/heat", "Heat", false), minute("hq/heat", 0, 1, 1)]);
    assert!(matches!(rename(folder, "hq/heat", "hq/house"), Err(MovingError::FormerName(..))));
    assert!(matches!(merge(folder, "hq/house", "hq/heat"), Err(MovingError::FormerName(..))));
    let mut ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.forget(&"hq/main".parse().unwrap(), "anna", Timestamp::UNIX_EPOCH).unwrap().unwrap();
    batch.commit().unwrap();
    let retained =
        [info("hq/main", "Main", true), info("hq/house", "House", true), minute("hq/heat", 1, 2, 1)];
    assert_eq!(books.record(&retained), mark("hq/heat", 2));
    assert_eq!(recorded(folder), row("hq/heat", "Heat", 2, 2), "neither name brings it back");
}
