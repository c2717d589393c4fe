//! What minutes say of the times of their pulses reaches the ledger; what cannot be true of them costs no pulse.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use meter_ledger::Ledger;
use meter_messages::{Meter, Minute};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits};
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

const FIRST: i64 = 20_700 * 24 * 60;

fn message(what: &str, payload: String) -> Input {
    let message = Publish::new(format!("powerpi/hq/main/{what}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 1, message })
}

/// The power of each minute of a meter of 75 pulses per kWh with a pulse each 90 s, and how many pulses there are;
/// `times` is what a minute says of a pulse so many ms after its beginning.
fn recorded(times: impl Fn(i64) -> String) -> (Vec<f64>, u64) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let limits = Limits { max_meters: 100 };
    let ledger = Ledger::open(&path).unwrap();
    let books = Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true));
    let mut books = books.unwrap();
    let info = r#"{"name":"x","pulses_per_kwh":75,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut messages = vec![message("info", info.to_owned())];
    let mut total = 0;
    for at in 0..60 {
        let pulse = (0..40).map(|pulse| pulse * 90_000 + 40_000).find(|pulse| pulse / 60_000 == at);
        total += i64::from(pulse.is_some());
        let (t, seq, pulses) = (Minute::nearest(FIRST + at), at + 1, i64::from(pulse.is_some()));
        let times = pulse.map_or(String::new(), |pulse| times(pulse % 60_000));
        let json = format!(
            r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":{pulses},"total":{total},"outbox":"a"{times}}}"#
        );
        messages.push(message("minute", json));
    }
    books.record(&messages, None, Instant::now()).unwrap();
    let ledger = Ledger::open_read_only(&path).unwrap();
    let meter: Meter = "hq/main".parse().unwrap();
    let meter = ledger.meter(&meter).unwrap().unwrap();
    let bounds: Vec<Minute> = (0..=60).map(|at| Minute::nearest(FIRST + at)).collect();
    let sums = ledger.sums(&meter, &bounds).unwrap();
    (sums.iter().map(|sum| sum.mean_rate().unwrap()).collect(), sums.iter().map(|sum| sum.pulses).sum())
}

#[test]
fn the_times_of_few_pulses_are_kept() {
    // A pulse in 90 s are 533 W.
    let is_exact = |rate: &f64| (rate - 48_000.0 / 90.0).abs() < 0.1;
    let (rates, pulses) = recorded(|ms| format!(r#","first_ms":{ms}"#));
    assert!(rates.iter().all(is_exact) && pulses == 40, "{rates:?}");
    // Known to a minute: 60 or 120 s.
    for times in ["", r#","first_ms":60000"#, r#","first_ms":500,"last_ms":4294967295"#] {
        let (rates, pulses) = recorded(|_| times.to_owned());
        assert!(!rates.iter().all(is_exact) && pulses == 40, "{times}: {rates:?}");
        assert!(rates.iter().all(|rate| (400.0..=800.5).contains(rate)), "{times}: {rates:?}");
    }
}
