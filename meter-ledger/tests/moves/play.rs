//! Plays random steps in a ledger and in its model.
#![allow(dead_code, reason = "each test uses its part of it")]

use std::ops::Range;

use jiff::Timestamp;
use meter_ledger::{
    CorrectingError, Correction, CorrectionKind, Factor, ImportError, Imported, Ledger, LedgerHome,
    MovingError, NewCorrection, NewImport, OutboxMark, Piece, Undone,
};
use meter_messages::{Info, Meter, Minute, PulseCount};
use proptest::prelude::*;

use super::model::{self, Model};

pub(crate) const DAY: i64 = 1440;
pub(crate) const DAYS: i64 = 5;
/// The first minute of a day of UTC.
pub(crate) const FIRST: i64 = 20_000 * DAY;
pub(crate) const NAMES: [&str; 4] = ["hq/main", "hq/house", "hq/old", "yard/barn"];

pub(crate) fn minute(at: i64) -> Minute {
    Minute::nearest(FIRST + at)
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

pub(crate) fn meter(name: usize) -> Meter {
    NAMES[name].parse().unwrap()
}

pub(crate) fn info(constant: u32) -> Info {
    let json = format!(
        r#"{{"name":"x","pulses_per_kwh":{constant},"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
    );
    Info::from_json(json.as_bytes()).unwrap()
}

/// What somebody counts under a name: never the same as under another.
pub(crate) fn pulses(name: usize, at: i64) -> u32 {
    (at * 7919 % 43) as u32 + 50 * name as u32
}

pub(crate) fn record(ledger: &mut Ledger, name: usize, minutes: impl Iterator<Item = i64>) -> OutboxMark {
    let mut batch = ledger.batch().unwrap();
    let mark = batch.register(&meter(name), &info(1000)).unwrap();
    for at in minutes {
        // Every publisher has numbers of its own, and the same name for its outbox: cards are copied.
        let (seq, total) = (at as u64 + 1, (at as u64 + 1) * 1000 + name as u64);
        let watched_s = model::watched_s(at) as u8;
        let count = PulseCount { minute: minute(at), watched_s, seq, pulses: pulses(name, at), total };
        batch.record(&mark, &count).unwrap();
    }
    batch.commit().unwrap();
    mark
}

/// What happens to a ledger.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Record(usize, Range<i64>),
    Late(usize, Vec<i64>),
    Correct(usize, Range<i64>, CorrectionKind),
    Undo(usize, usize),
    /// For a meter, from a minute on so many times of so many minutes.
    Import(usize, i64, i64, u32),
    UndoImport(usize),
    Rename(usize, usize),
    Merge(usize, usize),
    Start,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
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
        4 => import(name.clone()),
        2 => (0usize..8).prop_map(Step::UndoImport),
        4 => (name.clone(), name.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        5 => (name.clone(), name).prop_map(|(from, to)| Step::Merge(from, to)),
        1 => Just(Step::Start),
    ]
}

pub(crate) fn import(name: Range<usize>) -> impl Strategy<Value = Step> {
    let length = prop_oneof![Just(1u32), Just(15), Just(60), 2u32..3000];
    (name, 0..DAYS * DAY, 1i64..60, length).prop_map(|(name, at, count, length)| {
        let most = (DAYS * DAY - at) / i64::from(length);
        Step::Import(name, at, count.min(most), length)
    })
}

pub(crate) fn pieces(at: i64, count: i64, length: u32) -> Vec<Piece> {
    let from = |number: i64| minute(at + number * i64::from(length));
    let pulses = |number: i64| (number as u64 * 31 % 40) * u64::from(length) + 7;
    let piece = |number| Piece { from: from(number), minutes: length, watched_s: 60, pulses: pulses(number) };
    (0..count).map(piece).collect()
}

pub(crate) fn import_pieces(
    ledger: &mut Ledger,
    name: usize,
    source: &str,
    pieces: &[Piece],
) -> Result<(i64, Imported), ImportError> {
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return Ok((0, Imported::default()));
    };
    let (source, by) = (source.to_owned(), "test".to_owned());
    let pulses = pieces.iter().map(|piece| piece.pulses).sum();
    let new = NewImport { meter: meter(name), source, by, first: first.from, pulses };
    let mut batch = ledger.batch().unwrap();
    let mut importing = batch.begin_import(&new, last.from, now())?;
    batch.commit().unwrap();
    let (mut imported, day) = (Imported::default(), |piece: &Piece| piece.from.epoch_minutes() / DAY);
    for of_day in pieces.chunk_by(|one, next| day(one) == day(next)) {
        let mut batch = ledger.batch().unwrap();
        imported = imported.and(&batch.import(&mut importing, of_day)?);
        batch.commit().unwrap();
    }
    let mut batch = ledger.batch().unwrap();
    batch.finish_import(&importing, now()).unwrap();
    batch.commit().unwrap();
    Ok((importing.id, imported))
}

pub(crate) fn undo_import(ledger: &mut Ledger, id: i64) {
    let mut from = None;
    loop {
        let mut batch = ledger.batch().unwrap();
        from = batch.undo_import(id, from, ("test", now())).unwrap();
        batch.commit().unwrap();
        if from.is_none() {
            return;
        }
    }
}

pub(crate) fn play_import(ledger: &mut Ledger, model: &mut Model, name: usize, pieces: &[Piece]) {
    let source = format!("import {:?}", model.imports);
    let imported = import_pieces(ledger, name, &source, pieces);
    let Some(known) = model.meters.get_mut(&name) else {
        assert!(pieces.is_empty() || matches!(imported, Err(ImportError::UnknownMeter(_))));
        return;
    };
    let (id, imported) = imported.unwrap();
    let mut pulses = 0;
    for piece in pieces {
        let from = piece.from.epoch_minutes() - FIRST;
        pulses += known.import(id, from..from + i64::from(piece.minutes), piece.pulses);
    }
    assert_eq!(imported.pulses, pulses);
    if imported.minutes + imported.spans > 0 {
        model.imports.insert(id);
    }
}

pub(crate) fn correct(
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

pub(crate) fn rename(ledger: &mut Ledger, from: usize, to: usize) -> Result<(), MovingError> {
    let mut batch = ledger.batch().unwrap();
    batch.rename(&meter(from), &meter(to), "anna", now())?;
    batch.commit().unwrap();
    Ok(())
}

pub(crate) fn merge(
    ledger: &mut Ledger,
    from: usize,
    into: usize,
) -> Result<meter_ledger::Merged, MovingError> {
    let mut batch = ledger.batch().unwrap();
    let merged = batch.merge(&meter(from), &meter(into), ("anna", now()), |_, _| {})?;
    batch.commit().unwrap();
    Ok(merged)
}

pub(crate) fn play(ledger: &mut Ledger, home: &LedgerHome, model: &mut Model, step: &Step) {
    match step {
        Step::Record(name, span) => play(ledger, home, model, &Step::Late(*name, span.clone().collect())),
        Step::Late(name, minutes) => {
            record(ledger, *name, minutes.iter().copied());
            let known = model.meters.entry(model.now(*name)).or_default();
            known.record(minutes.iter().map(|at| ((*at, *name), u64::from(pulses(*name, *at)))));
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
        Step::Import(name, at, count, length) => {
            play_import(ledger, model, *name, &pieces(*at, *count, *length));
        }
        Step::UndoImport(which) => {
            let Some(id) = model.imports.iter().nth(*which).copied() else { return };
            undo_import(ledger, id);
            model.imports.remove(&id);
            model.meters.values_mut().for_each(|known| known.undo_import(id));
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
                let displaced = model.merge(*from, *into);
                assert_eq!(merged.unwrap().displaced, displaced);
            }
        }
        Step::Start => *ledger = Ledger::open(home).unwrap(),
    }
}
