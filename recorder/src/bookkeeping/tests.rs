#![allow(clippy::unwrap_used)]

use std::path::Path;

use rumqttc::QoS;
use tempfile::TempDir;

use super::*;

fn bookkeeping(folder: &Path) -> Bookkeeping {
    let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let limits = Limits { max_meters: 100 };
    Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true)).unwrap()
}

fn message(what: &str, payload: &str, retain: bool) -> Input {
    let message = Publish::new(format!("powerpi/hq/main/{what}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 1, message: Publish { retain, ..message } })
}

fn info(outbox: &str, retain: bool) -> Input {
    let json = format!(
        r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
    );
    message("info", &json, retain)
}

fn minute(number: i64, seq: u64, total: u64) -> Input {
    let t = Minute::nearest(29_000_000 + number);
    message("minute", &format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{total}}}"#), false)
}

/// A message of the site's prices.
fn prices(t: &str, per_kwh: &str) -> Input {
    let json = format!(
        r#"{{"t":"{t}","currency":"EUR","spans":[{{"from":"2026-11-26T00:00:00Z","step_min":60,"per_kwh":[{per_kwh}]}}]}}"#
    );
    let message = Publish::new("powerpi/hq/price", QoS::AtLeastOnce, json);
    Input::Message(Delivered { connection: 1, message: Publish { retain: true, ..message } })
}

#[test]
fn prices_of_the_day_are_entered_and_bad_ones_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let mut bookkeeping = bookkeeping(folder.path());
    let known = || {
        let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let day = Minute::nearest(29_927_520)..Minute::nearest(29_927_520 + 120);
        let prices = ledger.day_prices(&"hq".parse().unwrap(), "EUR".parse().unwrap(), day).unwrap();
        prices.into_iter().map(|it| it.price.per_kwh()).collect::<Vec<_>>()
    };
    let (first, then) = ("2026-11-25T13:00:00Z", "2026-11-25T14:00:00Z");
    bookkeeping.record(&[prices(first, "0.1,0.2")], None, Instant::now()).unwrap();
    assert_eq!(known(), [0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]);
    // A correction, what it corrects once more, and a topic that somebody has cleared.
    let cleared = Publish::new("powerpi/hq/price", QoS::AtLeastOnce, "");
    let cleared = Input::Message(Delivered { connection: 1, message: cleared });
    bookkeeping
        .record(&[prices(then, "null,0.3"), prices(first, "0.1,0.2"), cleared], None, Instant::now())
        .unwrap();
    assert_eq!(
        (known(), bookkeeping.counts.borrow().outcome.not_taken()),
        (vec![0.1, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3], 0)
    );
    // What is no price, and what is said by a clock that is days ahead.
    let latest = Some(Minute::nearest(29_927_520));
    let bad = [prices(then, "\"cheap\""), prices(then, "1e99"), prices("2026-11-27T00:00:00Z", "9")];
    bookkeeping.record(&bad, latest, Instant::now()).unwrap();
    assert_eq!((known().len(), known()[7], bookkeeping.counts.borrow().outcome.not_taken()), (8, 0.3, 3));
}

fn reading(kwh: &str, by: &str, retain: bool) -> Input {
    message("reading", &format!(r#"{{"t":"2026-11-25T17:30:00Z","kwh":{kwh},"by":"{by}"}}"#), retain)
}

/// What the ledger holds of readings: what was read, and by whom.
fn readings(folder: &Path) -> Vec<(f64, String)> {
    let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let meter = ledger.meters().unwrap().remove(0);
    let readings = ledger.readings(&meter, 100).unwrap().into_iter();
    readings.map(|entered| (entered.reading.shown, entered.reading.by)).collect()
}

/// The outbox that the meter fills now, and the last number that it has.
fn account(folder: &Path) -> (String, u64) {
    let (_, mark) = Ledger::open(&folder.join("ledger.sqlite")).unwrap().outbox_marks().unwrap().remove(0);
    (mark.outbox.to_string(), mark.mark_seq)
}

fn pulses(folder: &Path) -> u64 {
    let ledger = Ledger::open(&folder.join("ledger.sqlite")).unwrap();
    let meter = ledger.meters().unwrap().remove(0);
    ledger.sum(&meter, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap().pulses
}

#[test]
fn a_batch_over_a_changed_card_that_comes_again_after_a_kill_is_booked_once() {
    let folder = TempDir::new().unwrap();
    let batch = || {
        let before = [info("a", false), minute(1, 1, 5), minute(2, 2, 10)];
        let after = [info("b", false), minute(3, 1, 15), minute(4, 2, 20)];
        before.into_iter().chain(after).collect::<Vec<_>>()
    };
    bookkeeping(folder.path()).record(&batch(), None, Instant::now()).unwrap();
    assert_eq!((account(folder.path()), pulses(folder.path())), (("b".to_owned(), 2), 20));
    // Killed before it acknowledged: all of it again, while the account says b.
    let mut next = bookkeeping(folder.path());
    next.record(&batch(), None, Instant::now()).unwrap();
    assert_eq!((account(folder.path()), pulses(folder.path())), (("b".to_owned(), 2), 20));
    // The old card comes back: what the batch had moved is there.
    next.record(&[info("a", false)], None, Instant::now()).unwrap();
    assert_eq!(account(folder.path()), ("a".to_owned(), 2));
}

#[test]
fn a_reading_is_entered_and_bad_ones_are_passed_over() {
    let folder = TempDir::new().unwrap();
    let mut bookkeeping = bookkeeping(folder.path());
    bookkeeping.record(&[info("a", false), minute(1, 1, 5)], None, Instant::now()).unwrap();
    bookkeeping.record(&[reading("12345.6", "anna", false)], None, Instant::now()).unwrap();
    // Again after a kill, corrected, and what no meter shows.
    let bad = [reading("-1", "anna", false), reading("1e10", "anna", false), message("reading", "{", false)];
    let good = [reading("12345.6", "anna", false), reading("12346", "ernst", false)];
    bookkeeping.record(&good.into_iter().chain(bad).collect::<Vec<_>>(), None, Instant::now()).unwrap();
    assert_eq!(bookkeeping.counts.borrow().outcome.not_taken(), 3);
    assert_eq!(readings(folder.path()), [(12346.0, "ernst".to_owned())]);
    // One that a broker has kept may be the one that was corrected.
    bookkeeping.record(&[reading("12345.6", "anna", true)], None, Instant::now()).unwrap();
    assert_eq!(readings(folder.path()), [(12346.0, "ernst".to_owned())]);
    assert_eq!((account(folder.path()), pulses(folder.path())), (("a".to_owned(), 1), 5));
}

#[test]
fn a_reading_that_is_taken_back_is_gone_also_if_both_come_again() {
    let folder = TempDir::new().unwrap();
    let mut bookkeeping = bookkeeping(folder.path());
    let taken_back = |retain: bool| {
        message("reading", r#"{"t":"2026-11-25T17:30:00Z","taken_back":true,"by":"ernst"}"#, retain)
    };
    bookkeeping
        .record(&[info("a", false), minute(1, 1, 5), reading("7", "anna", false)], None, Instant::now())
        .unwrap();
    // One that a broker has kept may be older than what was entered since.
    bookkeeping.record(&[taken_back(true)], None, Instant::now()).unwrap();
    assert_eq!((bookkeeping.counts.borrow().outcome.not_taken(), readings(folder.path()).len()), (1, 1));
    bookkeeping.record(&[taken_back(false)], None, Instant::now()).unwrap();
    assert!(readings(folder.path()).is_empty());
    // Killed before it acknowledged either.
    bookkeeping
        .record(&[reading("7", "anna", false), taken_back(false), taken_back(false)], None, Instant::now())
        .unwrap();
    assert!(readings(folder.path()).is_empty());
    bookkeeping.record(&[reading("8", "anna", false)], None, Instant::now()).unwrap();
    assert_eq!(readings(folder.path()), [(8.0, "anna".to_owned())], "it can be entered again");
    assert_eq!((account(folder.path()), pulses(folder.path())), (("a".to_owned(), 1), 5));
    assert_eq!(bookkeeping.counts.borrow().outcome.not_taken(), 1);
}

#[test]
fn a_correction_holds_once_and_is_undone_however_often_both_come() {
    let folder = TempDir::new().unwrap();
    let mut bookkeeping = bookkeeping(folder.path());
    let counted = [info("a", false), minute(1, 1, 5), minute(2, 2, 10)];
    bookkeeping.record(&counted, None, Instant::now()).unwrap();
    let ledger = || Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let all = || ledger().meters().unwrap().remove(0);
    let first = ledger().first(&all()).unwrap().unwrap();
    let next = Minute::nearest(first.epoch_minutes() + 1);
    let said = format!(
        r#"{{"said":"2026-11-25T17:30:00Z","from":"{first}","to":"{next}","kind":"void","reason":"x","by":"otto"}}"#
    );
    let undone = format!(
        r#"{{"said":"2026-11-25T17:30:00Z","from":"{first}","undone":"2026-11-25T18:00:00Z","by":"otto"}}"#
    );
    let message = |payload: &str, retain| message("correction", payload, retain);
    bookkeeping.record(&[message(&said, true), message("{}", false)], None, Instant::now()).unwrap();
    assert_eq!(
        (bookkeeping.counts.borrow().outcome.not_taken(), pulses(folder.path())),
        (2, 10),
        "kept by a broker, or none"
    );
    bookkeeping.record(&[message(&said, false), message(&said, false)], None, Instant::now()).unwrap();
    assert_eq!((ledger().corrections(&all()).unwrap().len(), pulses(folder.path())), (1, 5));
    let other = said.replace("\"x\"", "\"y\"");
    bookkeeping.record(&[message(&other, false)], None, Instant::now()).unwrap();
    assert_eq!(
        (bookkeeping.counts.borrow().outcome.not_taken(), pulses(folder.path())),
        (3, 5),
        "of the same minutes"
    );
    bookkeeping.record(&[message(&undone, false)], None, Instant::now()).unwrap();
    // Killed before it acknowledged either.
    let again = [message(&said, false), message(&undone, false)];
    bookkeeping.record(&again, None, Instant::now()).unwrap();
    let corrections = ledger().corrections(&all()).unwrap();
    assert_eq!(
        (corrections.len(), pulses(folder.path()), bookkeeping.counts.borrow().outcome.not_taken()),
        (1, 10, 3)
    );
    assert_eq!(corrections[0].undone.as_ref().unwrap().by, "otto");
}

#[test]
fn a_reading_is_acknowledged_only_once_it_is_in_the_ledger() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let mut bookkeeping = bookkeeping(folder.path());
    bookkeeping.record(&[info("a", false)], None, Instant::now()).unwrap();
    let (output, mut said) = tokio::sync::mpsc::unbounded_channel();
    let (inputs, ledger_thread) = bookkeeping.spawn(output).unwrap();
    // Somebody else writes: the commit has to wait.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    inputs.send(reading("1", "anna", false)).unwrap();
    thread::sleep(Duration::from_millis(1500));
    assert!(said.try_recv().is_err(), "acknowledged before it is kept");
    other.execute_batch("COMMIT").unwrap();
    let acknowledged = said.blocking_recv().unwrap().acknowledge;
    assert_eq!((acknowledged.len(), readings(folder.path())), (1, vec![(1.0, "anna".to_owned())]));
    drop(inputs);
    ledger_thread.join_blocking().unwrap();
}

#[test]
fn a_retained_info_does_not_take_back_what_was_heard() {
    let folder = TempDir::new().unwrap();
    let mut bookkeeping = bookkeeping(folder.path());
    bookkeeping.record(&[Input::Connected, info("a", true)], None, Instant::now()).unwrap();
    assert_eq!(account(folder.path()).0, "a");
    bookkeeping
        .record(&[info("b", false), minute(1, 1, 5), info("a", true), minute(2, 2, 10)], None, Instant::now())
        .unwrap();
    assert_eq!(account(folder.path()), ("b".to_owned(), 2));
    // Over another connection it is the newest there is.
    bookkeeping.record(&[Input::Connected, info("a", true)], None, Instant::now()).unwrap();
    assert_eq!(account(folder.path()).0, "a");
}
