//! Whether what publishers were told is recorded: a mark says that everything up to a number is.

use meter_messages::Minute;

use crate::days;
use crate::home::{Connection, params};
use crate::{Batch, FaultKind, Ledger, LedgerError, MeterToCheck};

/// The outboxes of a meter, under all its names, whose mark names a minute of which nothing is there: not of any outbox, for
/// the same minute may be recorded for another one, nor aside.
const AHEAD: &str = "
    SELECT outbox.id, outbox.name, mark_seq, mark_minute FROM outbox JOIN meter ON meter.id = outbox.meter
    WHERE coalesce(moved_to, meter.id) = ?1 AND mark_minute IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM minute WHERE minute.meter = ?1 AND minute = mark_minute)
        AND NOT EXISTS (SELECT 1 FROM aside WHERE aside.meter = ?1 AND minute = mark_minute)
    ORDER BY outbox.id";

/// A mark that is ahead of what is recorded.
struct Ahead {
    outbox_row: i64,
    outbox: String,
    seq: u64,
    minute: i64,
}

impl Ledger {
    /// What is wrong with the marks of a meter's outboxes.
    pub(crate) fn check_marks(&self, meter: &MeterToCheck) -> Result<Vec<FaultKind>, LedgerError> {
        let ahead = ahead(&self.connection, meter.row)?.into_iter();
        let fault = |Ahead { outbox, seq, minute, .. }| {
            let outbox = foreign_text::foreign(&outbox).to_string();
            FaultKind::Mark { outbox, seq, minute: Minute::nearest(minute) }
        };
        Ok(ahead.map(fault).collect())
    }
}

impl Batch<'_> {
    /// Sets the marks of a meter's outboxes back to the last number that is recorded where they are ahead of it; returns
    /// how many that were. A recorder that runs goes by its own until it is started again, and then asks for the rest.
    pub fn repair_marks(&mut self, meter: &MeterToCheck) -> Result<u64, LedgerError> {
        let ahead = ahead(self.transaction(), meter.row)?;
        for Ahead { outbox_row, seq, .. } in &ahead {
            let last = self.last_recorded(meter.row, *outbox_row, *seq)?;
            let (seq, minute) = last.map_or((0, None), |(seq, minute)| (seq, Some(minute)));
            self.transaction().execute(
                "UPDATE outbox SET mark_seq = ?2, mark_minute = ?3 WHERE id = ?1",
                params![outbox_row, seq, minute],
            )?;
        }
        Ok(ahead.len() as u64)
    }

    /// The highest number of an outbox up to one that is recorded, and its minute.
    fn last_recorded(
        &self,
        meter_row: i64,
        outbox: i64,
        up_to: u64,
    ) -> Result<Option<(u64, i64)>, LedgerError> {
        let mut statement = self.transaction().prepare_cached(
            "SELECT seq, minute FROM minute WHERE meter = ?1 AND outbox = ?2 AND seq IS NOT NULL",
        )?;
        let unpacked = statement.query_map([meter_row, outbox], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut all = unpacked.collect::<Result<Vec<(u64, i64)>, _>>()?;
        let packed = days::of_outbox(self.transaction(), meter_row, outbox, 0)?;
        all.extend(packed.iter().filter_map(|row| Some((row.seq?, row.minute))));
        Ok(all.into_iter().filter(|(seq, _)| *seq <= up_to).max())
    }
}

fn ahead(connection: &Connection, meter_row: i64) -> Result<Vec<Ahead>, LedgerError> {
    let mut statement = connection.prepare_cached(AHEAD)?;
    let rows = statement.query_map([meter_row], |row| {
        Ok(Ahead { outbox_row: row.get(0)?, outbox: row.get(1)?, seq: row.get(2)?, minute: row.get(3)? })
    })?;
    let mut ahead = Vec::new();
    for row in rows {
        let row = row?;
        let packed = days::read(connection, days::DAY, meter_row, days::day_of(row.minute));
        // A day that cannot be read is a fault of its own.
        let is_packed = match packed {
            Err(error) if error.is_of_rows() => true,
            read => read?.iter().any(|known| known.minute == row.minute),
        };
        if !is_packed {
            ahead.push(row);
        }
    }
    Ok(ahead)
}
