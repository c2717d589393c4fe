//! Numbers that are lost: their outbox said that it no longer held them. If they come after all, they are recorded
//! like others, and lost no longer.

use meter_messages::{MOST_LOST, Minute};

use crate::home::{Connection, OptionalRow, params};
use crate::{Batch, Ledger, LedgerError, OutboxMark};

/// Once, however often it is said: of a batch whose commit was not answered nobody knows whether it is there, and it is
/// recorded again.
const ADD: &str = "
    INSERT INTO given_up (meter, after_minute, outbox, first_seq, numbers) SELECT ?1, ?2, ?3, ?4, ?5
    WHERE NOT EXISTS (SELECT 1 FROM given_up WHERE outbox = ?3 AND first_seq = ?4 AND numbers = ?5)";

/// Numbers that their outbox no longer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The first and the last of them.
    pub numbers: [u64; 2],
    /// The minute of the number before them; `None` if nobody knows it.
    pub after: Option<Minute>,
}

impl Ledger {
    /// The numbers of an outbox that are lost, `[from, to]` each, ascending; the last [`MOST_LOST`] spans of them.
    pub fn lost(&self, mark: &OutboxMark) -> Result<Vec<[u64; 2]>, LedgerError> {
        lost(&self.connection, mark)
    }
}

impl Batch<'_> {
    /// The same as [`Ledger::lost`].
    pub fn lost(&self, mark: &OutboxMark) -> Result<Vec<[u64; 2]>, LedgerError> {
        lost(self.transaction(), mark)
    }

    /// Stores that an outbox no longer holds minutes that were not recorded; nobody need wait for them.
    pub fn record_lost(&mut self, mark: &OutboxMark, lost: &Lost) -> Result<(), LedgerError> {
        let after = lost.after.map_or(0, Minute::epoch_minutes);
        let [from, to] = lost.numbers;
        let numbers = to - from + 1;
        self.transaction().prepare_cached(ADD)?.execute(params![
            mark.meter_row,
            after,
            mark.outbox_row,
            from,
            numbers
        ])?;
        Ok(())
    }

    /// A number that was lost has come after all.
    pub fn find_lost(&mut self, mark: &OutboxMark, seq: u64) -> Result<(), LedgerError> {
        let span: Option<(i64, i64, u64, u64)> = self
            .transaction()
            .prepare_cached(
                "SELECT rowid, after_minute, first_seq, first_seq + numbers - 1 FROM given_up
                 WHERE outbox = ?1 AND first_seq <= ?2 ORDER BY first_seq DESC LIMIT 1",
            )?
            .query_row(params![mark.outbox_row, seq], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((row, after, from, to)) = span.filter(|(.., to)| seq <= *to) else { return Ok(()) };
        self.transaction().prepare_cached("DELETE FROM given_up WHERE rowid = ?1")?.execute([row])?;
        let mut add = self.transaction().prepare_cached(ADD)?;
        for (first, numbers) in [(from, seq - from), (seq + 1, to - seq)] {
            if numbers > 0 {
                add.execute(params![mark.meter_row, after, mark.outbox_row, first, numbers])?;
            }
        }
        Ok(())
    }
}

fn lost(connection: &Connection, mark: &OutboxMark) -> Result<Vec<[u64; 2]>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT first_seq, first_seq + numbers - 1 FROM given_up WHERE outbox = ?1
         ORDER BY first_seq DESC LIMIT ?2",
    )?;
    let spans =
        statement.query_map(params![mark.outbox_row, MOST_LOST], |row| Ok([row.get(0)?, row.get(1)?]))?;
    let mut spans = spans.collect::<Result<Vec<_>, _>>()?;
    spans.reverse();
    Ok(spans)
}
