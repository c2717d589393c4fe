//! Several programs record into one ledger, each with what it remembers of the newest minutes: no minute is there twice.

use std::collections::BTreeSet;

use meter_ledger::Ledger;
use meter_messages::{Info, Meter, Minute, OutboxId, PulseCount};
use postgres_for_tests::{Server, rows};
use proptest::prelude::*;

const FIRST: i64 = 20_000 * 24 * 60;
const METERS: usize = 30;

/// They say which meters they write; one more that records does not.
const RECORDERS: usize = 2;

/// What one of them does.
#[derive(Debug, Clone)]
enum Event {
    /// Records minutes of some meters for one of two outboxes; all outboxes say the same of a minute, as copies of a card do.
    Records {
        writer: usize,
        meters: std::ops::Range<usize>,
        minutes: std::ops::Range<i64>,
        outbox: usize,
        is_kept: bool,
    },
    /// Is started again.
    Starts(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let writer = prop_oneof![8 => 0..RECORDERS, 1 => Just(RECORDERS)];
    let records = (writer, 0..METERS, 1..20usize, 0..12i64, 1..3i64, 0..2usize, prop::bool::weighted(0.9));
    let records =
        records.prop_map(|(writer, meter, meters, minute, minutes, outbox, is_kept)| Event::Records {
            writer,
            meters: meter..(meter + meters).min(METERS),
            minutes: minute..minute + minutes,
            outbox,
            is_kept,
        });
    prop_oneof![20 => records, 1 => (0..RECORDERS).prop_map(Event::Starts)]
}

fn name(meter: usize) -> Meter {
    format!("hq/m{meter:02}").parse().unwrap()
}

fn register(ledger: &mut Ledger) {
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    (0..METERS).for_each(|meter| _ = batch.register(&name(meter), &Info::from_json(info).unwrap()).unwrap());
    batch.commit().unwrap();
}

fn join(ledger: &mut Ledger, number: usize) {
    let mut batch = ledger.batch().unwrap();
    batch.join(&format!("recorder-{number}")).unwrap();
    batch.commit().unwrap();
}

fn record(
    ledger: &mut Ledger,
    meters: std::ops::Range<usize>,
    minutes: std::ops::Range<i64>,
    outbox: usize,
) -> bool {
    let mut batch = ledger.batch().unwrap();
    let outbox: OutboxId = ["a", "b"][outbox].parse().unwrap();
    for meter in meters {
        let mark = batch.outbox(&name(meter), &outbox).unwrap().unwrap();
        for at in minutes.clone() {
            // A pulse in each minute: two that say the same are the same.
            let (seq, minute) = (at as u64 + 1, Minute::nearest(FIRST + at));
            let count = PulseCount { minute, watched_s: 60, seq, pulses: 1, total: seq };
            if batch.record(&mark, &count).is_err() {
                return false;
            }
        }
    }
    batch.commit().is_ok()
}

#[test]
fn who_has_taken_a_meter_over_is_noticed_by_who_wrote_it_before() {
    let address = Server::shared().address("taken_over");
    let home: meter_ledger::LedgerHome = address.parse().unwrap();
    let mut ledgers: Vec<Ledger> = (0..2).map(|_| Ledger::open(&home).unwrap()).collect();
    register(&mut ledgers[0]);
    for (number, ledger) in ledgers.iter_mut().enumerate() {
        join(ledger, number);
    }
    for (writer, minute, outbox) in
        [(0, 0, 0), (1, 5, 0), (0, 5, 1), (0, 6, 0), (1, 6, 1), (1, 7, 0), (1, 7, 1)]
    {
        assert!(record(&mut ledgers[writer], 0..1, minute..minute + 1, outbox), "{writer} {minute} {outbox}");
    }
    assert_eq!(rows(&address, "SELECT count(*) FROM minute")[0][0], "4");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn whoever_records_and_remembers_what_no_minute_is_there_twice(events in prop::collection::vec(event(), 1..40)) {
        static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let address = Server::shared().address(&format!("writers_{number}"));
        let home: meter_ledger::LedgerHome = address.parse().unwrap();
        let mut ledgers: Vec<Ledger> = (0..=RECORDERS).map(|_| Ledger::open(&home).unwrap()).collect();
        register(&mut ledgers[0]);
        (0..RECORDERS).for_each(|writer| join(&mut ledgers[writer], writer));
        let mut expected = BTreeSet::new();
        for event in events {
            match event {
                Event::Records { writer, meters, minutes, outbox, is_kept: true } => {
                    expected.extend(meters.clone().flat_map(|meter| minutes.clone().map(move |at| (meter, at))));
                    prop_assert!(record(&mut ledgers[writer], meters, minutes, outbox), "a batch is refused");
                }
                Event::Records { writer, meters, .. } => {
                    // The batch begins, looks, and is not committed.
                    let mut batch = ledgers[writer].batch().unwrap();
                    for meter in meters {
                        let mark = batch.current(&name(meter)).unwrap().unwrap();
                        let minute = Minute::nearest(FIRST - 1);
                        let count = PulseCount { minute, watched_s: 60, seq: 900, pulses: 0, total: 900 };
                        batch.record(&mark, &count).unwrap();
                    }
                }
                Event::Starts(writer) => {
                    ledgers[writer] = Ledger::open(&home).unwrap();
                    join(&mut ledgers[writer], writer);
                }
            }
        }
        let there = rows(&address, "SELECT meter.meter, minute FROM minute JOIN meter ON meter.id = minute.meter ORDER BY 1, 2");
        let expected: Vec<Vec<String>> =
            expected.iter().map(|(meter, at)| vec![format!("m{meter:02}"), (FIRST + at).to_string()]).collect();
        prop_assert_eq!(there, expected);
    }
}
