//! A ledger that somebody has changed by hand is found out, and what follows from its minutes is made anew.
#![allow(clippy::unwrap_used)]

mod homes;

use meter_ledger::{Fault, FaultKind, Ledger};
use meter_messages::{Info, Minute, PulseCount};
use tempfile::TempDir;

use homes::{IS_DATABASE, by_hand, home};

const FIRST: i64 = 20_000 * 24 * 60;

/// Two meters with a minute of 7 pulses on each of 12 days, most of which are packed.
fn ledger() -> (TempDir, Ledger) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    for meter in ["hq/main", "hq/shed"] {
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter.parse().unwrap(), &Info::from_json(info).unwrap()).unwrap();
        for day in 0..12 {
            let (minute, seq) = (Minute::nearest(FIRST + day * 24 * 60), day as u64 + 1);
            batch
                .record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses: 7, total: 7 * seq })
                .unwrap();
        }
        batch.commit().unwrap();
    }
    (0..4).for_each(|_| ledger.batch().unwrap().commit().unwrap());
    (folder, ledger)
}

fn check(ledger: &Ledger) -> (Vec<Fault>, u64) {
    let mut faults = ledger.check_file().unwrap();
    let mut days = 0;
    for meter in ledger.meters_to_check().unwrap() {
        faults.extend(ledger.check(&meter, || days += 1).unwrap());
    }
    (faults, days)
}

#[test]
fn a_ledger_as_the_recorder_writes_it_is_sound() {
    let (_folder, ledger) = ledger();
    assert_eq!(check(&ledger), (vec![], 20), "two days of each meter are still in rows");
    let days: u64 = ledger.meters_to_check().unwrap().iter().map(|meter| meter.days).sum();
    assert_eq!(days, 20);
}

#[test]
fn sums_that_were_changed_by_hand_are_found_and_made_anew() {
    let (folder, mut ledger) = ledger();
    // Those of a day, and those of its quarters of an hour.
    let zeroes = if IS_DATABASE { "decode(repeat('00', 96), 'hex')" } else { "zeroblob(96)" };
    by_hand(
        folder.path(),
        &format!(
            "UPDATE day SET pulses = 8 WHERE meter = 1 AND day = 20003;
             DELETE FROM quarters WHERE meter = 1 AND day = 20004;
             UPDATE quarters SET sums = {zeroes} WHERE meter = 1 AND day = 20005;"
        ),
    );
    let (faults, _) = check(&ledger);
    let said: Vec<String> = faults.iter().map(Fault::to_string).collect();
    let expected = ["07", "08", "09"]
        .map(|day| format!("hq/main: 2024-10-{day}: the day's sums are not those of its minutes"));
    assert_eq!(said, expected);
    assert!(faults[0].is_repairable());
    let meters = ledger.meters_to_check().unwrap();
    let mut batch = ledger.batch().unwrap();
    let repaired: Vec<u64> = meters.iter().map(|meter| batch.repair(meter).unwrap()).collect();
    batch.commit().unwrap();
    assert_eq!(repaired, [3, 0]);
    assert_eq!(check(&ledger).0, []);
    let meter = ledger.meter(&"hq/main".parse().unwrap()).unwrap().unwrap();
    let sum = ledger.sum(&meter, Minute::nearest(FIRST)..Minute::nearest(FIRST + 12 * 24 * 60)).unwrap();
    assert_eq!(sum.pulses, 84);
}

#[test]
fn what_belongs_to_nothing_or_stands_twice_is_told() {
    let (folder, ledger) = ledger();
    by_hand(
        folder.path(),
        "UPDATE day SET runs = 'x' WHERE meter = 1 AND day = 20001;
         UPDATE day SET day = 19999 WHERE meter = 1 AND day = 20002;
         INSERT INTO minute SELECT 1, minute - 5 * 1440, outbox, pulses, watched_s, total, seq FROM minute
             WHERE meter = 1 AND minute = (SELECT max(minute) FROM minute WHERE meter = 1);
         UPDATE meter SET outbox = 'b' WHERE meter = 'shed';
         INSERT INTO meter VALUES (9, 'hq', 'gone', 'x', 1000000, 'a', 0, 0, 'electricity', NULL, NULL, NULL, NULL);
         INSERT INTO minute VALUES (9, 1, 1, 1, 60, 1, 1);
         DELETE FROM meter WHERE id = 9;",
    );
    let (faults, _) = check(&ledger);
    let kinds: Vec<_> = faults.iter().map(|fault| (fault.meter.as_deref(), &fault.kind)).collect();
    let has = |kind: &dyn Fn(&FaultKind) -> bool, meter: Option<&str>| {
        kinds.iter().filter(|(of, found)| *of == meter && kind(found)).count() == 1
    };
    let main = Some("hq/main");
    assert!(
        has(&|kind| matches!(kind, FaultKind::Orphans { table, rows: 1 } if table == "minute"), None),
        "{kinds:?}"
    );
    assert!(has(&|kind| matches!(kind, FaultKind::Unreadable { .. }), main), "{kinds:?}");
    assert!(has(&|kind| matches!(kind, FaultKind::OtherDays { .. }), main), "{kinds:?}");
    assert!(has(&|kind| matches!(kind, FaultKind::Twice { .. }), main), "{kinds:?}");
    assert!(has(&|kind| *kind == FaultKind::NoOutbox, Some("hq/shed")), "{kinds:?}");
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    assert!(faults.iter().all(|fault| !fault.is_repairable()));
}
