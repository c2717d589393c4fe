//! Corrections: what a person says of a time in which a meter was counted wrongly. They stand beside the minutes, which
//! stay as they were counted, and can be undone.
//!
//! What follows from them arises in one place, where minutes and sums are read (`corrected`): outside of all corrections
//! these are read as ever, within one they are what it says. Nothing that follows from a correction is stored, so a
//! minute that comes late, or a correction that is undone, needs no more than that.

use std::ops::Range;
use std::sync::Arc;

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{CorrectionKind, Factor, Minute};

use crate::LedgerError;
use crate::error::damaged;
use crate::home::{Connection, Row};

/// How many corrections of a meter may hold at a time: they are read with each of its pages.
pub(crate) const MOST_OF_METER: usize = 1_000;

/// From the columns `kind`, `pulses`, `numerator` and `denominator`, which begin with this one.
fn kind_of(row: &Row<'_>, column: usize) -> Result<CorrectionKind, LedgerError> {
    let kind: String = row.get(column)?;
    match kind.as_str() {
        "void" => Ok(CorrectionKind::Void),
        "replace" => Ok(CorrectionKind::Replace { pulses: row.get(column + 1)? }),
        "scale" => {
            let factor = Factor::new(row.get(column + 2)?, row.get(column + 3)?);
            factor.map(CorrectionKind::Scale).ok_or_else(|| damaged("a correction by a factor that is none"))
        }
        _ => Err(damaged(format_args!("a correction \"{}\"", foreign(&kind)))),
    }
}

/// A correction, as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// Its number in the ledger.
    pub id: i64,
    /// The minutes that it is of.
    pub span: Range<Minute>,
    /// What it says of them.
    pub kind: CorrectionKind,
    /// Why, in the words of who said it.
    pub reason: String,
    /// When it was said.
    pub said: Timestamp,
    /// Who said it.
    pub by: String,
    /// When it was undone, by whom and why; `None` while it holds.
    pub undone: Option<Undone>,
}

/// That a correction was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why, where somebody has said it.
    pub reason: Option<String>,
}

/// What a correction is read from.
pub(crate) const COLUMNS: &str =
    "id, from_minute, to_minute, kind, pulses, numerator, denominator, reason, said, by,
    undone, undone_by, undone_reason";

impl Correction {
    /// Of a row of [`COLUMNS`].
    pub(crate) fn of(row: &Row<'_>) -> Result<Self, LedgerError> {
        let time = |second| Timestamp::from_second(second).map_err(damaged);
        let words = |column: usize| Ok::<_, LedgerError>(foreign(&row.get::<String>(column)?).to_string());
        let undone = match row.get::<Option<i64>>(10)? {
            Some(at) => {
                let reason: Option<String> = row.get(12)?;
                let reason = reason.map(|reason| foreign(&reason).to_string());
                Some(Undone { at: time(at)?, by: words(11)?, reason })
            }
            None => None,
        };
        let InForce { id, span, kind } = InForce::of(row)?;
        Ok(Self {
            id,
            span: Minute::nearest(span.start)..Minute::nearest(span.end),
            kind,
            reason: words(7)?,
            said: time(row.get(8)?)?,
            by: words(9)?,
            undone,
        })
    }
}

/// A correction that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) id: i64,
    /// Its minutes since 1970.
    pub(crate) span: Range<i64>,
    pub(crate) kind: CorrectionKind,
}

impl InForce {
    /// Of a row of [`COLUMNS`].
    fn of(row: &Row<'_>) -> Result<Self, LedgerError> {
        let minute = |column: usize| -> Result<i64, LedgerError> {
            Ok(Minute::from_epoch_minutes(row.get(column)?).map_err(damaged)?.epoch_minutes())
        };
        let span = minute(1)?..minute(2)?;
        if span.is_empty() {
            return Err(damaged("a correction of no time"));
        }
        Ok(Self { id: row.get(0)?, span, kind: kind_of(row, 3)? })
    }

    /// The pulses of its minutes before one of them, where it says how many they are.
    pub(crate) fn pulses_before(&self, minute: i64) -> u64 {
        let CorrectionKind::Replace { pulses } = self.kind else { return 0 };
        let (passed, all) = (minute - self.span.start, self.span.end - self.span.start);
        let before = u128::from(pulses) * u128::from(passed.unsigned_abs()) / u128::from(all.unsigned_abs());
        u64::try_from(before).unwrap_or(u64::MAX)
    }
}

/// A meter's corrections that hold, in order; none shares a minute with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Corrections {
    in_force: Arc<[InForce]>,
    /// How often one was said or undone, and how many names lead to the meter.
    edition: u64,
}

impl Corrections {
    /// None, whatever was said.
    pub(crate) fn none() -> Self {
        Self { in_force: Arc::new([]), edition: 0 }
    }

    /// What reading them asks.
    pub(crate) const QUESTIONS: [&str; 2] = [
        "SELECT id, from_minute, to_minute, kind, pulses, numerator, denominator, undone FROM correction
         WHERE meter = ?1 ORDER BY from_minute",
        "SELECT count(*) FROM meter WHERE moved_to = ?1",
    ];

    pub(crate) fn read(connection: &Connection, meter_row: i64) -> Result<Self, LedgerError> {
        let [of_meter, former] = Self::QUESTIONS;
        let mut statement = connection.prepare_cached(of_meter)?;
        let (mut rows, mut in_force, mut edition) = (statement.query([meter_row])?, Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let is_undone = row.get::<Option<i64>>(7)?.is_some();
            edition += 1 + u64::from(is_undone);
            if !is_undone {
                in_force.push(InForce::of(&row)?);
            }
        }
        // What was another meter's may be its own by now.
        edition += connection.prepare_cached(former)?.query_row([meter_row], |row| row.get::<u64>(0))?;
        Self::new(in_force, edition)
    }

    fn new(in_force: Vec<InForce>, edition: u64) -> Result<Self, LedgerError> {
        match in_force.is_sorted_by(|one, next| one.span.end <= next.span.start) {
            true => Ok(Self { in_force: in_force.into(), edition }),
            false => Err(damaged("two corrections of the same minute")),
        }
    }

    pub(crate) fn edition(&self) -> u64 {
        self.edition
    }

    pub(crate) fn len(&self) -> usize {
        self.in_force.len()
    }

    /// The same and one more, that shares no minute with them.
    pub(crate) fn and(&self, correction: &Correction) -> Result<Self, LedgerError> {
        let span = correction.span.start.epoch_minutes()..correction.span.end.epoch_minutes();
        let mut in_force = self.in_force.to_vec();
        let at = in_force.partition_point(|known| known.span.start < span.start);
        in_force.insert(at, InForce { id: correction.id, span, kind: correction.kind });
        Self::new(in_force, self.edition + 1)
    }

    /// The same without one.
    pub(crate) fn without(&self, id: i64) -> Self {
        let in_force = self.in_force.iter().filter(|known| known.id != id).cloned().collect();
        Self { in_force, edition: self.edition + 1 }
    }

    /// Those that have a minute of a span.
    pub(crate) fn within(&self, span: &Range<i64>) -> &[InForce] {
        let first = self.in_force.partition_point(|known| known.span.end <= span.start);
        let after = self.in_force.partition_point(|known| known.span.start < span.end).max(first);
        &self.in_force[first..after]
    }

    /// The one of a minute.
    pub(crate) fn at(&self, minute: i64) -> Option<&InForce> {
        self.within(&(minute..minute.saturating_add(1))).first()
    }

    /// The one that says that a minute was not watched.
    pub(crate) fn void_at(&self, minute: i64) -> Option<&InForce> {
        self.at(minute).filter(|known| known.kind == CorrectionKind::Void)
    }

    /// The first minute from one on that has pulses because a correction says so.
    pub(crate) fn first_replaced(&self, from: i64) -> Option<i64> {
        let later = self.within(&(from..i64::MAX)).iter();
        let mut replaced = later.filter(|known| matches!(known.kind, CorrectionKind::Replace { .. }));
        replaced.next().map(|known| known.span.start.max(from))
    }

    /// The last minute before one that has pulses because a correction says so.
    pub(crate) fn last_replaced(&self, before: i64) -> Option<i64> {
        let earlier = self.within(&(i64::MIN..before)).iter().rev();
        let mut replaced = earlier.filter(|known| matches!(known.kind, CorrectionKind::Replace { .. }));
        replaced.next().map(|known| known.span.end.min(before) - 1)
    }

    /// How many minutes of a span are corrected.
    pub(crate) fn minutes_of(&self, span: &Range<i64>) -> u64 {
        let of = |known: &InForce| known.span.end.min(span.end) - known.span.start.max(span.start);
        self.within(span).iter().map(|known| of(known).unsigned_abs()).sum()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn void(id: i64, span: Range<i64>) -> Correction {
        Correction {
            id,
            span: Minute::nearest(span.start)..Minute::nearest(span.end),
            kind: CorrectionKind::Void,
            reason: String::new(),
            said: Timestamp::UNIX_EPOCH,
            by: String::new(),
            undone: None,
        }
    }

    #[test]
    fn they_are_found_by_their_minutes() {
        const FIRST: i64 = 29_000_000;
        let minutes = |from: i64, to: i64| FIRST + from..FIRST + to;
        let known = Corrections::none().and(&void(1, minutes(10, 20))).unwrap();
        let known = known.and(&void(2, minutes(0, 5))).unwrap();
        let ids = |from, to| known.within(&minutes(from, to)).iter().map(|it| it.id).collect::<Vec<_>>();
        assert_eq!((ids(0, 30), ids(5, 10), ids(4, 10), ids(19, 20)), (vec![2, 1], vec![], vec![2], vec![1]));
        assert_eq!(known.minutes_of(&minutes(4, 12)), 3);
        assert!(known.and(&void(3, minutes(19, 21))).is_err(), "minute 19 is there already");
        assert_eq!(known.without(1).within(&minutes(0, 30)).len(), 1);
        assert_eq!((known.edition(), known.without(1).edition()), (2, 3));
    }

    proptest! {
        #[test]
        fn what_replaces_is_spread_evenly_and_is_all_there(pulses in 0..=u64::MAX, minutes in 1i64..5000) {
            let span = 29_000_000..29_000_000 + minutes;
            let replaced = InForce { id: 1, span: span.clone(), kind: CorrectionKind::Replace { pulses } };
            let of = |minute: i64| replaced.pulses_before(minute + 1) - replaced.pulses_before(minute);
            let even = pulses / minutes.unsigned_abs();
            prop_assert!(span.clone().all(|minute| of(minute) - even <= 1));
            prop_assert_eq!(span.map(of).sum::<u64>(), pulses);
        }
    }
}
