//! Importing what another system has recorded, in transactions of bounded length, while the recorder runs.
//!
//! Minutes become those of an outbox of the import's own, whose name says which it is; times of which only the sum is
//! known stay what they are (`spans`), and count less what is known of their minutes. Nothing is imported for a minute that
//! is there already, and one that is counted and comes later displaces what was imported for it; of one that was watched
//! in part, the rest is imported and stays. So the same can be imported again, also after an interruption: what is there
//! is left as it is.

use std::ops::Range;

use jiff::Timestamp;
use meter_messages::{Meter, Minute, OutboxId};

use crate::days::{self, day_of, minutes_of};
use crate::error::damaged;
use crate::home::{OptionalRow, SqlError, params};
use crate::spans::{self, Rest};
use crate::there::There;
use crate::{Batch, LedgerError, OutboxMinute, packing, quarters, rows};

/// Days that lie so far before the newest are written as packed ones.
const DAYS_IN_ROWS: i64 = 2;

/// What is to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImport {
    /// For which meter.
    pub meter: Meter,
    /// From what: an import that was interrupted goes on if it is of the same.
    pub source: String,
    /// Who imports it.
    pub by: String,
    /// Its first minute.
    pub first: Minute,
    /// All its pulses.
    pub pulses: u64,
}

/// A time of which the pulses are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Its first minute.
    pub from: Minute,
    /// How many minutes it has: one, or more if only their sum is known.
    pub minutes: u32,
    /// Of one minute, how many of its seconds were watched; of a longer time all were.
    pub watched_s: u8,
    /// Its pulses.
    pub pulses: u64,
}

impl Piece {
    /// Its minutes since 1970.
    fn span(&self) -> Range<i64> {
        let from = self.from.epoch_minutes();
        from..from + i64::from(self.minutes)
    }
}

/// An import that is under way.
#[derive(Debug, Clone)]
pub struct Importing {
    /// Its number.
    pub id: i64,
    meter_row: i64,
    outbox_row: i64,
    /// The meter's total after the last piece, in pulses.
    total: u64,
    /// The day of its last minute.
    last_day: i64,
}

impl Importing {
    /// The row of a piece of one minute, after which its total is the import's.
    fn row(&self, piece: &Piece) -> Result<OutboxMinute, ImportError> {
        let pulses = u32::try_from(piece.pulses).map_err(|_| ImportError::TooMany(piece.from))?;
        let (minute, watched_s) = (piece.from.epoch_minutes(), piece.watched_s);
        let Self { outbox_row: outbox, total, .. } = *self;
        Ok(OutboxMinute { minute, outbox, pulses, watched_s, total, seq: None })
    }
}

/// What came of some pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// Minutes of which something is new.
    pub minutes: u64,
    /// Longer times that are new.
    pub spans: u64,
    /// Pulses of both that are new.
    pub pulses: u64,
    /// Pieces of whose time something was there already. Of those that were there in part the rest is new.
    pub there: u64,
    /// Their pulses that are not counted a second time.
    pub pulses_there: u64,
}

/// Why something was not imported, or not undone.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The ledger has failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such meter, or its `info` has not come yet.
    #[error("the ledger knows no meter {0}; `powerpi ledger meters` lists those that it knows")]
    UnknownMeter(Meter),
    /// There is no import of this number.
    #[error("there is no import {0}; `powerpi import list` lists all")]
    NoSuch(i64),
    /// It was undone before.
    #[error("import {0} was undone before")]
    AlreadyUndone(i64),
    /// More pulses than a minute can have.
    #[error("{0} has more pulses than a minute can have")]
    TooMany(Minute),
}

impl From<SqlError> for ImportError {
    fn from(error: SqlError) -> Self {
        Self::Ledger(error.into())
    }
}

impl Imported {
    /// Adds two.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            minutes: self.minutes + other.minutes,
            spans: self.spans + other.spans,
            pulses: self.pulses + other.pulses,
            there: self.there + other.there,
            pulses_there: self.pulses_there + other.pulses_there,
        }
    }
}

impl Batch<'_> {
    /// Begins an import whose last minute is `last`, or goes on with one of the same that was interrupted.
    pub fn begin_import(
        &mut self,
        new: &NewImport,
        last: Minute,
        now: Timestamp,
    ) -> Result<Importing, ImportError> {
        let unknown = || ImportError::UnknownMeter(new.meter.clone());
        let meter_row: i64 = self
            .transaction()
            .prepare_cached(
                "SELECT id FROM meter WHERE site = ?1 AND meter = ?2 AND constant_millionths > 0",
            )?
            .query_row([new.meter.site.as_str(), new.meter.meter.as_str()], |row| row.get(0))
            .optional()?
            .ok_or_else(unknown)?;
        let newest = packing::newest(self.transaction(), meter_row)?.unwrap_or(i64::MIN);
        let last_day = day_of(newest.max(last.epoch_minutes()));
        let begun = self
            .transaction()
            .prepare_cached(
                "SELECT id, outbox, total FROM import
                 WHERE meter = ?1 AND source = ?2 AND finished IS NULL AND undone IS NULL AND outbox IS NOT NULL",
            )?
            .query_row(params![meter_row, new.source], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        if let Some((id, outbox_row, total)) = begun {
            return Ok(Importing { id, meter_row, outbox_row, total, last_day });
        }
        let total = self.total_before(meter_row, new)?;
        let id: i64 = self
            .transaction()
            .prepare_cached(
                "INSERT INTO import (meter, source, total, begun, by) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
            )?
            .query_row(params![meter_row, new.source, total, now.as_second(), new.by], |row| row.get(0))?;
        self.is_anything_imported = None;
        let name: OutboxId = format!("import-{id}-{}", now.as_second()).parse().map_err(damaged)?;
        let outbox_row = self
            .transaction()
            .prepare_cached("INSERT INTO outbox (meter, name) VALUES (?1, ?2) RETURNING id")?
            .query_row(params![meter_row, name.as_str()], |row| row.get(0))?;
        self.fill_if_new(meter_row, name.as_str())?;
        self.transaction()
            .prepare_cached("UPDATE import SET outbox = ?2 WHERE id = ?1")?
            .execute([id, outbox_row])?;
        Ok(Importing { id, meter_row, outbox_row, total, last_day })
    }

    /// The total before an import's first minute: that which makes it end where the meter was counted from later, or
    /// that of the minute before.
    fn total_before(&self, meter_row: i64, new: &NewImport) -> Result<u64, LedgerError> {
        let first = new.first.epoch_minutes();
        let next = rows::from(self.transaction(), meter_row, first)?;
        let next = next.iter().map(OutboxMinute::total_before).min();
        let before = rows::before(self.transaction(), meter_row, first)?;
        let before = before.iter().map(|row| row.total).max();
        Ok(next.and_then(|next| next.checked_sub(new.pulses)).or(before).unwrap_or_default())
    }

    /// Imports pieces, which ascend and share no minute. Pieces of one day belong into one batch, and a batch should have
    /// no more than a month of them: the recorder waits meanwhile.
    pub fn import(&mut self, importing: &mut Importing, pieces: &[Piece]) -> Result<Imported, ImportError> {
        let mut imported = Imported::default();
        let day = |piece: &Piece| day_of(piece.from.epoch_minutes());
        for of_day in pieces.chunk_by(|one, next| day(one) == day(next)) {
            imported = imported.and(&self.import_day(importing, of_day)?);
        }
        self.transaction()
            .prepare_cached(
                "UPDATE import SET minutes = minutes + ?2, spans = spans + ?3, pulses = pulses + ?4 WHERE id = ?1",
            )?
            .execute(params![importing.id, imported.minutes, imported.spans, imported.pulses])?;
        Ok(imported)
    }

    fn import_day(&mut self, importing: &mut Importing, pieces: &[Piece]) -> Result<Imported, ImportError> {
        let (mut imported, mut rows) = (Imported::default(), Vec::new());
        let day = pieces.first().map_or(0, |first| day_of(first.from.epoch_minutes()));
        let mut there = There::read(self.transaction(), importing.meter_row, day)?;
        let is_empty = there.is_empty();
        let has_spans = self.has_spans(importing.meter_row, pieces)?;
        for piece in pieces {
            let before = importing.total;
            importing.total = importing.total.saturating_add(piece.pulses);
            let has_span =
                has_spans && spans::is_any_within(self.transaction(), importing.meter_row, &piece.span())?;
            let (new, is_whole) = if has_span {
                (None, false)
            } else if piece.minutes > 1 {
                let rest = self.rest(importing.meter_row, &there, piece)?;
                if rest.minutes() > 0 {
                    imported.spans += 1;
                    self.insert_span(importing, piece, before)?;
                }
                ((rest.minutes() > 0).then(|| rest.pulses()), rest.is_whole())
            } else {
                let row = importing.row(piece)?;
                let left = there.left_of(&row);
                if let Some(left) = &left {
                    imported.minutes += 1;
                    there.add(left);
                    rows.push(*left);
                }
                (left.map(|left| left.pulses.into()), left == Some(row))
            };
            imported.pulses += new.unwrap_or_default();
            imported.pulses_there += piece.pulses - new.unwrap_or_default();
            imported.there += u64::from(!is_whole);
        }
        self.insert_minutes(importing, day, is_empty, &rows)?;
        Ok(imported)
    }

    /// Whether something was imported of longer times where these pieces lie. Those that come with them share no minute.
    fn has_spans(&self, meter_row: i64, pieces: &[Piece]) -> Result<bool, LedgerError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Ok(false) };
        spans::is_any_within(self.transaction(), meter_row, &(first.span().start..last.span().end))
    }

    /// What is new of a longer piece, beside what is recorded of its time; `there` is of its first day.
    fn rest(&self, meter_row: i64, there: &There, piece: &Piece) -> Result<Rest, LedgerError> {
        let span = piece.span();
        if span.end <= minutes_of(day_of(span.start)).end {
            return Ok(Rest::of_new(span.clone(), piece.pulses, there.within(span)));
        }
        Rest::read_new(self.transaction(), meter_row, span, piece.pulses)
    }

    fn insert_span(&mut self, of: &Importing, piece: &Piece, total: u64) -> Result<(), LedgerError> {
        let span = piece.span();
        self.transaction()
            .prepare_cached(
                "INSERT INTO imported_span (meter, from_minute, to_minute, import, pulses, total)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![of.meter_row, span.start, span.end, of.id, piece.pulses, total])?;
        self.transaction()
            .prepare_cached(
                "UPDATE import SET from_span = CASE WHEN from_span < ?2 THEN from_span ELSE ?2 END,
                     to_span = CASE WHEN to_span > ?3 THEN to_span ELSE ?3 END,
                     longest = CASE WHEN longest > ?4 THEN longest ELSE ?4 END
                 WHERE id = ?1",
            )?
            .execute(params![of.id, span.start, span.end, piece.minutes])?;
        Ok(())
    }

    /// Writes minutes of a day; one that is over and of which there is nothing yet is packed at once.
    fn insert_minutes(
        &mut self,
        of: &Importing,
        day: i64,
        is_empty: bool,
        rows: &[OutboxMinute],
    ) -> Result<(), LedgerError> {
        let Some(last) = rows.last() else { return Ok(()) };
        if is_empty && day <= of.last_day - DAYS_IN_ROWS {
            days::insert(self.transaction(), of.meter_row, day, rows)?;
            return quarters::write(self.transaction(), of.meter_row, day, rows);
        }
        self.announce(of.meter_row, last.minute)?;
        for row in rows {
            self.add_row(of.meter_row, *row)?;
        }
        Ok(())
    }

    /// From now on there is a minute.
    fn announce(&mut self, meter_row: i64, minute: i64) -> Result<(), LedgerError> {
        let Batch { transaction, newest, .. } = self;
        newest.is_new(transaction, meter_row, minute)?;
        Ok(())
    }

    /// Says that all of an import is there. One that has brought nothing new leaves nothing behind.
    pub fn finish_import(&mut self, importing: &Importing, now: Timestamp) -> Result<(), LedgerError> {
        let brought: u64 = self
            .transaction()
            .prepare_cached("SELECT minutes + spans FROM import WHERE id = ?1")?
            .query_row([importing.id], |row| row.get(0))?;
        if brought > 0 {
            self.transaction()
                .prepare_cached("UPDATE import SET finished = ?2 WHERE id = ?1")?
                .execute([importing.id, now.as_second()])?;
            return Ok(());
        }
        self.transaction().prepare_cached("DELETE FROM import WHERE id = ?1")?.execute([importing.id])?;
        self.transaction()
            .prepare_cached("DELETE FROM outbox WHERE id = ?1")?
            .execute([importing.outbox_row])?;
        Ok(())
    }
}
