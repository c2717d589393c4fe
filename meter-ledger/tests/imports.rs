//! Imports: what they bring is summed as what it is, nothing is counted twice, and all of it can be undone.
#![allow(clippy::unwrap_used)]

mod homes;

use jiff::Timestamp;
use meter_ledger::{Imported, Ledger, NewImport, Piece, RecordedMeter};
use meter_messages::{Info, Meter, Minute, PulseCount};
use tempfile::TempDir;

use homes::{home, number};

/// The beginning of a day.
const FIRST: i64 = 20_000 * 24 * 60;

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn info(outbox: &str) -> Info {
    let info = format!(
        r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
    );
    Info::from_json(info.as_bytes()).unwrap()
}

fn ledger(folder: &TempDir) -> Ledger {
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    let mut batch = ledger.batch().unwrap();
    batch.register(&meter(), &info("a")).unwrap();
    batch.commit().unwrap();
    ledger
}

fn known(ledger: &Ledger) -> RecordedMeter {
    ledger.meter(&meter()).unwrap().unwrap()
}

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

fn piece(at: i64, minutes: u32, pulses: u64) -> Piece {
    Piece { from: minute(at), minutes, watched_s: 60, pulses }
}

fn record(ledger: &mut Ledger, counts: &[(i64, u32)]) {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.outbox(&meter(), &"a".parse().unwrap()).unwrap().unwrap();
    for (at, pulses) in counts {
        let total = 1_000_000 + *at as u64 * 100 + u64::from(*pulses);
        let count =
            PulseCount { minute: minute(*at), watched_s: 60, seq: *at as u64 + 1, pulses: *pulses, total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
}

fn import(ledger: &mut Ledger, source: &str, pieces: &[Piece]) -> (i64, Imported) {
    let pulses = pieces.iter().map(|piece| piece.pulses).sum();
    let (first, last) = (pieces[0].from, pieces[pieces.len() - 1].from);
    let new = NewImport { meter: meter(), source: source.into(), by: "test".into(), first, pulses };
    let mut batch = ledger.batch().unwrap();
    let mut importing = batch.begin_import(&new, last, Timestamp::UNIX_EPOCH).unwrap();
    batch.commit().unwrap();
    let mut imported = Imported::default();
    let day = |piece: &Piece| piece.from.epoch_minutes().div_euclid(1440);
    for of_day in pieces.chunk_by(|one, next| day(one) == day(next)) {
        let mut batch = ledger.batch().unwrap();
        imported = imported.and(&batch.import(&mut importing, of_day).unwrap());
        batch.commit().unwrap();
    }
    let mut batch = ledger.batch().unwrap();
    batch.finish_import(&importing, Timestamp::UNIX_EPOCH).unwrap();
    batch.commit().unwrap();
    (importing.id, imported)
}

fn undo(ledger: &mut Ledger, id: i64) {
    let mut from = None;
    loop {
        let mut batch = ledger.batch().unwrap();
        from = batch.undo_import(id, from, ("test", Timestamp::UNIX_EPOCH)).unwrap();
        batch.commit().unwrap();
        if from.is_none() {
            return;
        }
    }
}

fn pulses(ledger: &Ledger, span: std::ops::Range<i64>) -> (u64, u64) {
    let sum = ledger.sum(&known(ledger), minute(span.start)..minute(span.end)).unwrap();
    (sum.pulses, sum.watched_s)
}

#[test]
fn an_hour_stays_an_hour_and_is_undone_as_a_whole() {
    let folder = TempDir::new().unwrap();
    let mut ledger = ledger(&folder);
    record(&mut ledger, &[(3000, 7), (3001, 8)]);
    let hours: Vec<Piece> = (0..50).map(|hour| piece(hour * 60, 60, 500 + hour as u64)).collect();
    // The last one begins where a minute is counted.
    let (id, imported) = import(&mut ledger, "hours", &hours);
    assert_eq!(imported, Imported { minutes: 0, spans: 50, pulses: 26_225, there: 0, pulses_there: 0 });
    assert_eq!(pulses(&ledger, 0..3002), (26_225 + 15, 50 * 3600 + 120));
    assert_eq!(pulses(&ledger, 60..120), (501, 3600));
    // Where a step cuts through it, its pulses are spread.
    assert_eq!((pulses(&ledger, 0..30).0, pulses(&ledger, 30..60).0), (250, 250));
    let meter = known(&ledger);
    assert_eq!(meter.resolution(&(minute(0)..minute(10))), 60);
    assert_eq!(meter.resolution(&(minute(3000)..minute(3010))), 1);
    assert_eq!(ledger.first(&meter).unwrap(), Some(minute(0)));
    let trust = ledger.trust(&meter, 5).unwrap().unwrap();
    assert_eq!((trust.gaps, trust.unwatched_s), (0, 0));
    // What the meter has shown leads up to what was counted.
    assert_eq!(ledger.reading_at(&meter, minute(0)).unwrap(), None);
    let at_end = ledger.reading_at(&meter, minute(3000)).unwrap().unwrap();
    assert!((at_end - 1300.0).abs() < 0.001, "{at_end}");

    // The same again is nothing new, and leaves nothing behind.
    let (_, again) = import(&mut ledger, "hours", &hours);
    assert_eq!(again, Imported { there: 50, pulses_there: 26_225, ..Imported::default() });
    assert_eq!(ledger.imports().unwrap().len(), 1);

    undo(&mut ledger, id);
    assert_eq!(pulses(&ledger, 0..3002), (15, 120));
    assert_eq!(ledger.first(&known(&ledger)).unwrap(), Some(minute(3000)));
    assert!(ledger.imports().unwrap()[0].undone.is_some());
    assert!(ledger.check_file().unwrap().is_empty());
    let mut batch = ledger.batch().unwrap();
    assert!(batch.undo_import(id, None, ("x", Timestamp::UNIX_EPOCH)).is_err());
    assert!(batch.undo_import(77, None, ("x", Timestamp::UNIX_EPOCH)).is_err());
}

#[test]
fn what_was_counted_goes_before_what_was_imported_also_if_it_comes_later() {
    let folder = TempDir::new().unwrap();
    let mut ledger = ledger(&folder);
    let mut pieces: Vec<Piece> = (0..5 * 1440).map(|at| piece(at, 1, 3)).collect();
    pieces.push(piece(5 * 1440, 60, 600));
    import(&mut ledger, "mixed", &pieces);
    assert_eq!(pulses(&ledger, 0..6 * 1440), (5 * 1440 * 3 + 600, (5 * 1440 + 60) * 60));
    // In a packed day, in one in rows, and within the hour, of whose pulses the rest stays.
    record(&mut ledger, &[(10, 50), (5 * 1440 - 10, 50), (5 * 1440 + 10, 50)]);
    assert_eq!(pulses(&ledger, 0..6 * 1440), (5 * 1440 * 3 - 6 + 100 + 600, (5 * 1440 + 60) * 60));
    assert_eq!(pulses(&ledger, 10..11), (50, 60));
    let hour = 5 * 1440;
    assert_eq!(
        (pulses(&ledger, hour..hour + 60), pulses(&ledger, hour + 10..hour + 11)),
        ((600, 3600), (50, 60))
    );
    assert_eq!(pulses(&ledger, hour..hour + 10).0 + pulses(&ledger, hour + 11..hour + 60).0, 550);
    // More than the hour has: nothing is left for its other minutes.
    record(&mut ledger, &[(hour + 20, 580)]);
    assert_eq!((pulses(&ledger, hour..hour + 60), pulses(&ledger, hour..hour + 10)), ((630, 3600), (0, 600)));
}

/// An hour in which counting began is imported for the minutes before: neither lost nor counted twice.
/// Whatever comes first, the minute has what was counted and the rest of what was imported, and both are of one minute.
#[test]
fn of_a_minute_that_is_watched_in_part_the_rest_is_imported() {
    for import_first in [true, false] {
        let folder = TempDir::new().unwrap();
        let mut ledger = ledger(&folder);
        // Another minute two days later, so that the day is packed.
        record(&mut ledger, &[(5000, 1)]);
        let pieces = [piece(10, 1, 30), piece(11, 1, 30), piece(12, 1, 30)];
        let part = |ledger: &mut Ledger, (at, outbox): (i64, &str), watched_s, pulses| {
            let mut batch = ledger.batch().unwrap();
            let mark = batch.outbox(&meter(), &outbox.parse().unwrap()).unwrap().unwrap();
            let count =
                PulseCount { minute: minute(at), watched_s, seq: at as u64 + 1, pulses, total: 1_000_000 };
            batch.record(&mark, &count).unwrap();
            batch.commit().unwrap();
        };
        let count = |ledger: &mut Ledger| {
            part(ledger, (10, "a"), 20, 12);
            // Again, and more than was imported; and of two cards.
            part(ledger, (10, "a"), 20, 12);
            part(ledger, (11, "a"), 50, 40);
            part(ledger, (12, "a"), 20, 5);
            part(ledger, (12, "b"), 40, 6);
        };
        if !import_first {
            count(&mut ledger);
        }
        let (id, imported) = import(&mut ledger, "minutes", &pieces);
        if import_first {
            count(&mut ledger);
        } else {
            assert_eq!(
                (imported.minutes, imported.pulses, imported.there, imported.pulses_there),
                (2, 18, 3, 72)
            );
        }
        let minutes = [10, 11, 12].map(|at| pulses(&ledger, at..at + 1));
        assert_eq!(minutes, [(30, 60), (40, 60), (11, 60)], "{import_first}");
        assert_eq!(import(&mut ledger, "minutes again", &pieces).1.pulses, 0);
        assert_eq!([10, 11, 12].map(|at| pulses(&ledger, at..at + 1)), minutes);
        let known = known(&ledger);
        assert_eq!(ledger.trust(&known, 10_000).unwrap().unwrap().counted_twice, 0);
        undo(&mut ledger, id);
        assert_eq!([10, 11, 12].map(|at| pulses(&ledger, at..at + 1)), [(12, 20), (40, 50), (11, 60)]);
        for known in ledger.meters_to_check().unwrap() {
            assert_eq!(ledger.check(&known, || {}).unwrap(), []);
        }
    }
}

#[test]
fn of_an_hour_that_is_counted_in_part_the_rest_is_imported() {
    let folder = TempDir::new().unwrap();
    let mut ledger = ledger(&folder);
    record(&mut ledger, &(94..180).map(|at| (at, 10)).collect::<Vec<_>>());
    let hours: Vec<Piece> = (0..3).map(|hour| piece(hour * 60, 60, 620)).collect();
    let (id, imported) = import(&mut ledger, "hours", &hours);
    // The third one is counted as a whole.
    assert_eq!(
        imported,
        Imported { minutes: 0, spans: 2, pulses: 620 + 360, there: 2, pulses_there: 260 + 620 }
    );
    assert_eq!(pulses(&ledger, 0..180), (620 + 620 + 600, 3 * 3600));
    assert_eq!((pulses(&ledger, 60..94).0, pulses(&ledger, 94..120).0), (360, 260));
    let trust = ledger.trust(&known(&ledger), 5).unwrap().unwrap();
    assert_eq!((trust.gaps, trust.unwatched_s), (0, 0));
    // The rest comes late: what was imported of it is no more.
    record(&mut ledger, &(60..94).map(|at| (at, 9)).collect::<Vec<_>>());
    assert_eq!(pulses(&ledger, 0..180), (620 + 34 * 9 + 860, 3 * 3600));
    assert_eq!(number(folder.path(), "SELECT count(*) FROM imported_span"), 1);
    undo(&mut ledger, id);
    assert_eq!(pulses(&ledger, 0..180), (34 * 9 + 860, 120 * 60));
}
