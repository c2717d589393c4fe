//! What was imported: the list of it, and what the writer has to know of it.

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::Meter;

use crate::error::damaged;
use crate::home::{self, Connection, Row};
use crate::{Ledger, LedgerError};

/// Something that was imported for a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its number.
    pub id: i64,
    /// For which meter.
    pub meter: Meter,
    /// From what, in the words of who imported it.
    pub source: String,
    /// Minutes that came with it.
    pub minutes: u64,
    /// Longer times that came with it, of which only the sum is known.
    pub spans: u64,
    /// Pulses of both.
    pub pulses: u64,
    /// When it was begun.
    pub begun: Timestamp,
    /// By whom.
    pub by: String,
    /// When all of it was there; `None` if it was interrupted.
    pub finished: Option<Timestamp>,
    /// When it was undone.
    pub undone: Option<Timestamp>,
}

const SELECT: &str = "
    SELECT import.id, site, meter.meter, source, minutes, spans, pulses, begun, by, finished, undone
    FROM import JOIN meter ON meter.id = import.meter";

impl Import {
    fn of(row: &Row<'_>) -> Result<Self, LedgerError> {
        let text = |column: usize| row.get::<String>(column);
        let time = |second| Timestamp::from_second(second).map_err(damaged);
        let (finished, undone): (Option<i64>, Option<i64>) = (row.get(9)?, row.get(10)?);
        Ok(Self {
            id: row.get(0)?,
            meter: Meter {
                site: text(1)?.parse().map_err(damaged)?,
                meter: text(2)?.parse().map_err(damaged)?,
            },
            source: foreign(&text(3)?).to_string(),
            minutes: row.get(4)?,
            spans: row.get(5)?,
            pulses: row.get(6)?,
            begun: time(row.get(7)?)?,
            by: foreign(&text(8)?).to_string(),
            finished: finished.map(time).transpose()?,
            undone: undone.map(time).transpose()?,
        })
    }
}

impl Ledger {
    /// All that was imported, in order, also what was undone.
    pub fn imports(&self) -> Result<Vec<Import>, LedgerError> {
        let mut statement = self.connection.prepare_cached(&format!("{SELECT} ORDER BY import.id"))?;
        let imports = statement.query_map([], |row| Ok(Import::of(row)))?;
        imports.map(|import| import?).collect()
    }
}

/// Whether anything was ever imported.
pub(crate) fn is_any(connection: &Connection) -> home::Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM import)")?.query_row([], |row| row.get(0))
}

/// What was imported for a meter, and not undone.
#[derive(Debug, Default)]
pub(crate) struct ImportedOf {
    /// The rows of its outboxes.
    pub(crate) outboxes: Vec<i64>,
    /// Whether there are longer times among it.
    pub(crate) has_spans: bool,
}

impl ImportedOf {
    pub(crate) fn read(connection: &Connection, meter_row: i64) -> Result<Self, LedgerError> {
        let mut statement =
            connection.prepare_cached("SELECT outbox FROM import WHERE meter = ?1 AND outbox IS NOT NULL")?;
        let outboxes = statement.query_map([meter_row], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
        let has_spans = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM imported_span WHERE meter = ?1)")?
            .query_row([meter_row], |row| row.get(0))?;
        Ok(Self { outboxes, has_spans })
    }
}
