//! Corrections against a simple model: whatever is recorded, said and undone in whatever order, and however late, sums of
//! quarters, hours and days, single minutes and trust are those of minutes that are corrected one by one. What was
//! counted stays as it was.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use meter_ledger::{
    CorrectingError, Correction, CorrectionKind, Factor, GapReason, Ledger, NewCorrection, RecordedMeter,
    Sum, Undone,
};
use meter_messages::{FEW_PULSES, Info, Meter, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{by_hand, cases, home};

const DAY: i64 = 1440;
const DAYS: i64 = 5;
/// The first minute of a day of UTC.
const FIRST: i64 = 20_000 * DAY;

fn meter() -> Meter {
    "hq/main".parse().unwrap()
}

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

fn info() -> Info {
    let info =
        br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#;
    Info::from_json(info).unwrap()
}

fn pulses(at: i64) -> u32 {
    (at * 7919 % 43) as u32
}

fn watched_s(at: i64) -> u8 {
    if at % 97 == 50 { 20 } else { 60 }
}

fn record(ledger: &mut Ledger, minutes: impl Iterator<Item = i64>) {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info()).unwrap();
    for at in minutes {
        let (minute, watched_s, seq) = (minute(at), watched_s(at), at as u64 + 1);
        let total = at as u64 * 50;
        batch.record(&mark, &PulseCount { minute, watched_s, seq, pulses: pulses(at), total }).unwrap();
    }
    batch.commit().unwrap();
}

fn new(span: Range<i64>, kind: CorrectionKind) -> NewCorrection {
    let span = minute(span.start)..minute(span.end);
    NewCorrection { span, kind, reason: "bounces".into(), by: "ernst".into() }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn correct(
    ledger: &mut Ledger,
    span: Range<i64>,
    kind: CorrectionKind,
) -> Result<Correction, CorrectingError> {
    let mut batch = ledger.batch().unwrap();
    let said = batch.correct(&meter(), &new(span, kind), now())?;
    batch.commit().unwrap();
    Ok(said)
}

fn undo(ledger: &mut Ledger, id: i64) -> Result<Correction, CorrectingError> {
    let mut batch = ledger.batch().unwrap();
    let (of, undone) = batch.undo(id, &Undone { at: now(), by: "anna".into(), reason: None })?;
    assert_eq!(of, meter());
    batch.commit().unwrap();
    Ok(undone)
}

fn known(ledger: &Ledger) -> RecordedMeter {
    ledger.meter(&meter()).unwrap().unwrap()
}

/// What is recorded, and what is said of it.
#[derive(Default)]
struct Model {
    /// Minutes, with their pulses and the seconds watched.
    counted: BTreeMap<i64, (u64, u64)>,
    /// Of each correction that holds: its number, its minutes and what it says.
    holding: Vec<(i64, Range<i64>, CorrectionKind)>,
}

impl Model {
    /// The minutes as they are corrected, one by one.
    fn corrected(&self) -> BTreeMap<i64, (u64, u64)> {
        let mut all = self.counted.clone();
        for (_, span, kind) in &self.holding {
            let of_span: Vec<(i64, (u64, u64))> =
                self.counted.range(span.clone()).map(|(at, it)| (*at, *it)).collect();
            of_span.iter().for_each(|(at, _)| _ = all.remove(at));
            match kind {
                CorrectionKind::Void => {}
                CorrectionKind::Replace { pulses } => {
                    let all_minutes = (span.end - span.start) as u64;
                    for (passed, at) in (0..).zip(span.clone()) {
                        let of = pulses * (passed + 1) / all_minutes - pulses * passed / all_minutes;
                        all.insert(at, (of, 60));
                    }
                }
                CorrectionKind::Scale(factor) => {
                    let (mut counted, mut given) = (0, 0);
                    for (at, (pulses, watched_s)) in of_span {
                        counted += pulses;
                        let exact =
                            counted as f64 * f64::from(factor.numerator()) / f64::from(factor.denominator());
                        let so_far = (exact + 0.5).floor() as u64;
                        all.insert(at, (so_far - given, watched_s));
                        given = so_far;
                    }
                }
            }
        }
        all
    }

    fn may(&self, span: &Range<i64>, kind: &CorrectionKind) -> bool {
        let ends = self.counted.keys().next().zip(self.counted.keys().next_back());
        let is_within = ends.is_some_and(|(first, newest)| *first <= span.start && span.end <= newest + 1);
        let is_free =
            self.holding.iter().all(|(_, other, _)| other.end <= span.start || span.end <= other.start);
        let has_minutes = self.counted.range(span.clone()).next().is_some();
        is_within && is_free && (has_minutes || matches!(kind, CorrectionKind::Replace { .. }))
    }
}

/// What happens to a ledger.
#[derive(Debug, Clone)]
enum Step {
    Record(Range<i64>),
    Late(Vec<i64>),
    Correct(Range<i64>, CorrectionKind),
    Undo(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..DAYS * DAY;
    let length = prop_oneof![1i64..20, 1i64..200, 1000i64..4000];
    let span = (at.clone(), length).prop_map(|(from, length)| from..(from + length).min(DAYS * DAY));
    let factor = (1u32..9, 1u32..9).prop_filter("not times one", |(one, other)| one != other);
    let kind = prop_oneof![
        Just(CorrectionKind::Void),
        (0u64..3000).prop_map(|pulses| CorrectionKind::Replace { pulses }),
        factor.prop_map(|(one, other)| CorrectionKind::Scale(Factor::new(one, other).unwrap())),
    ];
    prop_oneof![
        2 => span.clone().prop_map(Step::Record),
        2 => proptest::collection::vec(at, 1..20).prop_map(Step::Late),
        6 => (span, kind).prop_map(|(span, kind)| Step::Correct(span, kind)),
        2 => (0usize..8).prop_map(Step::Undo),
    ]
}

fn play(ledger: &mut Ledger, model: &mut Model, step: &Step) {
    match step {
        Step::Record(span) => play(ledger, model, &Step::Late(span.clone().collect())),
        Step::Late(minutes) => {
            record(ledger, minutes.iter().copied());
            let counted = |at: &i64| (*at, (u64::from(pulses(*at)), u64::from(watched_s(*at))));
            model.counted.extend(minutes.iter().map(counted));
        }
        Step::Correct(span, kind) => {
            let said = correct(ledger, span.clone(), *kind);
            assert_eq!(said.is_ok(), model.may(span, kind), "{span:?} {kind:?}: {said:?}");
            model.holding.extend(said.ok().map(|said| (said.id, span.clone(), *kind)));
        }
        Step::Undo(which) if model.holding.is_empty() => {
            assert!(matches!(undo(ledger, 1000 + *which as i64), Err(CorrectingError::NoSuch(_))));
        }
        Step::Undo(which) => {
            let (id, ..) = model.holding.remove(which % model.holding.len());
            undo(ledger, id).unwrap();
            assert!(matches!(undo(ledger, id), Err(CorrectingError::AlreadyUndone(..))));
        }
    }
}

fn naive(minutes: &BTreeMap<i64, (u64, u64)>, span: Range<i64>) -> (u64, u64, u64, u64) {
    let of_span = || minutes.range(span.clone()).map(|(_, minute)| *minute);
    let most = of_span().map(|(pulses, _)| pulses).max().unwrap_or_default();
    let (pulses, watched_s) = of_span().fold((0, 0), |sum, minute| (sum.0 + minute.0, sum.1 + minute.1));
    (pulses, of_span().count() as u64, watched_s, most)
}

/// Compares all that is read of a meter with what follows from its minutes.
fn compare(ledger: &Ledger, meter: &RecordedMeter, minutes: &BTreeMap<i64, (u64, u64)>, odd: &[i64]) {
    for step in [15, 60, DAY, (DAYS + 2) * DAY] {
        let bounds: Vec<i64> = (-1..=DAYS * DAY / step + 1).map(|at| at * step).collect();
        compare_sums(ledger, meter, minutes, &bounds);
    }
    compare_sums(ledger, meter, minutes, odd);
    let all = minute(-DAY)..minute((DAYS + 1) * DAY);
    let read: BTreeMap<i64, (u64, u64)> = ledger
        .minutes(meter, all.clone())
        .unwrap()
        .iter()
        .map(|it| (it.minute.epoch_minutes() - FIRST, (it.pulses.into(), it.watched_s.into())))
        .collect();
    assert_eq!(&read, minutes);
    let first = minutes.keys().next().map(|at| minute(*at));
    assert_eq!(ledger.first(meter).unwrap(), first);
    let newest = minutes.keys().next_back().map(|at| minute(*at));
    assert_eq!(ledger.newest(meter).unwrap().map(|newest| newest.minute), newest);
    let mut watched = 0;
    ledger
        .for_each_watched(meter, all, |stretch| {
            watched += stretch.pulses;
            true
        })
        .unwrap();
    let of_watched = minutes.values().filter(|(_, watched_s)| *watched_s > 0).map(|(pulses, _)| pulses);
    assert_eq!(watched, of_watched.sum::<u64>());
}

fn compare_sums(ledger: &Ledger, meter: &RecordedMeter, minutes: &BTreeMap<i64, (u64, u64)>, bounds: &[i64]) {
    let asked: Vec<Minute> = bounds.iter().map(|at| minute(*at)).collect();
    let constant = meter.constant;
    for (pair, sum) in bounds.windows(2).zip(ledger.sums(meter, &asked).unwrap()) {
        let (pulses, count, watched_s, most) = naive(minutes, pair[0]..pair[1]);
        assert_eq!((sum.pulses, sum.minutes, sum.watched_s), (pulses, count, watched_s), "{pair:?}");
        let highest = (watched_s > 0 || pulses > 0).then(|| constant.rate(most, 60.0));
        // Of few pulses it follows from the time between them.
        if most > FEW_PULSES.into() {
            assert_eq!(sum.highest_rate(), highest, "{pair:?}");
        }
    }
}

/// The gaps of a meter follow from its minutes.
fn compare_gaps(ledger: &Ledger, meter: &RecordedMeter, minutes: &BTreeMap<i64, (u64, u64)>) {
    let Some(trust) = ledger.trust(meter, 10_000).unwrap() else { return };
    let place = |at: Minute| at.epoch_minutes() - FIRST;
    let (first, newest) = (place(trust.first), place(trust.newest));
    let unwatched = |at: &i64| 60 - minutes.get(at).map_or(0, |minute| minute.1);
    let expected: Vec<(i64, u64)> = (first + 1..newest)
        .map(|at| (at, unwatched(&at)))
        .filter(|(_, unwatched_s)| *unwatched_s > 0)
        .collect();
    assert_eq!(trust.unwatched_s, expected.iter().map(|(_, unwatched_s)| unwatched_s).sum::<u64>());
    let is_in_a_gap =
        |at: i64| trust.newest_gaps.iter().any(|gap| (place(gap.from)..place(gap.until)).contains(&at));
    assert!(expected.iter().all(|(at, _)| is_in_a_gap(*at)));
    let of_gaps: i64 = trust.newest_gaps.iter().map(|gap| place(gap.until) - place(gap.from)).sum();
    assert_eq!(of_gaps, expected.len() as i64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(12)))]

    #[test]
    fn whatever_is_said_and_undone_sums_are_those_of_the_corrected_minutes(
        steps in proptest::collection::vec(step(), 2..14),
        odd in proptest::collection::btree_set(-5..DAYS * DAY, 2..8),
    ) {
        let folder = TempDir::new().unwrap();
        let home = home(folder.path());
        let mut ledger = Ledger::open(&home).unwrap();
        let (mut model, odd) = (Model::default(), odd.into_iter().collect::<Vec<_>>());
        // So many days that the first ones are packed.
        let begin = [Step::Record(0..2 * DAY), Step::Late(vec![4 * DAY, 4 * DAY + 1]), Step::Late(vec![])];
        for step in begin.iter().chain(&steps) {
            play(&mut ledger, &mut model, step);
        }
        let reader = Ledger::open_read_only(&home).unwrap();
        let meter = known(&reader);
        let corrected = model.corrected();
        compare(&reader, &meter, &corrected, &odd);
        compare_gaps(&reader, &meter, &corrected);
        // What was counted stays, and so does what is sent and recorded.
        compare(&reader, &meter.as_counted(), &model.counted, &odd);
        let mark = reader.outbox_marks().unwrap().remove(0).1;
        let there: Vec<i64> = reader.beyond(&mark).unwrap().iter().map(|(seq, _)| *seq as i64 - 1).collect();
        prop_assert_eq!(there, model.counted.keys().copied().collect::<Vec<_>>());
        // All that was said is still there, and each is undone as if it had never been said.
        for (id, ..) in std::mem::take(&mut model.holding) {
            undo(&mut ledger, id).unwrap();
        }
        let (meter, said) = (known(&reader), reader.corrections(&meter).unwrap());
        prop_assert!(said.iter().all(|said| said.undone.is_some() && said.reason == "bounces"));
        prop_assert_eq!(meter.edition(), 2 * said.len() as u64);
        compare(&reader, &meter, &model.counted, &odd);
    }
}

fn recorded(minutes: Range<i64>) -> (TempDir, Ledger) {
    let folder = TempDir::new().unwrap();
    let mut ledger = Ledger::open(&home(folder.path())).unwrap();
    record(&mut ledger, minutes);
    (folder, ledger)
}

fn sum(ledger: &Ledger, span: Range<i64>) -> Sum {
    ledger.sum(&known(ledger), minute(span.start)..minute(span.end)).unwrap()
}

#[test]
fn what_is_void_is_not_watched_and_not_zero() {
    let (_folder, mut ledger) = recorded(0..120);
    let said = correct(&mut ledger, 30..60, CorrectionKind::Void).unwrap();
    assert_eq!(sum(&ledger, 30..60).quantity(), None);
    assert_eq!(sum(&ledger, 0..120).minutes, 90);
    let trust = ledger.trust(&known(&ledger), 1).unwrap().unwrap();
    let gap = trust.newest_gaps[0];
    assert_eq!((gap.from, gap.until, gap.reason), (minute(30), minute(60), GapReason::Void));
    let list = ledger.corrections(&known(&ledger)).unwrap();
    assert_eq!(list, std::slice::from_ref(&said));
    assert_eq!((said.reason.as_str(), said.by.as_str(), said.said), ("bounces", "ernst", now()));
    assert_eq!(known(&ledger).corrected_minutes(&(minute(0)..minute(40))), 10);
}

/// A minute that a wrong clock has put years ahead or back is no end of the record once it is void.
#[test]
fn the_first_and_the_newest_minute_are_not_void_ones() {
    let (_folder, mut ledger) = recorded(0..10);
    let (before, after) = (-3000 * DAY, 1000 * DAY);
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(), &info()).unwrap();
    for (at, seq, total) in [(before, 101, 1), (after, 102, 9_000_000)] {
        batch
            .record(&mark, &PulseCount { minute: minute(at), watched_s: 60, seq, pulses: 1, total })
            .unwrap();
    }
    batch.commit().unwrap();
    assert_eq!(ledger.reading(&known(&ledger)).unwrap(), Some(9000.0));
    for at in [before, after] {
        correct(&mut ledger, at..at + 1, CorrectionKind::Void).unwrap();
    }
    let known = known(&ledger);
    assert_eq!(ledger.first(&known).unwrap(), Some(minute(0)));
    assert_eq!(ledger.newest(&known).unwrap().map(|newest| newest.minute), Some(minute(9)));
    assert_eq!(ledger.reading(&known).unwrap(), Some(0.45));
    let trust = ledger.trust(&known, 10).unwrap().unwrap();
    assert_eq!((trust.first, trust.newest, trust.gaps), (minute(0), minute(9), 0));
}

/// A time that nobody watched may be given the pulses that a person has read off the meter.
#[test]
fn a_gap_can_be_filled_and_is_found_again() {
    let (_folder, mut ledger) = recorded(0..10);
    record(&mut ledger, 4000..4010);
    let replaced = CorrectionKind::Replace { pulses: 1000 };
    let said = correct(&mut ledger, 10..4000, replaced).unwrap();
    assert_eq!((sum(&ledger, 10..4000).pulses, sum(&ledger, 10..4000).watched_s), (1000, 3990 * 60));
    let known_now = known(&ledger);
    assert_eq!(ledger.first_from(&known_now, minute(20)).unwrap(), Some(minute(20)));
    assert_eq!(ledger.trust(&known_now, 1).unwrap().unwrap().gaps, 0);
    let spread =
        |longer_than| known_now.spread_spans(&(minute(0)..minute(50)), longer_than).collect::<Vec<_>>();
    assert_eq!((spread(60), spread(3990)), (vec![minute(10)..minute(4000)], vec![]));
    undo(&mut ledger, said.id).unwrap();
    assert_eq!(ledger.first_from(&known(&ledger), minute(20)).unwrap(), Some(minute(4000)));
    // As if it were said, and as if it were not.
    assert_eq!(
        ledger.sum(&known(&ledger).with(&said).unwrap(), minute(0)..minute(4010)).unwrap().pulses,
        ledger.sum(&known_now, minute(0)..minute(4010)).unwrap().pulses
    );
    assert_eq!(ledger.sum(&known_now.without(&said), minute(10)..minute(4000)).unwrap(), Sum::default());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    use CorrectingError as No;
    use CorrectionKind::{Replace, Scale, Void};
    let (_folder, mut ledger) = recorded(0..10);
    record(&mut ledger, 100..110);
    correct(&mut ledger, 5..7, Void).unwrap();
    let before = known(&ledger);
    let mut refused = |span: Range<i64>, kind| correct(&mut ledger, span, kind).unwrap_err();
    assert!(
        matches!(refused(6..10, Void), No::Overlaps { id: 1, from, to } if (from, to) == (minute(5), minute(7)))
    );
    assert!(matches!(refused(3..3, Void), No::Empty));
    assert!(
        matches!(refused(-1..3, Void), No::NotRecorded(first, end) if (first, end) == (minute(0), minute(110)))
    );
    assert!(matches!(refused(105..111, Void), No::NotRecorded(..)));
    assert!(matches!(refused(20..30, Void), No::NothingThere));
    assert!(matches!(refused(0..1, Scale(Factor::new(3, 3).unwrap())), No::Nothing));
    assert!(matches!(refused(0..2, Replace { pulses: 2 * u64::from(u32::MAX) }), No::TooMany(2)));
    assert!(matches!(refused(0..367 * DAY, Replace { pulses: 1 }), No::TooLong));
    let mut batch = ledger.batch().unwrap();
    let unknown: Meter = "hq/other".parse().unwrap();
    let said = batch.correct(&unknown, &new(0..1, Void), now()).unwrap_err();
    assert!(said.to_string().starts_with("the ledger knows no meter hq/other;"), "{said}");
    for reason in ["", " ", "a\nb", &"x".repeat(201)] {
        let said =
            batch.correct(&meter(), &NewCorrection { reason: reason.into(), ..new(0..1, Void) }, now());
        assert!(matches!(said, Err(No::NoText("the reason"))), "{reason:?}: {said:?}");
    }
    let said = batch.undo(7, &Undone { at: now(), by: "anna".into(), reason: None });
    assert!(matches!(said, Err(No::NoSuch(7))));
    drop(batch);
    assert_eq!(known(&ledger), before);
}

/// What somebody has written by hand stops its meter, and a check names it.
#[test]
fn corrections_that_contradict_each_other_are_named() {
    let (folder, mut ledger) = recorded(0..10);
    correct(&mut ledger, 5..7, CorrectionKind::Void).unwrap();
    by_hand(
        folder.path(),
        "INSERT INTO correction SELECT 2, meter, from_minute, to_minute, kind, pulses, numerator,
             denominator, reason, said, by, undone, undone_by, undone_reason FROM correction",
    );
    assert!(ledger.meters().unwrap().is_empty());
    let checked = ledger.meters_to_check().unwrap();
    let faults = ledger.check(&checked[0], || {}).unwrap();
    let said =
        "hq/main: its corrections cannot be read: ledger: damaged row: two corrections of the same minute";
    assert_eq!(faults.iter().map(ToString::to_string).collect::<Vec<_>>(), [said]);
}
