//! Renames and merges against a simple model: whatever is recorded under whatever name, said, undone, renamed and merged, and
//! however late a minute comes, sums of quarters, hours and days are those of the model's minutes, and each outbox goes on
//! with its own numbers.
#![allow(clippy::unwrap_used)]

mod homes;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::Timestamp;
use meter_ledger::{
    CorrectingError, Correction, CorrectionKind, Factor, Ledger, LedgerHome, MovingError, NewCorrection,
    OutboxMark, Undone,
};
use meter_messages::{Info, Meter, Minute, PulseCount};
use proptest::prelude::*;
use tempfile::TempDir;

use homes::{cases, home};

const DAY: i64 = 1440;
const DAYS: i64 = 5;
/// The first minute of a day of UTC.
const FIRST: i64 = 20_000 * DAY;
const NAMES: [&str; 4] = ["hq/main", "hq/house", "hq/old", "yard/barn"];

fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn meter(name: usize) -> Meter {
    NAMES[name].parse().unwrap()
}

fn info(constant: u32) -> Info {
    let json = format!(
        r#"{{"name":"x","pulses_per_kwh":{constant},"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    );
    Info::from_json(json.as_bytes()).unwrap()
}

/// What somebody counts under a name: never the same as under another.
fn pulses(name: usize, at: i64) -> u32 {
    (at * 7919 % 43) as u32 + 50 * name as u32
}

fn record(ledger: &mut Ledger, name: usize, minutes: impl Iterator<Item = i64>) -> OutboxMark {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(name), &info(1000)).unwrap();
    for at in minutes {
        // Every publisher has numbers of its own, and the same name for its outbox: cards are copied.
        let (seq, total) = (at as u64 + 1, (at as u64 + 1) * 1000 + name as u64);
        let count = PulseCount { minute: minute(at), watched_s: 60, seq, pulses: pulses(name, at), total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    mark
}

/// A meter: by minute and the name under which it came, its pulses.
#[derive(Default, Clone)]
struct Known {
    minutes: BTreeMap<(i64, usize), u64>,
    holding: Vec<(i64, Range<i64>, CorrectionKind)>,
}

impl Known {
    fn counted(&self) -> BTreeMap<i64, (u64, u64)> {
        let mut all = BTreeMap::<i64, (u64, u64)>::new();
        for ((at, _), pulses) in &self.minutes {
            let sum = all.entry(*at).or_default();
            *sum = (sum.0 + pulses, 60);
        }
        all
    }

    fn corrected(&self) -> BTreeMap<i64, (u64, u64)> {
        let (counted, mut all) = (self.counted(), self.counted());
        for (_, span, kind) in &self.holding {
            let of_span: Vec<_> = counted.range(span.clone()).map(|(at, it)| (*at, *it)).collect();
            of_span.iter().for_each(|(at, _)| _ = all.remove(at));
            match kind {
                CorrectionKind::Void => {}
                CorrectionKind::Replace { pulses } => {
                    let minutes = (span.end - span.start) as u64;
                    for (passed, at) in (0..).zip(span.clone()) {
                        all.insert(at, (pulses * (passed + 1) / minutes - pulses * passed / minutes, 60));
                    }
                }
                CorrectionKind::Scale(factor) => {
                    let (mut counted, mut given) = (0, 0);
                    for (at, (pulses, watched_s)) in of_span {
                        counted += pulses;
                        let (over, under) = (u64::from(factor.numerator()), u64::from(factor.denominator()));
                        let so_far = (2 * counted * over + under) / (2 * under);
                        all.insert(at, (so_far - given, watched_s));
                        given = so_far;
                    }
                }
            }
        }
        all
    }

    fn may_be_corrected(&self, span: &Range<i64>, kind: &CorrectionKind) -> bool {
        let counted = self.counted();
        let ends = counted.keys().next().zip(counted.keys().next_back());
        let is_within = ends.is_some_and(|(first, newest)| *first <= span.start && span.end <= newest + 1);
        let is_free = self.holding.iter().all(|(_, other, _)| !overlap(other, span));
        let has_minutes = counted.range(span.clone()).next().is_some();
        is_within && is_free && (has_minutes || matches!(kind, CorrectionKind::Replace { .. }))
    }
}

fn overlap(one: &Range<i64>, other: &Range<i64>) -> bool {
    one.start < other.end && other.start < one.end
}

/// Meters by what they are called, and what every name that was ever used leads to.
#[derive(Default)]
struct Model {
    meters: BTreeMap<usize, Known>,
    former: BTreeMap<usize, usize>,
}

impl Model {
    fn now(&self, name: usize) -> usize {
        self.former.get(&name).copied().unwrap_or(name)
    }

    fn move_name(&mut self, from: usize, to: usize) {
        self.former.remove(&to);
        self.former.values_mut().filter(|now| **now == from).for_each(|now| *now = to);
        self.former.insert(from, to);
    }

    fn may_merge(&self, from: usize, into: usize) -> bool {
        let (Some(one), Some(other)) = (self.meters.get(&from), self.meters.get(&into)) else { return false };
        let minutes = |known: &Known| known.minutes.keys().map(|(at, _)| *at).collect::<BTreeSet<_>>();
        let is_free = |one: &Known, other: &Known| {
            one.holding.iter().all(|(_, span, _)| {
                minutes(other).range(span.clone()).next().is_none()
                    && other.holding.iter().all(|(_, other, _)| !overlap(span, other))
            })
        };
        from != into
            && minutes(one).is_disjoint(&minutes(other))
            && is_free(one, other)
            && is_free(other, one)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Record(usize, Range<i64>),
    Late(usize, Vec<i64>),
    Correct(usize, Range<i64>, CorrectionKind),
    Undo(usize, usize),
    Rename(usize, usize),
    Merge(usize, usize),
    Start,
}

fn step() -> impl Strategy<Value = Step> {
    let (name, at) = (0..NAMES.len(), 0..DAYS * DAY);
    let length = prop_oneof![1i64..20, 1i64..200, 1000i64..3000];
    let span = (at.clone(), length).prop_map(|(from, length)| from..(from + length).min(DAYS * DAY));
    let kind = prop_oneof![
        Just(CorrectionKind::Void),
        (0u64..3000).prop_map(|pulses| CorrectionKind::Replace { pulses }),
        (1u32..5).prop_map(|one| CorrectionKind::Scale(Factor::new(one, 7).unwrap())),
    ];
    prop_oneof![
        4 => (name.clone(), span.clone()).prop_map(|(name, span)| Step::Record(name, span)),
        2 => (name.clone(), proptest::collection::vec(at, 1..20)).prop_map(|(name, all)| Step::Late(name, all)),
        4 => (name.clone(), span, kind).prop_map(|(name, span, kind)| Step::Correct(name, span, kind)),
        2 => (name.clone(), 0usize..8).prop_map(|(name, which)| Step::Undo(name, which)),
        4 => (name.clone(), name.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        5 => (name.clone(), name).prop_map(|(from, to)| Step::Merge(from, to)),
        1 => Just(Step::Start),
    ]
}

fn correct(
    ledger: &mut Ledger,
    name: usize,
    span: &Range<i64>,
    kind: CorrectionKind,
) -> Result<Correction, CorrectingError> {
    let span = minute(span.start)..minute(span.end);
    let new = NewCorrection { span, kind, reason: "bounces".into(), by: "ernst".into() };
    let mut batch = ledger.batch().unwrap();
    let said = batch.correct(&meter(name), &new, now())?;
    batch.commit().unwrap();
    Ok(said)
}

fn rename(ledger: &mut Ledger, from: usize, to: usize) -> Result<(), MovingError> {
    let mut batch = ledger.batch().unwrap();
    batch.rename(&meter(from), &meter(to), "anna", now())?;
    batch.commit().unwrap();
    Ok(())
}

fn merge(ledger: &mut Ledger, from: usize, into: usize) -> Result<meter_ledger::Merged, MovingError> {
    let mut batch = ledger.batch().unwrap();
    let merged = batch.merge(&meter(from), &meter(into), ("anna", now()), |_, _| {})?;
    batch.commit().unwrap();
    Ok(merged)
}

fn play(ledger: &mut Ledger, home: &LedgerHome, model: &mut Model, step: &Step) {
    match step {
        Step::Record(name, span) => play(ledger, home, model, &Step::Late(*name, span.clone().collect())),
        Step::Late(name, minutes) => {
            record(ledger, *name, minutes.iter().copied());
            let known = model.meters.entry(model.now(*name)).or_default();
            known.minutes.extend(minutes.iter().map(|at| ((*at, *name), u64::from(pulses(*name, *at)))));
        }
        Step::Correct(name, span, kind) => {
            let said = correct(ledger, *name, span, *kind);
            let known = model.now(*name);
            let known = model.meters.get_mut(&known);
            let may = known.as_ref().is_some_and(|known| known.may_be_corrected(span, kind));
            assert_eq!(said.is_ok(), may, "{span:?} {kind:?}: {said:?}");
            if let Some(known) = known {
                known.holding.extend(said.ok().map(|said| (said.id, span.clone(), *kind)));
            }
        }
        Step::Undo(name, which) => {
            let Some(known) = model.meters.get_mut(name).filter(|known| !known.holding.is_empty()) else {
                return;
            };
            let (id, ..) = known.holding.remove(which % known.holding.len());
            let mut batch = ledger.batch().unwrap();
            let (of, _) = batch.undo(id, &Undone { at: now(), by: "anna".into(), reason: None }).unwrap();
            assert_eq!(of, meter(*name));
            batch.commit().unwrap();
        }
        Step::Rename(from, to) => {
            let may = model.meters.contains_key(from)
                && !model.meters.contains_key(to)
                && model.former.get(to).is_none_or(|now| now == from);
            let renamed = rename(ledger, *from, *to);
            assert_eq!(renamed.is_ok(), may, "{from} to {to}: {renamed:?}");
            if may {
                let known = model.meters.remove(from).unwrap();
                model.meters.insert(*to, known);
                model.move_name(*from, *to);
            }
        }
        Step::Merge(from, into) => {
            let may = model.may_merge(*from, *into);
            let merged = merge(ledger, *from, *into);
            assert_eq!(merged.is_ok(), may, "{from} into {into}: {merged:?}");
            if may {
                let gone = model.meters.remove(from).unwrap();
                assert_eq!(merged.unwrap().minutes, gone.minutes.len() as u64);
                let known = model.meters.get_mut(into).unwrap();
                known.minutes.extend(gone.minutes);
                known.holding.extend(gone.holding);
                model.move_name(*from, *into);
            }
        }
        Step::Start => *ledger = Ledger::open(home).unwrap(),
    }
}

fn compare(ledger: &Ledger, model: &Model) {
    let known: Vec<usize> = model.meters.keys().copied().collect();
    let names: BTreeSet<String> = known.iter().map(|name| NAMES[*name].to_owned()).collect();
    let recorded = ledger.meters().unwrap();
    assert_eq!(recorded.iter().map(|known| known.meter.to_string()).collect::<BTreeSet<_>>(), names);
    for (former, now) in &model.former {
        assert_eq!(ledger.name_now(&meter(*former)).unwrap(), Some(meter(*now)));
        assert_eq!(ledger.meter(&meter(*former)).unwrap().unwrap().meter, meter(*now));
    }
    assert_eq!(ledger.former_names().unwrap().len(), model.former.len());
    for (name, of_model) in &model.meters {
        let known = ledger.meter(&meter(*name)).unwrap().unwrap();
        for (known, minutes) in [(known.as_counted(), of_model.counted()), (known, of_model.corrected())] {
            for step in [15, 60, DAY, (DAYS + 2) * DAY] {
                let bounds: Vec<i64> = (-1..=DAYS * DAY / step + 1).map(|at| at * step).collect();
                let asked: Vec<Minute> = bounds.iter().map(|at| minute(*at)).collect();
                for (pair, sum) in bounds.windows(2).zip(ledger.sums(&known, &asked).unwrap()) {
                    let of_span = minutes.range(pair[0]..pair[1]).map(|(_, it)| *it);
                    let model = of_span.fold((0, 0, 0), |sum, it| (sum.0 + it.0, sum.1 + 1, sum.2 + it.1));
                    assert_eq!((sum.pulses, sum.minutes, sum.watched_s), model, "{pair:?} of {name}");
                }
            }
        }
    }
    assert_eq!(ledger.check_file().unwrap(), []);
    for known in ledger.meters_to_check().unwrap() {
        assert_eq!(ledger.check(&known, || {}).unwrap(), []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(24)))]

    #[test]
    fn whatever_is_renamed_and_merged_sums_are_those_of_the_model(
        steps in proptest::collection::vec(step(), 2..20),
    ) {
        let folder = TempDir::new().unwrap();
        let home = home(folder.path());
        let mut ledger = Ledger::open(&home).unwrap();
        let mut model = Model::default();
        // Some days are packed, and the other one begins later, as after a change of its publisher's `id`.
        let begin = [Step::Record(0, 0..2 * DAY), Step::Record(1, 2 * DAY..2 * DAY + 90), Step::Late(0, vec![4 * DAY])];
        for step in begin.iter().chain(&steps) {
            play(&mut ledger, &home, &mut model, step);
        }
        compare(&Ledger::open_read_only(&home).unwrap(), &model);
        // Of each name the outbox goes on with its own numbers, whatever became of the meter.
        for name in 0..NAMES.len() {
            let mark = record(&mut ledger, name, std::iter::empty());
            let there: Vec<i64> = ledger.beyond(&mark).unwrap().iter().map(|(seq, _)| *seq as i64 - 1).collect();
            let of_model = model.meters.get(&model.now(name)).into_iter().flat_map(|known| known.minutes.keys());
            let of_model: Vec<i64> = of_model.filter(|(_, of)| *of == name).map(|(at, _)| *at).collect();
            prop_assert_eq!(there, of_model);
        }
    }
}
