//! A ledger in which somebody has changed or deleted rows of one meter: the others are recorded all the same.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use daemon_runtime::{MetricsForm, Tells};
use meter_ledger::{Checked, Ledger, Reason};
use meter_messages::{Mark, Meter, Minute};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits};
use recorder::counts::Counts;
use recorder::figures::Figures;
use recorder::plausible_time::PlausibleTime;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

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

    /// Records a batch and a pause after it; returns what was marked.
    fn record(&mut self, inputs: &[Input]) -> Vec<(Meter, Mark)> {
        self.1 += Duration::from_secs(2);
        let mut marks = self.0.record(inputs, None, self.1).unwrap().marks;
        marks.extend(self.0.record(&[], None, self.1 + Duration::from_secs(1)).unwrap().marks);
        marks
    }
}

fn message(meter: &str, what: &str, payload: String) -> Input {
    let message = Publish::new(format!("powerpi/{meter}/{what}"), QoS::AtLeastOnce, payload);
    Input::Message(Delivered { connection: 1, message })
}

fn info(meter: &str) -> Input {
    let json = r#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    message(meter, "info", json.to_owned())
}

/// One of 5 pulses in a minute of a day.
fn minute(meter: &str, (day, at): (i64, i64), seq: u64) -> Input {
    let (t, total) = (Minute::nearest(FIRST + day * 24 * 60 + at), 5 * seq);
    let json = format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{total},"outbox":"a"}}"#);
    message(meter, "minute", json)
}

fn days(meter: &str, days: std::ops::Range<i64>) -> Vec<Input> {
    days.map(|day| minute(meter, (day, 0), day as u64 + 1)).collect()
}

fn of_both(messages: impl Fn(&str) -> Vec<Input>) -> Vec<Input> {
    ["hq/spoilt", "hq/sound"].into_iter().flat_map(messages).collect()
}

fn by_hand(folder: &Path, sql: &str) {
    rusqlite::Connection::open(folder.join("ledger.sqlite")).unwrap().execute_batch(sql).unwrap();
}

fn pulses(folder: &Path, meter: &str, days: std::ops::Range<i64>) -> u64 {
    let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
    let known = ledger.meter(&meter.parse().unwrap()).unwrap().unwrap();
    let minute = |day: i64| Minute::nearest(FIRST + day * 24 * 60);
    ledger.sum(&known, minute(days.start)..minute(days.end)).unwrap().pulses
}

/// What was set aside: of which meter, why, and how much.
fn set_aside(folder: &Path) -> Vec<(String, Reason, u64)> {
    let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
    let all = ledger.set_aside().unwrap().into_iter();
    all.map(|aside| (aside.meter.to_string(), aside.reason, aside.number)).collect()
}

fn marked(marks: &[(Meter, Mark)], meter: &str) -> Option<u64> {
    let meter: Meter = meter.parse().unwrap();
    marks.iter().rfind(|(of, _)| *of == meter).map(|(_, mark)| mark.seq)
}

/// Two meters with ten days each, most of them packed; then somebody does something to the first.
fn spoilt(sql: &str) -> (TempDir, Books) {
    let folder = TempDir::new().unwrap();
    let mut books = Books::open(folder.path());
    books.record(&[info("hq/spoilt"), info("hq/sound")]);
    books.record(&of_both(|meter| days(meter, 0..10)));
    by_hand(folder.path(), sql);
    (folder, books)
}

#[test]
fn a_packed_day_that_cannot_be_read_keeps_nobody_from_being_recorded() {
    let (folder, mut books) = spoilt("UPDATE day SET runs = 'x' || runs WHERE meter = 1 AND day = 20703");
    // A late minute of that day, one of another day, and what comes next; of both meters.
    let marks = books.record(&of_both(|meter| {
        vec![minute(meter, (3, 7), 11), minute(meter, (4, 7), 12), minute(meter, (10, 0), 13)]
    }));
    assert_eq!(marked(&marks, "hq/sound"), Some(13));
    assert!(marked(&marks, "hq/spoilt").is_none_or(|seq| seq == 10), "11 is not in the ledger: {marks:?}");
    assert_eq!(pulses(folder.path(), "hq/sound", 0..11), 65);
    assert_eq!(pulses(folder.path(), "hq/spoilt", 4..11), 40);
    let refused = set_aside(folder.path());
    assert_eq!(refused, [("hq/spoilt".to_owned(), Reason::Rows, 1)], "it is told what is refused and why");
    // Once it is as it was, what is sent again completes it.
    by_hand(folder.path(), "UPDATE day SET runs = substr(runs, 2) WHERE meter = 1 AND day = 20703");
    let marks = books.record(&[minute("hq/spoilt", (3, 7), 11)]);
    assert_eq!(marked(&marks, "hq/spoilt"), Some(13));
}

#[tokio::test]
async fn figures_of_the_others_are_told() {
    let (folder, _books) = spoilt("UPDATE day SET runs = 'x' || runs WHERE meter = 1");
    let (counts, connected) = (watch::channel(Counts::default()).1, watch::channel(true).1);
    let (figures, _thread) =
        Figures::of(&folder.path().join("ledger.sqlite").into(), counts, connected, 100).unwrap();
    let told = figures.metrics().await.text(MetricsForm::Open);
    let of = |name: &str, meter: &str| told.contains(&format!("{name}{{site=\"hq\",meter=\"{meter}\"}}"));
    assert!(of("powerpi_recorder_unwatched_seconds", "sound"), "{told}");
    assert!(!of("powerpi_recorder_unwatched_seconds", "spoilt"), "{told}");
    assert!(of("powerpi_recorder_mark_timestamp_seconds", "spoilt"), "{told}");
}

#[test]
fn a_meter_that_somebody_deleted_keeps_nobody_from_being_recorded() {
    let (folder, mut books) = spoilt(
        "PRAGMA foreign_keys = OFF;
         DELETE FROM minute WHERE meter = 1; DELETE FROM day WHERE meter = 1;
         DELETE FROM outbox WHERE meter = 1; DELETE FROM constant WHERE meter = 1; DELETE FROM meter WHERE id = 1",
    );
    let marks = books.record(&of_both(|meter| days(meter, 10..12)));
    assert_eq!(marked(&marks, "hq/sound"), Some(12));
    assert_eq!(pulses(folder.path(), "hq/sound", 0..12), 60);
}

#[test]
fn a_start_over_a_meter_that_cannot_be_read_records_the_others() {
    let (folder, books) = spoilt(
        "UPDATE day SET runs = '' WHERE meter = 1; UPDATE outbox SET mark_seq = 0, mark_minute = NULL WHERE meter = 1;
         INSERT INTO meter (site, meter, name, constant_millionths, outbox) VALUES ('NO SITE', 'x', 'x', 1000000, 'a');
         INSERT INTO outbox (meter, name) VALUES (3, 'a')",
    );
    drop(books);
    let mut books = Books::open(folder.path());
    let marks = books.record(&of_both(|meter| days(meter, 10..12)));
    assert_eq!(marked(&marks, "hq/sound"), Some(12));
    assert_eq!(pulses(folder.path(), "hq/sound", 0..12), 60);
    let ledger = Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap();
    assert_eq!(ledger.meters().unwrap().len(), 2, "the one that has no legal name is left out");
}

#[test]
fn a_minute_that_comes_with_another_count_is_kept_beside_the_first_one() {
    let folder = TempDir::new().unwrap();
    let mut books = Books::open(folder.path());
    books.record(&[info("hq/main"), minute("hq/main", (0, 0), 1)]);
    let t = Minute::nearest(FIRST);
    let other = format!(r#"{{"t":"{t}","s":60,"seq":1,"pulses":9,"total":9,"outbox":"a"}}"#);
    let again = || message("hq/main", "minute", other.clone());
    books.record(&[again(), again(), minute("hq/main", (1, 0), 2)]);
    assert_eq!(pulses(folder.path(), "hq/main", 0..2), 10);
    assert_eq!(set_aside(folder.path()), [("hq/main".to_owned(), Reason::Contradiction, 1)]);
    let kept: i64 = rusqlite::Connection::open(folder.path().join("ledger.sqlite"))
        .unwrap()
        .query_row("SELECT pulses FROM aside", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, 9);
    // It does not come in by itself once its time has come: that was long ago.
    let latest = Some(Minute::nearest(FIRST + 1000 * 24 * 60));
    books.0.record(&[], latest, books.1 + Duration::from_secs(100)).unwrap();
    assert_eq!(pulses(folder.path(), "hq/main", 0..2), 10);
}

/// What a check that runs beside the books has found, once it is another than `before`.
fn next_check(folder: &Path, before: Option<&Checked>) -> Checked {
    let began = Instant::now();
    loop {
        let ledger = Ledger::open_read_only(&folder.join("ledger.sqlite")).unwrap();
        if let Some(checked) = ledger.checked().unwrap().filter(|checked| Some(checked) != before) {
            return checked;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was checked");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// It runs beside the books, and says what it has found where pages look.
#[test]
fn a_start_checks_the_newest_days() {
    for (sql, faults) in [("SELECT 1", 0), ("UPDATE day SET pulses = 1 WHERE meter = 1 AND day = 20707", 1)] {
        let (folder, mut books) = spoilt("SELECT 1");
        // Of several packed days the newest.
        (0..3).for_each(|_| _ = books.record(&[info("hq/spoilt")]));
        by_hand(folder.path(), sql);
        let shutdown = CancellationToken::new();
        let checking =
            recorder::checking::spawn(folder.path().join("ledger.sqlite").into(), shutdown.clone()).unwrap();
        let checked = next_check(folder.path(), None);
        shutdown.cancel();
        checking.join_blocking().unwrap();
        assert_eq!((checked.faults, checked.is_whole), (faults, false), "{checked:?}");
        assert_eq!(checked.first.is_some(), faults > 0);
    }
}

/// An old day, which no start looks at, is found in the night and told until it is mended, while recording goes on.
#[test]
fn each_night_all_of_the_ledger_is_checked() {
    let (folder, mut books) = spoilt("SELECT 1");
    (0..3).for_each(|_| _ = books.record(&[info("hq/spoilt")]));
    by_hand(folder.path(), "UPDATE day SET pulses = 1 WHERE meter = 1 AND day = 20700");
    let evening = 20_800 * 86_400 - 3 * 3600;
    let clock = Arc::new(AtomicI64::new(evening));
    let (shutdown, time) = (CancellationToken::new(), Arc::clone(&clock));
    let path = folder.path().join("ledger.sqlite");
    let checking =
        recorder::checking::spawn_by(move || time.load(Relaxed), path.clone().into(), shutdown.clone())
            .unwrap();
    let start = next_check(folder.path(), None);
    assert_eq!((start.faults, start.is_whole), (0, false));
    clock.store(evening + 5 * 3600, Relaxed);
    let night = next_check(folder.path(), Some(&start));
    assert_eq!((night.faults, night.is_whole), (1, true));
    assert_eq!(
        night.first.as_deref(),
        Some("hq/spoilt: 2026-09-04: the day's sums are not those of its minutes")
    );
    assert_eq!(marked(&books.record(&[minute("hq/spoilt", (10, 0), 11)]), "hq/spoilt"), Some(11));
    let mut ledger = Ledger::open(&path).unwrap();
    let meters = ledger.meters_to_check().unwrap();
    let mut batch = ledger.batch().unwrap();
    assert_eq!(meters.iter().map(|meter| batch.repair(meter).unwrap()).sum::<u64>(), 1);
    batch.commit().unwrap();
    clock.store(evening + 29 * 3600, Relaxed);
    let next = next_check(folder.path(), Some(&night));
    assert_eq!((next.faults, next.is_whole), (0, true));
    shutdown.cancel();
    checking.join_blocking().unwrap();
}

/// Minutes that were deleted by hand, though their publisher was told that they are recorded, are found, and come again.
#[test]
fn a_mark_that_is_ahead_of_the_ledger_is_found_and_set_back() {
    let (folder, books) = spoilt("DELETE FROM minute WHERE meter = 1");
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let faults = |ledger: &Ledger| {
        let meters = ledger.meters_to_check().unwrap();
        let faults = meters.iter().flat_map(|meter| ledger.check(meter, || {}).unwrap());
        faults.map(|fault| (fault.is_repairable(), fault.to_string())).collect::<Vec<_>>()
    };
    let told = "hq/spoilt: its publisher was told that all minutes of the outbox a up to number 10 are recorded, but that \
                of 2026-09-13T00:00:00Z is not";
    assert_eq!(faults(&ledger), [(true, told.to_owned())]);
    let meters = ledger.meters_to_check().unwrap();
    let mut batch = ledger.batch().unwrap();
    assert_eq!(meters.iter().map(|meter| batch.repair_marks(meter).unwrap()).sum::<u64>(), 1);
    batch.commit().unwrap();
    assert_eq!(faults(&ledger), []);
    let known = ledger.outbox_marks().unwrap();
    let spoilt = known.iter().find(|(meter, _)| meter.to_string() == "hq/spoilt");
    // Four days are packed.
    assert_eq!(spoilt.map(|(_, mark)| mark.mark_seq), Some(4));
    // A recorder that is started anew takes what its publisher sends from there on.
    drop(books);
    let mut books = Books::open(folder.path());
    books.record(&[info("hq/spoilt")]);
    let marks = books.record(&days("hq/spoilt", 4..10));
    assert_eq!(marked(&marks, "hq/spoilt"), Some(10));
    assert_eq!(pulses(folder.path(), "hq/spoilt", 0..10), 50);
}
