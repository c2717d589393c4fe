//! Saying that a time was counted wrongly, and taking that back.

use std::ops::Range;

use jiff::Timestamp;
use meter_messages::{CorrectionKind, MAX_COUNT, Meter, Minute, SaidCorrection, UndoneCorrection};

use crate::corrections::{COLUMNS, Correction, Corrections, MOST_OF_METER, Undone};
use crate::error::damaged;
use crate::home::{self, Connection, OptionalRow, SqlError, params};
use crate::reading::epoch_minutes;
use crate::{Batch, Ledger, LedgerError, RecordedMeter, rows, spans};

/// The longest time of which the pulses are said, in minutes: its minutes are made one by one.
const LONGEST: i64 = 366 * 24 * 60;

/// The longest reason and name, in characters: what is longer is cut where it is shown.
const LONGEST_TEXT: usize = 200;

/// What is to be said of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCorrection {
    /// The minutes that it is of.
    pub span: Range<Minute>,
    /// What it says of them.
    pub kind: CorrectionKind,
    /// Why.
    pub reason: String,
    /// Who says it.
    pub by: String,
}

/// What became of a message that says or undoes a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SayingAgain {
    /// It is in the ledger with this batch.
    New,
    /// It was done before, or there is nothing to be done.
    Already,
}

/// Why a correction was not taken, or not undone. Then nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CorrectingError {
    /// The ledger has failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such meter, or its `info` has not come yet.
    #[error("the ledger knows no meter {0}; `powerpi ledger meters` lists those that it knows")]
    UnknownMeter(Meter),
    /// Its end is not after its beginning.
    #[error("the end must be later than the beginning")]
    Empty,
    /// A part of it is before the first or after the newest minute.
    #[error("the time must lie between the meter's first and newest minute: from {0} up to {1}")]
    NotRecorded(Minute, Minute),
    /// There is nothing in it that could be wrong.
    #[error("nothing was recorded in that time")]
    NothingThere,
    /// It is too long for pulses to be spread over it.
    #[error("pulses can be said of 366 days at most; say them of several shorter times")]
    TooLong,
    /// More pulses than minutes can have.
    #[error("these are more pulses than {0} minutes can have")]
    TooMany(i64),
    /// Times one.
    #[error("a factor of 1 changes nothing")]
    Nothing,
    /// A reason or a name with control characters, or none, or too long a one.
    #[error("{0} must be 1 to 200 characters in one line")]
    NoText(&'static str),
    /// Another correction has some of its minutes.
    #[error(
        "correction {id} is of some of these minutes already ({from} up to {to}); take it back first: `powerpi ledger undo {id}`"
    )]
    Overlaps {
        /// Its number.
        id: i64,
        /// Its first minute.
        from: Minute,
        /// The first minute after it.
        to: Minute,
    },
    /// The meter has as many as it may have.
    #[error("1000 corrections of the meter hold; that is as many as may")]
    TooManyCorrections,
    /// There is no correction of that number.
    #[error("there is no correction {0}; `powerpi ledger corrections` lists them")]
    NoSuch(i64),
    /// It was undone before.
    #[error("correction {0} was undone already, at {1}")]
    AlreadyUndone(i64, Timestamp),
}

impl From<SqlError> for CorrectingError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(error.into())
    }
}

impl Batch<'_> {
    /// Says at `now` that a time was counted wrongly. All that is read from then on is what the correction says; the
    /// minutes stay as they were counted.
    ///
    /// # Errors
    /// If it can not be so, or if another correction has some of these minutes.
    pub fn correct(
        &mut self,
        meter: &Meter,
        new: &NewCorrection,
        now: Timestamp,
    ) -> Result<Correction, CorrectingError> {
        let row = self
            .transaction()
            .prepare_cached(
                "SELECT id FROM meter WHERE constant_millionths > 0
                 AND id = (SELECT coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2)",
            )?
            .query_row(params![meter.site.as_str(), meter.meter.as_str()], |row| row.get::<i64>(0))
            .optional()?
            .ok_or_else(|| CorrectingError::UnknownMeter(meter.clone()))?;
        is_possible(self.transaction(), row, new)?;
        let id = insert(self.transaction(), row, new, now)?;
        let NewCorrection { span, kind, reason, by } = new.clone();
        Ok(Correction { id, span, kind, reason, said: now, by, undone: None })
    }

    /// The same of a message, which may be delivered more than once.
    ///
    /// # Errors
    /// As for [`correct`](Self::correct).
    pub fn say(&mut self, meter: &Meter, said: &SaidCorrection) -> Result<SayingAgain, CorrectingError> {
        let SaidCorrection { said: at, from, to, kind, reason, by } = said.clone();
        let before = self.said_at(meter, from, at)?;
        let same = |known: &Correction| {
            (known.span.end, known.kind, &known.reason, &known.by) == (to, kind, &reason, &by)
        };
        if before.iter().any(same) {
            return Ok(SayingAgain::Already);
        }
        self.correct(meter, &NewCorrection { span: from..to, kind, reason, by }, at)?;
        Ok(SayingAgain::New)
    }

    /// Takes back what such a message has said.
    ///
    /// # Errors
    /// As for [`undo`](Self::undo).
    pub fn undo_said(
        &mut self,
        meter: &Meter,
        undone: &UndoneCorrection,
    ) -> Result<SayingAgain, CorrectingError> {
        let known = self.said_at(meter, undone.from, undone.said)?;
        match known.iter().find(|known| known.undone.is_none()) {
            Some(known) => {
                let undone = Undone { at: undone.at, by: undone.by.clone(), reason: None };
                self.undo(known.id, &undone)?;
                Ok(SayingAgain::New)
            }
            None => Ok(SayingAgain::Already),
        }
    }

    /// The corrections that begin with a minute and were said at a time.
    fn said_at(
        &mut self,
        meter: &Meter,
        from: Minute,
        said: Timestamp,
    ) -> Result<Vec<Correction>, CorrectingError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM correction WHERE from_minute = ?3 AND said = ?4
             AND meter = (SELECT coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2)"
        );
        let mut statement = self.transaction().prepare_cached(&sql)?;
        let (site, name, from, said) =
            (meter.site.as_str(), meter.meter.as_str(), from.epoch_minutes(), said.as_second());
        let found = statement.query_map(params![site, name, from, said], |row| Ok(Correction::of(row)))?;
        found.map(|correction| Ok(correction??)).collect()
    }

    /// Takes a correction back at `now`; returns its meter and the correction. It stays in the list.
    ///
    /// # Errors
    /// If there is none of this number that holds.
    pub fn undo(&mut self, id: i64, undone: &Undone) -> Result<(Meter, Correction), CorrectingError> {
        let (meter, correction) = of_id(self.transaction(), id)?.ok_or(CorrectingError::NoSuch(id))?;
        if let Some(before) = &correction.undone {
            return Err(CorrectingError::AlreadyUndone(id, before.at));
        }
        text("who undoes it", &undone.by)?;
        undone.reason.as_deref().map_or(Ok(()), |reason| text("the reason", reason))?;
        self.transaction()
            .prepare_cached(
                "UPDATE correction SET undone = ?2, undone_by = ?3, undone_reason = ?4 WHERE id = ?1",
            )?
            .execute(params![id, undone.at.as_second(), undone.by, undone.reason])?;
        Ok((meter, Correction { undone: Some(undone.clone()), ..correction }))
    }
}

impl NewCorrection {
    /// What can be seen without the ledger.
    fn check(&self) -> Result<(), CorrectingError> {
        let minutes = self.span.end.epoch_minutes() - self.span.start.epoch_minutes();
        text("the reason", &self.reason)?;
        text("who says it", &self.by)?;
        match self.kind {
            _ if minutes <= 0 => Err(CorrectingError::Empty),
            CorrectionKind::Replace { .. } if minutes > LONGEST => Err(CorrectingError::TooLong),
            CorrectionKind::Replace { pulses }
                if pulses > MAX_COUNT || pulses / minutes.unsigned_abs() >= u64::from(u32::MAX) =>
            {
                Err(CorrectingError::TooMany(minutes))
            }
            CorrectionKind::Scale(factor) if factor.numerator() == factor.denominator() => {
                Err(CorrectingError::Nothing)
            }
            _ => Ok(()),
        }
    }
}

/// Whether it may be said.
fn is_possible(connection: &Connection, row: i64, new: &NewCorrection) -> Result<(), CorrectingError> {
    new.check()?;
    is_recorded(connection, row, new)?;
    let known = Corrections::read(connection, row)?;
    if let Some(other) = known.within(&epoch_minutes(&new.span)).first() {
        let (from, to) = (Minute::nearest(other.span.start), Minute::nearest(other.span.end));
        return Err(CorrectingError::Overlaps { id: other.id, from, to });
    }
    if known.len() >= MOST_OF_METER { Err(CorrectingError::TooManyCorrections) } else { Ok(()) }
}

fn text(what: &'static str, text: &str) -> Result<(), CorrectingError> {
    let is_good = !text.trim().is_empty()
        && text.chars().count() <= LONGEST_TEXT
        && !text.chars().any(foreign_text::is_control);
    if is_good { Ok(()) } else { Err(CorrectingError::NoText(what)) }
}

/// Minutes that are still to come are not corrected before.
fn is_recorded(connection: &Connection, meter_row: i64, new: &NewCorrection) -> Result<(), CorrectingError> {
    let span = epoch_minutes(&new.span);
    let from = |minute| -> Result<Option<i64>, LedgerError> {
        let counted = rows::from(connection, meter_row, minute)?.first().map(|row| row.minute);
        Ok(counted.into_iter().chain(spans::first_from(connection, meter_row, minute)?).min())
    };
    let newest = rows::before(connection, meter_row, i64::MAX)?.first().map(|row| row.minute);
    let imported = spans::last_before(connection, meter_row, i64::MAX, newest)?;
    let newest = newest.max(imported.map(|imported| imported.minute.epoch_minutes()));
    let (first, newest) = from(i64::MIN)?.zip(newest).ok_or(CorrectingError::NothingThere)?;
    if span.start < first || span.end > newest + 1 {
        return Err(CorrectingError::NotRecorded(Minute::nearest(first), Minute::nearest(newest + 1)));
    }
    let next = from(span.start)?;
    let is_there = next.is_some_and(|next| next < span.end);
    match new.kind {
        CorrectionKind::Void | CorrectionKind::Scale(_) if !is_there => Err(CorrectingError::NothingThere),
        _ => Ok(()),
    }
}

fn insert(connection: &Connection, meter_row: i64, new: &NewCorrection, now: Timestamp) -> home::Result<i64> {
    let (pulses, factor) = match new.kind {
        CorrectionKind::Void => (None, None),
        CorrectionKind::Replace { pulses } => (Some(pulses), None),
        CorrectionKind::Scale(factor) => (None, Some(factor)),
    };
    connection
        .prepare_cached(
            "INSERT INTO correction (meter, from_minute, to_minute, kind, pulses, numerator, denominator, reason, said, by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
        )?
        .query_row(
            params![
                meter_row,
                new.span.start.epoch_minutes(),
                new.span.end.epoch_minutes(),
                new.kind.name(),
                pulses,
                factor.map(|factor| factor.numerator()),
                factor.map(|factor| factor.denominator()),
                new.reason,
                now.as_second(),
                new.by
            ],
            |row| row.get(0),
        )
}

fn of_id(connection: &Connection, id: i64) -> Result<Option<(Meter, Correction)>, LedgerError> {
    let of_correction = "SELECT site, meter.meter FROM correction JOIN meter ON meter.id = correction.meter
                         WHERE correction.id = ?1";
    let meter: Option<(String, String)> = connection
        .prepare_cached(of_correction)?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((site, meter)) = meter else { return Ok(None) };
    let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
    let sql = format!("SELECT {COLUMNS} FROM correction WHERE id = ?1");
    let correction = connection.prepare_cached(&sql)?.query_row([id], |row| Ok(Correction::of(row)))??;
    Ok(Some((meter, correction)))
}

impl Ledger {
    /// Why a correction would be refused that is said now; `None` if it would not.
    pub fn why_not(
        &self,
        meter: &RecordedMeter,
        new: &NewCorrection,
    ) -> Result<Option<CorrectingError>, LedgerError> {
        let _state = self.one_state()?;
        match is_possible(&self.connection, meter.row, new) {
            Ok(()) => Ok(None),
            Err(CorrectingError::Ledger(error)) => Err(error),
            Err(refused) => Ok(Some(refused)),
        }
    }

    /// A meter's corrections, also those that were undone, in the order of their minutes.
    pub fn corrections(&self, meter: &RecordedMeter) -> Result<Vec<Correction>, LedgerError> {
        let sql = format!("SELECT {COLUMNS} FROM correction WHERE meter = ?1 ORDER BY from_minute, id");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let corrections = statement.query_map([meter.row], |row| Ok(Correction::of(row)))?;
        corrections.map(|correction| correction?).collect()
    }

    /// How often a correction was said or undone, and something imported: of each meter that has any.
    pub fn correction_editions(&self) -> Result<Vec<(Meter, u64)>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT site, meter.meter, CAST(sum(edition) AS BIGINT) FROM (
                 SELECT meter, CASE WHEN undone IS NULL THEN 1 ELSE 2 END AS edition FROM correction
                 UNION ALL
                 SELECT meter, 1 + CASE WHEN finished IS NULL THEN 0 ELSE 1 END + CASE WHEN undone IS NULL THEN 0 ELSE 1 END
                 FROM import
             ) AS said JOIN meter ON meter.id = said.meter GROUP BY meter.id ORDER BY site, meter.meter",
        )?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<u64>(2)?)))?;
        rows.map(|row| -> Result<_, LedgerError> {
            let (site, meter, edition) = row?;
            let meter =
                Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
            Ok((meter, edition))
        })
        .collect()
    }
}

impl RecordedMeter {
    /// The same meter, read as it was counted.
    #[must_use]
    pub fn as_counted(&self) -> Self {
        Self { corrections: Corrections::none(), ..self.clone() }
    }

    /// The same meter, read as if a correction held, too.
    ///
    /// # Errors
    /// If another one has some of its minutes.
    pub fn with(&self, correction: &Correction) -> Result<Self, LedgerError> {
        Ok(Self { corrections: self.corrections.and(correction)?, ..self.clone() })
    }

    /// The same meter, read as if a correction did not hold.
    #[must_use]
    pub fn without(&self, correction: &Correction) -> Self {
        Self { corrections: self.corrections.without(correction.id), ..self.clone() }
    }

    /// How often a correction of it was said or undone, and something imported: what was read before may differ from
    /// what is read now if it does.
    pub fn edition(&self) -> u64 {
        self.corrections.edition() + self.coarse.edition()
    }

    /// How many minutes the longest time has of which only the sum is known, in a span: 60 where something was imported
    /// by the hour, 1 where every minute was counted.
    pub fn resolution(&self, span: &Range<Minute>) -> u32 {
        self.coarse.longest(&epoch_minutes(span))
    }

    /// The corrected times of a span, in order.
    pub fn corrected_spans(&self, span: &Range<Minute>) -> impl Iterator<Item = Range<Minute>> {
        let of = epoch_minutes(span);
        let known = self.corrections.within(&of).iter().map(|known| known.span.clone());
        known.map(move |known| {
            Minute::nearest(known.start.max(of.start))..Minute::nearest(known.end.min(of.end))
        })
    }

    /// The times of a span whose pulses a correction of more than so many minutes has spread evenly, in order.
    pub fn spread_spans(
        &self,
        span: &Range<Minute>,
        longer_than: i64,
    ) -> impl Iterator<Item = Range<Minute>> {
        let known = self.corrections.within(&epoch_minutes(span)).iter();
        let spread = known.filter(move |known| {
            matches!(known.kind, CorrectionKind::Replace { .. })
                && known.span.end - known.span.start > longer_than
        });
        spread.map(|known| Minute::nearest(known.span.start)..Minute::nearest(known.span.end))
    }

    /// How many minutes of a span are corrected.
    pub fn corrected_minutes(&self, span: &Range<Minute>) -> u64 {
        self.corrections.minutes_of(&epoch_minutes(span))
    }
}
