//! Minutes of days that are packed already: each such day is read once and written once for a batch.

use std::collections::BTreeMap;

use crate::days::{self, day_of};
use crate::home::Connection;
use crate::{LedgerError, OutboxMinute, pulse_times, quarters};

/// So many days are held at a time: 64 with 1,440 minutes of one outbox are 4 MB.
const MOST_DAYS: usize = 64;

/// The packed days of meters that a batch has looked at; `None` where a day is not packed.
#[derive(Debug, Default)]
pub(crate) struct PackedDays(BTreeMap<(i64, i64), Option<Day>>);

#[derive(Debug)]
struct Day {
    rows: Vec<OutboxMinute>,
    has_changed: bool,
}

impl PackedDays {
    /// What outboxes counted in a minute of a day that is packed; `None` if it is not.
    pub(crate) fn minute(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        minute: i64,
    ) -> Result<Option<&[OutboxMinute]>, LedgerError> {
        let Some(day) = self.day(connection, meter_row, minute)? else { return Ok(None) };
        let first = day.rows.partition_point(|row| row.minute < minute);
        let after = day.rows.partition_point(|row| row.minute <= minute);
        Ok(Some(&day.rows[first..after]))
    }

    /// Adds a minute to a day that is packed; false if it is not.
    pub(crate) fn insert(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        row: OutboxMinute,
    ) -> Result<bool, LedgerError> {
        let Some(day) = self.day(connection, meter_row, row.minute)? else { return Ok(false) };
        let at = day.rows.partition_point(|known| (known.minute, known.outbox) < (row.minute, row.outbox));
        day.rows.insert(at, row);
        day.has_changed = true;
        Ok(true)
    }

    /// Takes what some outboxes counted out of a minute of a day that is packed.
    pub(crate) fn remove(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        minute: i64,
        outboxes: &[i64],
    ) -> Result<(), LedgerError> {
        if let Some(day) = self.day(connection, meter_row, minute)? {
            day.rows.retain(|row| row.minute != minute || !outboxes.contains(&row.outbox));
            day.has_changed = true;
        }
        Ok(())
    }

    /// Writes what has changed, and forgets all.
    pub(crate) fn write(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        for ((meter_row, day), known) in std::mem::take(&mut self.0) {
            if let Some(known) = known.filter(|known| known.has_changed) {
                if known.rows.is_empty() {
                    days::delete(connection, meter_row, day)?;
                    continue;
                }
                days::replace(connection, meter_row, day, &known.rows)?;
                quarters::write(connection, meter_row, day, &known.rows)?;
                pulse_times::pack(connection, meter_row, day)?;
            }
        }
        Ok(())
    }

    fn day(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        minute: i64,
    ) -> Result<Option<&mut Day>, LedgerError> {
        let key = (meter_row, day_of(minute));
        if !self.0.contains_key(&key) {
            if self.0.len() >= MOST_DAYS {
                self.write(connection)?;
            }
            let rows = days::read(connection, days::DAY, meter_row, key.1)?;
            self.0.insert(key, (!rows.is_empty()).then_some(Day { rows, has_changed: false }));
        }
        Ok(self.0.get_mut(&key).and_then(Option::as_mut))
    }
}
