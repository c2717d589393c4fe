//! What the recorder's own check of the ledger has found last.

use jiff::Timestamp;

use crate::error::damaged;
use crate::home::{OptionalRow, params};
use crate::{Batch, Ledger, LedgerError};

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// When it was over.
    pub at: Timestamp,
    /// Whether all of the ledger was read, and not only the newest days.
    pub is_whole: bool,
    /// How many faults there are.
    pub faults: u64,
    /// The first of them.
    pub first: Option<String>,
}

impl Batch<'_> {
    /// Keeps what a check has found, instead of what the one before has.
    pub fn keep_checked(&mut self, checked: &Checked) -> Result<(), LedgerError> {
        self.transaction()
            .prepare_cached(
                "INSERT INTO checked (id, at, whole, faults, first) VALUES (1, ?1, ?2, ?3, ?4)
                 ON CONFLICT (id) DO UPDATE SET at = ?1, whole = ?2, faults = ?3, first = ?4",
            )?
            .execute(params![checked.at.as_second(), checked.is_whole, checked.faults, checked.first])?;
        Ok(())
    }
}

impl Ledger {
    /// What the recorder's own check has found last; `None` before the first one.
    pub fn checked(&self) -> Result<Option<Checked>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT at, whole, faults, first FROM checked WHERE id = 1")?;
        let row = statement.query_row([], |row| {
            Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?, row.get::<Option<String>>(3)?))
        });
        let Some((at, is_whole, faults, first)) = row.optional()? else { return Ok(None) };
        let first = first.map(|first| foreign_text::foreign(&first).to_string());
        Ok(Some(Checked { at: Timestamp::from_second(at).map_err(damaged)?, is_whole, faults, first }))
    }
}
