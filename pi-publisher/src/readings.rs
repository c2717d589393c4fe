//! What a meter itself showed, as somebody has said: numbers beside the running count, which only counts. They may go
//! up and down and be taken back, and no minute changes by them.

use jiff::Timestamp;
use meter_messages::{Info, MeterReading, Unit};
use rusqlite::{OptionalExtension, Row, params};

use crate::constants::Constants;
use crate::outbox::{Account, Outbox, OutboxError};

/// A reading, and the running count at which the meter showed it.
#[derive(Debug, Clone, PartialEq)]
pub struct SaidReading {
    /// The reading.
    pub reading: MeterReading,
    /// The pulses that had been counted by then.
    pub total: u64,
}

/// A meter's newest readings, ascending.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    known: Vec<SaidReading>,
    /// Whether any was ever said, also if it was taken back since.
    any: bool,
}

impl Readings {
    /// What the meter shows when `total` pulses are counted, in its unit; `None` if nobody has said what it showed.
    pub fn shown(&self, total: u64, constants: &Constants) -> Option<f64> {
        let last = self.known.last()?;
        let since = constants.quantity(total) - constants.quantity(last.total);
        Some(last.reading.shown + since)
    }

    /// Those for `info`.
    pub fn said(&self) -> Option<Vec<MeterReading>> {
        self.any.then(|| self.known.iter().map(|said| said.reading.clone()).collect())
    }

    /// The newest one.
    pub fn last(&self) -> Option<&SaidReading> {
        self.known.last()
    }
}

impl Outbox {
    /// The newest readings of a meter that counts in that unit.
    pub fn readings(&self, account: &Account, unit: Unit) -> Result<Readings, OutboxError> {
        let mut statement = self.connection.prepare(
            "SELECT said_s, shown, by, replaced, total FROM reading WHERE account = ?1 ORDER BY said_s DESC LIMIT ?2",
        )?;
        let rows = statement
            .query_map(params![account.row, Info::MOST_READINGS], |row| said(row, unit))?
            .collect::<Result<Vec<_>, _>>()?;
        let any = self.connection.query_row(
            "SELECT has_readings FROM account WHERE id = ?1",
            [account.row],
            |row| row.get(0),
        )?;
        Ok(Readings { known: rows.into_iter().rev().collect(), any })
    }

    /// Adds a reading. One that was said before anything was counted since takes the place of the one before, which was
    /// a slip; unless it is the first one of another meter. It is never said before the one before, whatever the clock
    /// says.
    pub fn say_reading(&mut self, account: &Account, said: &SaidReading) -> Result<(), OutboxError> {
        let SaidReading { reading, total } = said;
        let newest = self.readings(account, reading.unit)?.known.pop();
        let slip = newest
            .as_ref()
            .filter(|newest| newest.total == *total && (newest.reading.replaced || !reading.replaced));
        let replaced = reading.replaced || slip.is_some_and(|slip| slip.reading.replaced);
        let after = newest.as_ref().map_or(i64::MIN, |newest| newest.reading.at.as_second() + 1);
        let at = reading.at.as_second().max(after);
        let transaction = self.connection.transaction()?;
        // A total that an older version has set would be counted as use.
        transaction
            .execute("UPDATE account SET set_total = NULL, has_readings = 1 WHERE id = ?1", [account.row])?;
        if let Some(slip) = slip {
            transaction.execute(
                "DELETE FROM reading WHERE account = ?1 AND said_s = ?2",
                params![account.row, slip.reading.at.as_second()],
            )?;
        }
        transaction.execute(
            "INSERT INTO reading (account, said_s, shown, by, replaced, total) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![account.row, at, reading.shown, reading.by, replaced, total],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Takes the newest reading back; returns it, if there was one.
    pub fn take_reading_back(
        &mut self,
        account: &Account,
        unit: Unit,
    ) -> Result<Option<SaidReading>, OutboxError> {
        const NEWEST: &str = "
            DELETE FROM reading WHERE account = ?1 AND said_s = (SELECT max(said_s) FROM reading WHERE account = ?1)
            RETURNING said_s, shown, by, replaced, total";
        Ok(self.connection.query_row(NEWEST, [account.row], |row| said(row, unit)).optional()?)
    }
}

fn said(row: &Row<'_>, unit: Unit) -> rusqlite::Result<SaidReading> {
    let at = Timestamp::from_second(row.get(0)?).map_err(|_| rusqlite::Error::InvalidQuery)?;
    let reading = MeterReading { at, shown: row.get(1)?, unit, by: row.get(2)?, replaced: row.get(3)? };
    Ok(SaidReading { reading, total: row.get(4)? })
}
