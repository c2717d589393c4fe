//! What a site can make the recorder keep, and that others are recorded beside it.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use meter_ledger::{KeptAside, Ledger, LedgerError, RecordedMeter};
use meter_messages::{Mark, Meter, Minute};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use recorder::progress::MOST_RUNS;
use rumqttc::{Publish, QoS};
use tempfile::TempDir;

/// 2026-11-28T17:00Z, the latest minute that can be true in these tests.
const LATEST: i64 = 29_931_900;

fn latest() -> Minute {
    Minute::nearest(LATEST)
}

/// The books, in a time in which two seconds pass with each batch: a mark is said once a second.
struct Books(Bookkeeping, Instant);

impl Books {
    fn record_up_to(&mut self, latest: Option<Minute>, inputs: &[Input]) -> Result<Output, LedgerError> {
        self.1 += Duration::from_secs(2);
        self.0.record(inputs, latest, self.1)
    }
}

fn bookkeeping(folder: &TempDir) -> Books {
    let ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    let limits = Limits { max_meters: 100 };
    let bookkeeping = Bookkeeping::new(ledger, flume::unbounded().0, limits, PlausibleTime::new(true));
    Books(bookkeeping.unwrap(), Instant::now())
}

fn message(topic: &str, payload: String) -> Input {
    Input::Message(Delivered { connection: 1, message: Publish::new(topic, QoS::AtLeastOnce, payload) })
}

fn info(meter: &str) -> Input {
    info_of(meter, "a")
}

fn info_of(meter: &str, outbox: &str) -> Input {
    let json = format!(
        r#"{{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"{outbox}","oldest_seq":1}}"#
    );
    message(&format!("powerpi/{meter}/info"), json)
}

/// A minute so many after [`LATEST`], with 5 pulses.
fn minute(meter: &str, after: i64, seq: u64) -> Input {
    let t = Minute::nearest(LATEST + after);
    let total = 5 * seq;
    let json = format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{total}}}"#);
    message(&format!("powerpi/{meter}/minute"), json)
}

/// A site's meter in the ledger, its pulses, and what is kept aside of it.
fn recorded(folder: &TempDir, meter: &str) -> Option<(u64, Option<KeptAside>)> {
    let ledger = Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap();
    let meter: RecordedMeter = ledger.meter(&meter.parse().unwrap()).unwrap()?;
    let pulses = ledger.sum(&meter, Minute::nearest(0)..Minute::nearest(i64::MAX)).unwrap().pulses;
    Some((pulses, ledger.kept_aside(&meter).unwrap()))
}

/// Up to which number a meter's mark covers, as it is published for a batch.
fn marked(marks: &[(Meter, Mark)], meter: &str) -> Option<u64> {
    let meter: Meter = meter.parse().unwrap();
    marks.iter().find(|(of, _)| *of == meter).map(|(_, mark)| mark.seq)
}

#[test]
fn thousands_of_meters_of_one_site_leave_the_others_theirs() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let flood: Vec<Input> = (0..3000).map(|number| info(&format!("greedy/m{number}"))).collect();
    books.record_up_to(None, &flood).unwrap();
    // A known meter says again what it is, as at each start of its publisher.
    let said = books.record_up_to(None, &[info("greedy/m0"), minute("greedy/m0", 0, 1)]).unwrap();
    assert_eq!(marked(&said.marks, "greedy/m0"), Some(1));
    for site in ["one", "two", "three"] {
        let meter = format!("{site}/main");
        let said = books.record_up_to(None, &[info(&meter), minute(&meter, 0, 1)]).unwrap();
        assert_eq!((marked(&said.marks, &meter), recorded(&folder, &meter)), (Some(1), Some((5, None))));
    }
    let count =
        || Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap().meters().unwrap().len();
    assert_eq!(count(), 55, "half of the places and a part, and the others");
    // Also for a recorder that was started anew.
    let mut next = bookkeeping(&folder);
    next.record_up_to(None, &[info("greedy/new"), info("four/main")]).unwrap();
    assert!(recorded(&folder, "greedy/new").is_none() && recorded(&folder, "four/main").is_some());
    assert_eq!(count(), 56);
}

#[test]
fn unknown_meters_of_one_site_leave_those_of_others_to_be_asked_for() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let flood: Vec<Input> = (0..3000).map(|number| minute(&format!("greedy/m{number}"), 0, 1)).collect();
    assert_eq!(books.record_up_to(None, &flood).unwrap().strangers.len(), 52);
    let said = books.record_up_to(None, &[minute("other/main", 0, 1)]).unwrap();
    assert_eq!(said.strangers, [("other/main".parse().unwrap(), None)]);
}

#[test]
fn a_meter_without_info_is_recorded_and_asked_for_it() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let meter: Meter = "hq/main".parse().unwrap();
    let minutes: Vec<Input> = (1..=3).map(|seq| minute_of("hq/main", "a", seq as i64, seq)).collect();
    let said = books.record_up_to(None, &minutes).unwrap();
    assert_eq!(marked(&said.marks, "hq/main"), Some(3), "its publisher need not send them again");
    assert_eq!(said.strangers, [(meter.clone(), Some("a".parse().unwrap()))]);
    let unheard =
        || Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap().unheard_meters().unwrap();
    assert_eq!(unheard()[0].newest, Some(Minute::nearest(LATEST + 3)));
    assert!(recorded(&folder, "hq/main").is_none(), "nobody knows what it counts");
    // Over another connection it is asked for again, but not by a mark, which has all sent again; so it is after a
    // start.
    let said = books.record_up_to(None, &[Input::Connected, minute_of("hq/main", "a", 4, 4)]).unwrap();
    assert_eq!(said.strangers, [(meter.clone(), None)]);
    let mut books = bookkeeping(&folder);
    let said = books.record_up_to(None, &[minute_of("hq/main", "a", 5, 5)]).unwrap();
    assert_eq!((said.strangers, marked(&said.marks, "hq/main")), (vec![(meter, None)], Some(5)));
    // Its info holds for all that was recorded before, and it is like any other from now on.
    let said = books.record_up_to(None, &[info("hq/main"), minute_of("hq/main", "a", 6, 6)]).unwrap();
    assert!(said.strangers.is_empty() && unheard().is_empty());
    assert_eq!(recorded(&folder, "hq/main").unwrap().0, 30);
    // Made-up ones get no more places than made-up infos do.
    let flood: Vec<Input> =
        (0..3000).map(|number| minute_of(&format!("greedy/m{number}"), "a", 0, 1)).collect();
    books.record_up_to(None, &flood).unwrap();
    assert_eq!(unheard().len(), 52);
    books.record_up_to(None, &[minute_of("two/main", "a", 0, 1)]).unwrap();
    assert_eq!(unheard().len(), 53);
}

#[test]
fn a_minute_of_tomorrow_is_kept_aside_and_recorded_once_its_time_has_come() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let inputs =
        [info("hq/main"), minute("hq/main", 0, 1), minute("hq/main", 1, 2), minute("hq/main", 30_000_000, 3)];
    let said = books.record_up_to(Some(latest()), &inputs).unwrap();
    assert_eq!(marked(&said.marks, "hq/main"), Some(3), "nobody has to send them again");
    let (pulses, aside) = recorded(&folder, "hq/main").unwrap();
    let aside = aside.unwrap();
    assert_eq!((pulses, aside.minutes, aside.first.epoch_minutes()), (5, 2, LATEST + 1));
    // After a kill before the acknowledgement they come again.
    let mut books = bookkeeping(&folder);
    let again = [minute("hq/main", 1, 2), minute("hq/main", 30_000_000, 3)];
    books.record_up_to(Some(latest()), &again).unwrap();
    assert_eq!(recorded(&folder, "hq/main").unwrap(), (5, Some(aside)));
    // The clock was right again afterwards: what follows is recorded, whatever is kept aside.
    let said = books.record_up_to(Some(latest()), &[minute("hq/main", -1, 4)]).unwrap();
    assert_eq!((marked(&said.marks, "hq/main"), recorded(&folder, "hq/main").unwrap().0), (Some(4), 10));
    // Without any message.
    books.record_up_to(Some(Minute::nearest(LATEST + 1)), &[]).unwrap();
    let (pulses, aside) = recorded(&folder, "hq/main").unwrap();
    assert_eq!((pulses, aside.unwrap().minutes), (15, 1));
    // And not a second time.
    books.record_up_to(Some(Minute::nearest(LATEST + 1)), &[minute("hq/main", 1, 2)]).unwrap();
    assert_eq!(recorded(&folder, "hq/main").unwrap().0, 15);
    books.record_up_to(Some(Minute::nearest(i64::MAX)), &[]).unwrap();
    assert_eq!(recorded(&folder, "hq/main").unwrap(), (20, None));
}

#[test]
fn by_a_clock_that_is_not_trusted_nothing_is_judged() {
    let folder = TempDir::new().unwrap();
    bookkeeping(&folder).record_up_to(None, &[info("hq/main"), minute("hq/main", 30_000_000, 1)]).unwrap();
    assert_eq!(recorded(&folder, "hq/main").unwrap(), (5, None));
}

#[test]
fn a_site_with_too_much_aside_keeps_the_rest_itself_and_no_other_site_notices() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    books.record_up_to(None, &[info("greedy/main"), info("hq/main")]).unwrap();
    let mut mark = None;
    for batch in 0..11 {
        let minutes =
            (batch * 5000..(batch + 1) * 5000).map(|at| minute("greedy/main", at + 1, at as u64 + 1));
        let said = books.record_up_to(Some(latest()), &minutes.collect::<Vec<_>>()).unwrap();
        mark = marked(&said.marks, "greedy/main").or(mark);
    }
    assert_eq!(mark, Some(50_000), "not beyond what is on disk");
    assert_eq!(recorded(&folder, "greedy/main").unwrap().1.unwrap().minutes, 50_000);
    let said = books.record_up_to(Some(latest()), &[minute("hq/main", 1, 1)]).unwrap();
    assert_eq!(marked(&said.marks, "hq/main"), Some(1));
    assert_eq!(recorded(&folder, "hq/main").unwrap().1.unwrap().minutes, 1);
    // Once there is room again, the rest is taken.
    books.record_up_to(Some(Minute::nearest(LATEST + 5000)), &[]).unwrap();
    let said =
        books.record_up_to(Some(Minute::nearest(LATEST + 5000)), &[minute("greedy/main", 50_001, 50_001)]);
    assert_eq!(marked(&said.unwrap().marks, "greedy/main"), Some(50_001));
}

#[test]
fn a_constant_that_changes_all_the_time_is_kept_only_so_often() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let infos: Vec<Input> = (0..3000)
        .map(|number| {
            let (from, constant) = (Minute::nearest(LATEST - 10_000 + number), 1 + number % 2);
            let json = format!(
                r#"{{"name":"x","pulses_per_kwh":{constant},"source":"x","version":"1","outbox":"a","oldest_seq":1,"history":[{{"t":"{from}","pulses_per_kwh":{constant}}}]}}"#
            );
            message("powerpi/hq/main/info", json)
        })
        .collect();
    books.record_up_to(None, &infos).unwrap();
    let ledger = Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap();
    let meter = ledger.meter(&"hq/main".parse().unwrap()).unwrap().unwrap();
    assert_eq!(meter.constant_changes().count(), 199);
}

#[test]
fn a_meter_says_only_so_many_outboxes() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let flood: Vec<Input> = (0..1_500).map(|number| info_of("greedy/main", &format!("o{number}"))).collect();
    books.record_up_to(None, &flood).unwrap();
    let mut says = |meter: &str, outbox: &str| {
        let said = books.record_up_to(None, &[info_of(meter, outbox)]).unwrap();
        said.marks.first().map(|(_, mark)| mark.outbox.to_string())
    };
    assert_eq!(says("greedy/main", "o1000"), None, "the next one is nobody's");
    assert_eq!(says("greedy/main", "o5").as_deref(), Some("o5"), "one that it had");
    assert_eq!(says("hq/main", "a").as_deref(), Some("a"), "others have theirs");
    let said = books.record_up_to(None, &[minute("greedy/main", 0, 1)]).unwrap();
    assert_eq!(marked(&said.marks, "greedy/main"), Some(1), "and what it counts is recorded");
    // Also for a recorder that was started anew.
    let mut next = bookkeeping(&folder);
    next.record_up_to(None, &[info_of("greedy/main", "new")]).unwrap();
    let current =
        &Ledger::open_read_only(&folder.path().join("ledger.sqlite")).unwrap().outbox_marks().unwrap();
    assert!(current.iter().any(|(_, mark)| mark.outbox.to_string() == "o5"), "{current:?}");
}

/// A minute of an outbox that it names, with 5 pulses.
fn minute_of(meter: &str, outbox: &str, after: i64, seq: u64) -> Input {
    let t = Minute::nearest(LATEST + after);
    let json =
        format!(r#"{{"t":"{t}","s":60,"seq":{seq},"pulses":5,"total":{},"outbox":"{outbox}"}}"#, 5 * seq);
    message(&format!("powerpi/{meter}/minute"), json)
}

/// Of 2,000 outboxes in memory, 20 for each meter that there may be, one site gets half and its part, which is 40;
/// and the outboxes of a meter remember together what one may. Once there is no place, those that are not in use are
/// read from the ledger when they are needed again.
#[test]
fn outboxes_with_gaps_take_little_memory_and_leave_other_sites_theirs() {
    let folder = TempDir::new().unwrap();
    let mut books = bookkeeping(&folder);
    let meters = ["greedy/m0", "greedy/m1"];
    books.record_up_to(None, &meters.map(info)).unwrap();
    let mut most = (0, 0);
    for (number, outbox) in (0..700).map(|number| (number, format!("o{number}"))) {
        let even = |meter| [2, 4, 6].map(|seq| minute_of(meter, &outbox, 10 * number + seq as i64, seq));
        books.record_up_to(None, &meters.into_iter().flat_map(even).collect::<Vec<_>>()).unwrap();
        let (outboxes, runs) = books.0.in_memory();
        most = (most.0.max(outboxes), most.1.max(runs));
    }
    assert_eq!(most, (1_040, 2 * MOST_RUNS));
    // The first for which there was no place has one when it comes again, and so had those after it.
    for (number, had) in [(519, 0), (520, 3)] {
        let outbox = &format!("o{number}");
        let before = recorded(&folder, "greedy/m1").unwrap().0;
        let one = |seq| minute_of("greedy/m1", outbox, 10 * number + seq as i64, seq);
        let all: Vec<_> = (1..=6).map(one).collect();
        let said = books.record_up_to(None, &all).unwrap();
        assert_eq!(said.marks.iter().map(|(_, mark)| mark.seq).collect::<Vec<_>>(), [6], "{outbox}");
        assert_eq!(recorded(&folder, "greedy/m1").unwrap().0, before + (6 - had) * 5, "{outbox}");
    }
    // Another site's new outboxes are recorded.
    let said = books.record_up_to(None, &[info("hq/main"), minute_of("hq/main", "b", 0, 1)]).unwrap();
    assert!(said.marks.iter().any(|(_, mark)| mark.outbox.to_string() == "b" && mark.seq == 1));
    // What was forgotten is asked for again, and is recorded once.
    let before = recorded(&folder, "greedy/m0").unwrap().0;
    let all: Vec<_> = (1..=6).map(|seq| minute_of("greedy/m0", "o0", seq as i64, seq)).collect();
    let said = books.record_up_to(None, &all).unwrap();
    assert_eq!(said.marks.iter().map(|(_, mark)| mark.seq).collect::<Vec<_>>(), [6]);
    assert_eq!(recorded(&folder, "greedy/m0").unwrap().0, before + 3 * 5);
    // A start has only the current ones in memory.
    assert_eq!(bookkeeping(&folder).0.in_memory().0, 3);
}
