//! Undoing an import as a whole: all that it brought is deleted, in transactions of bounded length, and that it was there
//! stays in the list. If it is interrupted, it goes on when it is said again. A meter that it has made goes with it, unless
//! something else is left of it.

use jiff::Timestamp;

use crate::home::{OptionalRow, params};
use crate::{Batch, ImportError, LedgerError, days, quarters};

/// So many packed days are looked at in one transaction.
const DAYS: i64 = 200;

impl Batch<'_> {
    /// Takes a part of an import back, from a day since 1970 on; returns the day to go on from, or `None` once nothing
    /// of it is left. The first part says that it is undone.
    pub fn undo_import(
        &mut self,
        id: i64,
        from: Option<i64>,
        (by, now): (&str, Timestamp),
    ) -> Result<Option<i64>, ImportError> {
        let found = self
            .transaction()
            .prepare_cached("SELECT meter, outbox FROM import WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get::<i64>(0)?, row.get::<Option<i64>>(1)?)))
            .optional()?;
        let (meter_row, outbox_row) = found.ok_or(ImportError::NoSuch(id))?;
        let outbox_row = outbox_row.ok_or(ImportError::AlreadyUndone(id))?;
        let Some(from) = from else {
            self.transaction()
                .prepare_cached("UPDATE import SET undone = ?2, undone_by = ?3 WHERE id = ?1")?
                .execute(params![id, now.as_second(), by])?;
            return Ok(Some(i64::MIN));
        };
        let next = self.undo_days(meter_row, outbox_row, from)?;
        if next.is_none() {
            self.end_of(id, meter_row, outbox_row)?;
            self.forget_if_empty(meter_row, (by, now))?;
        }
        Ok(next)
    }

    fn undo_days(&mut self, meter_row: i64, outbox_row: i64, from: i64) -> Result<Option<i64>, LedgerError> {
        let days: Vec<i64> = self
            .transaction()
            .prepare_cached("SELECT day FROM day WHERE meter = ?1 AND day >= ?2 ORDER BY day LIMIT ?3")?
            .query_map([meter_row, from, DAYS], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for day in &days {
            let mut minutes = days::read(self.transaction(), days::DAY, meter_row, *day)?;
            let before = minutes.len();
            minutes.retain(|row| row.outbox != outbox_row);
            if minutes.is_empty() {
                days::delete(self.transaction(), meter_row, *day)?;
            } else if minutes.len() < before {
                days::replace(self.transaction(), meter_row, *day, &minutes)?;
                quarters::write(self.transaction(), meter_row, *day, &minutes)?;
            }
        }
        Ok(days.last().map(|last| last + 1))
    }

    /// What is left of it once no packed day has anything.
    fn end_of(&mut self, id: i64, meter_row: i64, outbox_row: i64) -> Result<(), LedgerError> {
        let transaction = self.transaction();
        transaction
            .execute("DELETE FROM minute WHERE meter = ?1 AND outbox = ?2", [meter_row, outbox_row])?;
        transaction.execute("DELETE FROM imported_span WHERE meter = ?1 AND import = ?2", [meter_row, id])?;
        transaction.execute(
            "UPDATE import SET outbox = NULL, from_span = NULL, to_span = NULL WHERE id = ?1",
            [id],
        )?;
        let is_filled: bool = transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM meter JOIN outbox ON outbox.meter = meter.id AND outbox.name = meter.outbox
                            WHERE outbox.id = ?1)",
            [outbox_row],
            |row| row.get(0),
        )?;
        if !is_filled {
            transaction.execute("DELETE FROM outbox WHERE id = ?1", [outbox_row])?;
        }
        Ok(())
    }
}
