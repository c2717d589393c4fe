//! Readings are kept beside the pulses and change none of them.
#![allow(clippy::unwrap_used)]

mod homes;

use std::path::Path;

use jiff::Timestamp;
use meter_ledger::{CorrectionKind, Entering, Ledger, NewCorrection, TakingBack};
use meter_messages::{Info, Meter, MeterReading, Minute, PulseCount, TakenBack, Unit};
use tempfile::TempDir;

use homes::{IS_DATABASE, home, rows};

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_740_000_000 + second).unwrap()
}

fn reading(second: i64, kwh: f64, by: &str) -> MeterReading {
    MeterReading { at: time(second), shown: kwh, unit: Unit::KilowattHour, by: by.into(), replaced: false }
}

fn recorded(folder: &Path) -> Ledger {
    let json =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    let mut ledger = Ledger::open(&home(folder)).unwrap();
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &Info::from_json(json).unwrap()).unwrap();
    for seq in 1..=200u64 {
        let minute = Minute::nearest(29_000_000 + seq as i64);
        batch.record(&mark, &PulseCount { minute, watched_s: 60, seq, pulses: 3, total: 3 * seq }).unwrap();
    }
    batch.commit().unwrap();
    ledger
}

fn enter(ledger: &mut Ledger, entered: &[(MeterReading, i64)]) -> Vec<Entering> {
    let mut batch = ledger.batch().unwrap();
    let became = entered.iter().map(|(reading, now)| batch.enter(&meter(), reading, time(*now)).unwrap());
    let became = became.collect();
    batch.commit().unwrap();
    became
}

/// All rows of all tables but that of readings.
fn rest(folder: &Path) -> Vec<Vec<String>> {
    let tables = ["meter", "outbox", "minute", "day", "constant", "given_up"];
    tables.iter().flat_map(|table| rows(folder, &format!("SELECT * FROM {table} ORDER BY 1, 2, 3"))).collect()
}

#[test]
fn a_reading_is_kept_and_the_same_time_corrects_it() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    use Entering::{AlreadyEntered, Corrected, Entered};
    let first = reading(60, 12345.6, "anna");
    let became =
        enter(&mut ledger, &[(reading(0, 12340.0, "anna"), 100), (first.clone(), 100), (first, 200)]);
    assert_eq!(became, [Entered, Entered, AlreadyEntered]);
    let corrected = enter(&mut ledger, &[(reading(60, 12346.0, "ernst"), 300)]);
    assert_eq!(corrected, [Corrected]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let kept = ledger.readings(&known, 10).unwrap();
    let said: Vec<_> = kept.iter().map(|it| (it.reading.clone(), it.entered)).collect();
    assert_eq!(said, [(reading(0, 12340.0, "anna"), time(100)), (reading(60, 12346.0, "ernst"), time(300))]);
    assert_eq!(ledger.readings(&known, 1).unwrap(), kept[1..]);
}

/// A total that was set to 123,456 instead of 12,345.6 never goes down; what is read off the meter may.
#[test]
fn what_a_meter_shows_is_what_was_read_last_and_what_was_counted_since() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let shows = |ledger: &Ledger| {
        let known = ledger.meter(&meter()).unwrap().unwrap();
        let (shows, total) = (ledger.shows(&known).unwrap().unwrap(), ledger.reading(&known).unwrap());
        assert_eq!(total, Some(0.6), "the total only counts");
        (shows * 1000.0).round() / 1000.0
    };
    assert_eq!(shows(&ledger), 0.6);
    enter(&mut ledger, &[(reading(0, 123_456.0, "anna"), 100)]);
    assert_eq!(shows(&ledger), 123_456.6);
    // Half an hour later, when 29 minutes had been counted; and after all of them.
    enter(&mut ledger, &[(reading(30 * 60, 12_345.6, "anna"), 200)]);
    assert_eq!(shows(&ledger), 12_346.113);
    enter(&mut ledger, &[(reading(500 * 60, 7.0, "anna"), 300)]);
    assert_eq!(shows(&ledger), 7.0);
    let mut batch = ledger.batch().unwrap();
    let taken_back = TakenBack { at: time(500 * 60), by: "anna".into() };
    batch.take_back(&meter(), &taken_back).unwrap();
    let minute = |number: i64| Minute::nearest(29_000_000 + number);
    let void = CorrectionKind::Void;
    let new =
        NewCorrection { span: minute(100)..minute(110), kind: void, reason: "x".into(), by: "x".into() };
    batch.correct(&meter(), &new, time(300)).unwrap();
    batch.commit().unwrap();
    assert_eq!(shows(&ledger), 12_346.083);
}

#[test]
fn what_is_taken_back_is_gone_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    enter(&mut ledger, &[(reading(0, 1.0, "a"), 0), (reading(60, 2.0, "a"), 0)]);
    let before = rest(folder.path());
    let mut take_back = |of: &str, second: i64| {
        let mut batch = ledger.batch().unwrap();
        let taken_back = TakenBack { at: time(second), by: "b".into() };
        let became = batch.take_back(&of.parse().unwrap(), &taken_back).unwrap();
        batch.commit().unwrap();
        became
    };
    for (of, second) in [("hq/other", 0), ("hq/main", 1)] {
        assert_eq!(take_back(of, second), TakingBack::NotThere, "{of} at {second}");
    }
    assert_eq!((take_back("hq/main", 0), take_back("hq/main", 0)), (TakingBack::Gone, TakingBack::NotThere));
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let kept = ledger.readings(&known, 10).unwrap();
    assert_eq!(kept.iter().map(|it| it.reading.clone()).collect::<Vec<_>>(), [reading(60, 2.0, "a")]);
    assert_eq!(rest(folder.path()), before);
}

#[test]
fn pulses_minutes_and_marks_are_as_they_were() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let before = rest(folder.path());
    assert!(before.len() > 200, "{before:?}");
    enter(&mut ledger, &[(reading(0, 1.0, "a"), 0), (reading(60, 1e9, "a"), 0), (reading(0, 0.0, "b"), 1)]);
    assert_eq!(rest(folder.path()), before);
}

#[test]
fn a_meter_that_nobody_recorded_has_no_readings_and_a_batch_that_was_dropped_none_either() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let mut batch = ledger.batch().unwrap();
    let other: Meter = "hq/other".parse().unwrap();
    assert_eq!(batch.enter(&other, &reading(0, 1.0, "a"), time(0)).unwrap(), Entering::UnknownMeter);
    assert_eq!(batch.enter(&meter(), &reading(0, 1.0, "a"), time(0)).unwrap(), Entering::Entered);
    drop(batch);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    assert!(ledger.readings(&known, 10).unwrap().is_empty());
}

#[test]
fn readings_cannot_fill_the_disk() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let many: Vec<_> = (0..10_001).map(|second| (reading(second, 1.0, "a"), 0)).collect();
    let became = enter(&mut ledger, &many);
    assert_eq!((became[9_999], became[10_000]), (Entering::Entered, Entering::TooMany));
    assert_eq!(enter(&mut ledger, &[(reading(5, 2.0, "a"), 0)]), [Entering::Corrected]);
}

#[test]
fn a_reading_in_another_unit_is_none() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let volume = MeterReading { unit: Unit::CubicMetre, ..reading(0, 1.0, "a") };
    assert_eq!(enter(&mut ledger, &[(volume, 0)]), [Entering::OtherUnit]);
    let known = ledger.meter(&meter()).unwrap().unwrap();
    assert!(ledger.readings(&known, 10).unwrap().is_empty());
}

#[test]
fn a_ledger_of_the_second_format_gets_a_place_for_readings() {
    if IS_DATABASE {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    drop(recorded(folder.path()));
    let before = rest(folder.path());
    // As it was before there were readings, and meters of anything but electricity.
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(
        "DROP VIEW every_minute;
         DROP TABLE quarters;
         DROP TABLE day;
         CREATE TABLE hour (meter INTEGER, hour INTEGER, pulses INTEGER, minutes INTEGER, watched_s INTEGER,
             most INTEGER);
         DROP TABLE given_up;
         CREATE TABLE given_up (meter INTEGER NOT NULL, after_minute INTEGER NOT NULL, numbers INTEGER NOT NULL)
             STRICT;
         DROP TABLE aside;
         DROP TABLE aside_of_site;
         DROP TABLE correction;
         DROP TABLE pulse_times;
         DROP TABLE day_pulse_times;
         DROP TABLE price;
         DROP TABLE price_series;
         DROP TABLE forgotten;
         DROP TABLE reading;
         DROP TABLE refused;
         DROP TABLE checked;
         DROP TABLE imported_span;
         DROP TABLE import;
         DROP INDEX moved_meter;
         ALTER TABLE meter DROP COLUMN moved_to;
         ALTER TABLE meter DROP COLUMN medium;
         ALTER TABLE meter DROP COLUMN measures;
         ALTER TABLE meter DROP COLUMN part_of;
         ALTER TABLE meter DROP COLUMN readings;
         UPDATE meter SET constant_millionths = constant_millionths / 1000000;
         UPDATE constant SET millionths = millionths / 1000000;
         ALTER TABLE meter RENAME COLUMN constant_millionths TO pulses_per_kwh;
         ALTER TABLE constant RENAME COLUMN millionths TO pulses_per_kwh;
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(old);
    let said = Ledger::open_read_only(&path).unwrap_err().to_string();
    assert!(said.contains("format 2") && said.contains("start the new powerpi-recorder"), "{said}");
    let mut ledger = Ledger::open(&path).unwrap();
    assert_eq!(enter(&mut ledger, &[(reading(0, 1.0, "a"), 0)]), [Entering::Entered]);
    drop(ledger);
    assert_eq!(rest(folder.path()), before);
    assert!(Ledger::open_read_only(&path).is_ok());
}

#[test]
fn what_a_publisher_says_stands_in_the_list_until_it_says_otherwise() {
    let folder = TempDir::new().unwrap();
    let mut ledger = recorded(folder.path());
    let newest =
        |ledger: &Ledger, most| ledger.readings(&ledger.meter(&meter()).unwrap().unwrap(), most).unwrap();
    let shown = |ledger: &Ledger| -> Vec<(f64, bool)> {
        let readings = newest(ledger, 10).into_iter();
        readings.map(|entered| (entered.reading.shown, entered.of_publisher)).collect()
    };
    enter(&mut ledger, &[(reading(60, 2.0, "anna"), 0)]);
    let say = |ledger: &mut Ledger, readings: Option<Vec<MeterReading>>| {
        let mut batch = ledger.batch().unwrap();
        let json =
            br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"b","oldest_seq":1}"#;
        batch.register(&meter(), &Info { readings, ..Info::from_json(json).unwrap() }).unwrap();
        batch.commit().unwrap();
    };
    let volume = MeterReading { unit: Unit::CubicMetre, ..reading(10, 9.0, "a") };
    say(&mut ledger, Some(vec![reading(0, 1.0, "ernst"), volume, reading(120, 3.0, "ernst")]));
    let all = vec![(1.0, true), (2.0, false), (3.0, true)];
    assert_eq!(shown(&ledger), all);
    assert_eq!(newest(&ledger, 1)[0].reading.shown, 3.0);
    // A new card has none, and takes none back.
    say(&mut ledger, None);
    assert_eq!(shown(&ledger), all);
    say(&mut ledger, Some(vec![reading(0, 1.0, "ernst")]));
    assert_eq!(shown(&ledger), all[..2]);
    say(&mut ledger, Some(Vec::new()));
    assert_eq!(shown(&ledger), [(2.0, false)]);
}
