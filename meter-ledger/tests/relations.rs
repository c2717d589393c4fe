//! What a meter measures and whose part it is: kept as its publisher says it, and nothing that is counted changes.
#![allow(clippy::unwrap_used)]

mod homes;

use meter_ledger::{Ledger, RecordedMinute};
use meter_messages::{Info, Measures, Meter, Minute, Relation};
use tempfile::TempDir;

use homes::{IS_DATABASE, by_hand, home};

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn all() -> std::ops::Range<Minute> {
    Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX)
}

fn info(said: &str) -> Info {
    let rest =
        r#""name":"Haus","pulses_per_kwh":187.5,"source":"x","version":"1","outbox":"a","oldest_seq":1"#;
    Info::from_json(format!("{{{rest}{said}}}").as_bytes()).unwrap()
}

fn tell(ledger: &mut Ledger, said: &str) {
    let mut batch = ledger.batch().unwrap();
    batch.register(&meter(), &info(said)).unwrap();
    batch.commit().unwrap();
}

fn known(ledger: &Ledger) -> (Relation, Vec<RecordedMinute>, Option<f64>) {
    let known = ledger.meter(&meter()).unwrap().unwrap();
    let minutes = ledger.minutes(&known, all()).unwrap();
    let quantity = ledger.sum(&known, all()).unwrap().quantity();
    (known.relation, minutes, quantity)
}

#[test]
fn a_ledger_of_format_8_is_brought_up_to_date_and_takes_relations() {
    if IS_DATABASE {
        return;
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch(include_str!("format_8.sql")).unwrap();
    let said = Ledger::open_read_only(&path).unwrap_err().to_string();
    assert!(said.contains("start the new powerpi-recorder"), "{said}");

    let mut ledger = Ledger::open(&path).unwrap();
    assert!(folder.path().join("ledger.sqlite.format-8").is_file(), "the file from before stays");
    let (relation, minutes, quantity) = known(&ledger);
    assert_eq!((&relation, quantity), (&Relation::default(), Some(500.0 / 1000.0 + 75.0 / 187.5)));
    assert_eq!(minutes.iter().map(|minute| minute.pulses).collect::<Vec<_>>(), [500, 75, 0]);
    assert_eq!((ledger.meters().unwrap().len(), ledger.unheard_meters().unwrap().len()), (2, 1));

    tell(&mut ledger, r#","measures":"export","part_of":"home/main""#);
    let part_of = Some("home/main".parse().unwrap());
    let exports = Relation { measures: Some(Measures::Export), part_of };
    assert_eq!(known(&ledger), (exports, minutes.clone(), quantity));
    // A publisher of before is put in its place.
    tell(&mut ledger, "");
    assert_eq!(known(&ledger), (Relation::default(), minutes, quantity));
}

#[test]
fn a_relation_that_cannot_be_read_says_nothing() {
    let folder = TempDir::new().unwrap();
    let home = home(folder.path());
    tell(&mut Ledger::open(&home).unwrap(), r#","measures":"production""#);
    // A later version may know more words.
    by_hand(folder.path(), "UPDATE meter SET measures = 'heat', part_of = 'not a meter'");
    let ledger = Ledger::open_read_only(&home).unwrap();
    assert_eq!(ledger.meters().unwrap()[0].relation, Relation::default());
}
