//! A meter that is forgotten is gone as a whole, and nothing of the others is.
#![allow(clippy::unwrap_used)]

mod homes;

use jiff::Timestamp;
use meter_ledger::{CorrectionKind, KeepingAside, Ledger, Lost, NewCorrection};
use meter_messages::{Info, Meter, MeterReading, Minute, PulseCount, Unit};
use tempfile::TempDir;

use homes::{IS_DATABASE, by_hand, home, number};

const FIRST: i64 = 20_000 * 24 * 60;

/// All that a ledger may hold of a meter.
fn record(ledger: &mut Ledger, meter: &Meter) {
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(meter, &Info::from_json(info).unwrap()).unwrap();
    let count = |day: i64| PulseCount {
        minute: Minute::nearest(FIRST + day * 24 * 60),
        watched_s: 60,
        seq: day as u64 + 1,
        pulses: 7,
        total: 7 * (day as u64 + 1),
    };
    for day in 0..5 {
        batch.record(&mark, &count(day)).unwrap();
    }
    assert_eq!(batch.keep_aside(meter, &mark, &count(9000)).unwrap(), KeepingAside::Kept);
    batch.note_refused(meter, meter_ledger::Reason::Rows, 1, Timestamp::UNIX_EPOCH).unwrap();
    batch.record_lost(&mark, &Lost { numbers: [6, 9], after: None }).unwrap();
    let (at, by) = (Timestamp::UNIX_EPOCH, "anna".to_owned());
    let reading = MeterReading { at, shown: 1.0, unit: Unit::KilowattHour, by: by.clone(), replaced: false };
    batch.enter(meter, &reading, at).unwrap();
    let span = Minute::nearest(FIRST)..Minute::nearest(FIRST + 1);
    let void = NewCorrection { span, kind: CorrectionKind::Void, reason: "x".into(), by };
    batch.correct(meter, &void, at).unwrap();
    batch.commit().unwrap();
}

#[test]
fn nothing_is_left_of_it_and_all_of_the_others() {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let [one, other]: [Meter; 2] = ["hq/one", "hq/other"].map(|meter| meter.parse().unwrap());
    let rows = || {
        let of_meters = if IS_DATABASE {
            "SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND column_name = 'meter'
                 AND table_name <> 'forgotten' ORDER BY table_name"
        } else {
            "SELECT sqlite_schema.name FROM sqlite_schema JOIN pragma_table_info(sqlite_schema.name) AS known
             WHERE sqlite_schema.type = 'table' AND known.name = 'meter' AND sqlite_schema.name <> 'forgotten'
             ORDER BY sqlite_schema.name"
        };
        let tables = homes::rows(folder.path(), of_meters).into_iter().flatten();
        let count = |table: &String| number(folder.path(), &format!("SELECT count(*) FROM {table}"));
        tables.map(|table| (table.clone(), count(&table))).collect::<Vec<_>>()
    };
    // When the pulses of minutes with few of them came, and what was imported, of each meter.
    let with_times = |name: &Meter| {
        let id = format!("SELECT id FROM meter WHERE meter = '{}'", name.meter);
        let meter = number(folder.path(), &id);
        let bytes = if IS_DATABASE { "'\\x00'" } else { "x'00'" };
        let sql = format!(
            "INSERT INTO pulse_times VALUES ({meter}, {FIRST}, 1, 1);
             INSERT INTO day_pulse_times VALUES ({meter}, 1, {bytes});
             INSERT INTO import (meter, source, total, begun, by) VALUES ({meter}, 'x', 0, 0, 'anna');
             INSERT INTO imported_span SELECT {meter}, 1, 2, max(id), 1, 1 FROM import;"
        );
        by_hand(folder.path(), &sql);
        if IS_DATABASE {
            by_hand(folder.path(), &format!("INSERT INTO writer VALUES ({meter}, 1)"));
        }
    };
    record(&mut ledger, &other);
    with_times(&other);
    let before = rows();
    // Each table has something of a meter: one that is new must be thought of here.
    assert!(before.len() > 9 && before.iter().all(|(_, rows)| *rows > 0), "{before:?}");
    record(&mut ledger, &one);
    with_times(&one);
    assert!(rows().iter().zip(&before).all(|(now, before)| now.1 > before.1));

    let mut batch = ledger.batch().unwrap();
    assert!(!batch.is_forgotten(&one).unwrap());
    let forgotten = batch.forget(&one, "anna", Timestamp::UNIX_EPOCH).unwrap().unwrap();
    assert_eq!(forgotten.newest, Some(Minute::nearest(FIRST + 4 * 24 * 60)));
    assert_eq!(batch.forget(&one, "anna", Timestamp::UNIX_EPOCH).unwrap(), None);
    assert!(batch.is_forgotten(&one).unwrap() && !batch.is_forgotten(&other).unwrap());
    batch.commit().unwrap();
    assert_eq!(rows(), before);
    assert_eq!(ledger.forgotten_after(0).unwrap(), std::slice::from_ref(&forgotten));
    assert_eq!(ledger.forgotten_after(forgotten.id).unwrap(), []);
    assert_eq!(number(folder.path(), "SELECT minutes FROM aside_of_site"), 1);
    let left: Vec<Meter> = ledger.meters().unwrap().into_iter().map(|known| known.meter).collect();
    assert_eq!(left, std::slice::from_ref(&other));
    assert_eq!(ledger.check_file().unwrap(), []);

    // It may come again, as a new one.
    record(&mut ledger, &one);
    assert!(!ledger.batch().unwrap().is_forgotten(&one).unwrap());
}
