//! A ledger is copied from one home to the other and back, while it is written, and is the same.

use std::path::Path;

use jiff::Timestamp;
use meter_ledger::{CopyingError, CorrectionKind, Ledger, LedgerHome, NewCorrection, NewImport, Piece};
use meter_messages::{Info, Meter, MeterReading, Minute, PulseCount, PulseTimes, Unit};
use postgres_for_tests::{Server, rows};
use tempfile::TempDir;

const FIRST: i64 = 20_000 * 1440;

fn meter(name: &str) -> Meter {
    format!("hq/{name}").parse().unwrap()
}

fn info() -> Info {
    let json =
        br#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    Info::from_json(json).unwrap()
}

fn database(name: &str) -> (String, LedgerHome) {
    let address = Server::shared().address(name);
    (address.clone(), address.parse().unwrap())
}

fn record(ledger: &mut Ledger, name: &str, minutes: std::ops::Range<i64>) {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(name), &info()).unwrap();
    for at in minutes {
        let seq = at as u64 + 1;
        let count =
            PulseCount { minute: Minute::nearest(FIRST + at), watched_s: 60, seq, pulses: 2, total: 2 * seq };
        batch.record_timed(&mark, &count, PulseTimes::new(2, 1_000, 31_000)).unwrap();
    }
    batch.commit().unwrap();
}

/// Meters with packed days, a former name, a correction, a reading and something imported.
fn fill(ledger: &mut Ledger) {
    record(ledger, "main", 0..5 * 1440);
    record(ledger, "shed", 0..90);
    let (at, by) = (Timestamp::UNIX_EPOCH, "anna".to_owned());
    let mut batch = ledger.batch().unwrap();
    batch.rename(&meter("shed"), &meter("barn"), "anna", at).unwrap();
    let reading = MeterReading { at, shown: 0.1, unit: Unit::KilowattHour, by: by.clone(), replaced: false };
    batch.enter(&meter("main"), &reading, at).unwrap();
    let span = Minute::nearest(FIRST + 7)..Minute::nearest(FIRST + 9);
    let void = NewCorrection { span, kind: CorrectionKind::Void, reason: "x".into(), by: by.clone() };
    batch.correct(&meter("main"), &void, at).unwrap();
    let first = Minute::nearest(FIRST - 3000);
    let new = NewImport { meter: meter("main"), source: "csv".into(), first, pulses: 60, by };
    let mut importing = batch.begin_import(&new, Minute::nearest(FIRST - 2900), at).unwrap();
    let piece = Piece { from: first, minutes: 60, pulses: 60, watched_s: 60 };
    batch.import(&mut importing, &[piece]).unwrap();
    batch.finish_import(&importing, at).unwrap();
    batch.commit().unwrap();
}

fn copy(from: &LedgerHome, to: &LedgerHome, replace: bool) -> Result<u64, CopyingError> {
    let (mut last, mut of) = (0, 0);
    let mut into = Ledger::open(to).unwrap();
    let copied = Ledger::open_read_only(from).unwrap().copy_into(&mut into, replace, |done, all| {
        assert!(done >= last && done <= all);
        (last, of) = (done, all);
    });
    assert!(copied.is_err() || last == of, "{last} of {of}");
    copied
}

/// All that is read of its meters.
fn read(home: &LedgerHome) -> String {
    let ledger = Ledger::open_read_only(home).unwrap();
    let meters = ledger.meters().unwrap();
    let all = Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX);
    let of_meter = |meter| {
        let minutes = ledger.minutes(meter, all.clone()).unwrap();
        let said = (ledger.corrections(meter).unwrap(), ledger.readings(meter, 10).unwrap());
        format!("{meter:?} {minutes:?} {said:?} {:?}", ledger.trust(meter, 100).unwrap())
    };
    let meters: Vec<_> = meters.iter().map(of_meter).collect();
    format!("{meters:?} {:?} {:?}", ledger.outbox_marks().unwrap(), ledger.imports().unwrap())
}

#[test]
fn a_ledger_moves_to_the_other_home_and_back_and_goes_on_there() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| LedgerHome::File(folder.path().join(name));
    let (address, home) = database("copied");
    fill(&mut Ledger::open(&file("first.sqlite")).unwrap());
    let copied = copy(&file("first.sqlite"), &home, false).unwrap();
    assert!(copied > 2 * 1440, "{copied} rows");
    assert_eq!(read(&home), read(&file("first.sqlite")));
    // It goes on there: new meters, outboxes and corrections have numbers of their own.
    let mut ledger = Ledger::open(&home).unwrap();
    record(&mut ledger, "main", 5 * 1440..5 * 1440 + 30);
    record(&mut ledger, "new", 0..30);
    drop(ledger);
    assert_eq!(
        rows(&address, "SELECT count(*) FROM every_minute"),
        [[(5 * 1440 + 90 + 30 + 30).to_string()]]
    );
    copy(&home, &file("back.sqlite"), false).unwrap();
    assert_eq!(read(&home), read(&file("back.sqlite")));
    let mut ledger = Ledger::open(&file("back.sqlite")).unwrap();
    record(&mut ledger, "newer", 0..30);
    assert_eq!(ledger.meters().unwrap().len(), 4);
    assert_eq!(ledger.check_file().unwrap(), []);
}

#[test]
fn what_is_there_is_replaced_only_if_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let file = LedgerHome::File(folder.path().join("ledger.sqlite"));
    let (_, home) = database("replaced");
    fill(&mut Ledger::open(&file).unwrap());
    record(&mut Ledger::open(&home).unwrap(), "other", 0..10);
    let before = read(&home);
    assert!(matches!(copy(&file, &home, false), Err(CopyingError::NotEmpty)));
    assert_eq!(read(&home), before);
    copy(&file, &home, true).unwrap();
    assert_eq!(read(&home), read(&file));
}

#[test]
fn what_is_recorded_meanwhile_is_in_the_next_copy() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let file = LedgerHome::File(path.clone());
    let (_, home) = database("meanwhile");
    fill(&mut Ledger::open(&file).unwrap());
    let write =
        |path: &Path| (0..20).for_each(|at| record(&mut Ledger::open(path).unwrap(), "late", at..at + 1));
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| write(&path));
        copy(&file, &home, false).unwrap();
        recorder.join().unwrap();
    });
    copy(&file, &home, true).unwrap();
    assert_eq!(read(&home), read(&file));
}
