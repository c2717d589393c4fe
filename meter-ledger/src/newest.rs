//! The newest minute of each meter, as the writer remembers it: what comes after it is in no row yet, and need not
//! be looked for.

use std::collections::HashMap;

use rusqlite::Connection;

/// What the writer remembers. It may remember a later minute than there is, of a batch that was not committed; that
/// costs a look and nothing else.
#[derive(Debug, Default)]
pub(crate) struct NewestMinutes {
    /// By the meter's row.
    of_meters: HashMap<i64, i64>,
    /// SQLite's number of what others have written.
    version: Option<i64>,
}

impl NewestMinutes {
    /// Forgets everything if another process has written since the last batch.
    pub(crate) fn begin(&mut self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let version =
            connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get::<_, i64>(0))?;
        if self.version.replace(version) != Some(version) {
            self.of_meters.clear();
        }
        Ok(())
    }

    /// Whether nothing is recorded of a meter in this minute or later. From now on something is.
    pub(crate) fn is_new(
        &mut self,
        connection: &Connection,
        meter_row: i64,
        minute: i64,
    ) -> Result<bool, rusqlite::Error> {
        let known = match self.of_meters.get_mut(&meter_row) {
            Some(known) => known,
            None => {
                let newest: Option<i64> = connection
                    .prepare_cached("SELECT max(minute) FROM minute WHERE meter = ?1")?
                    .query_row([meter_row], |row| row.get(0))?;
                self.of_meters.entry(meter_row).or_insert(newest.unwrap_or(i64::MIN))
            }
        };
        let is_new = minute > *known;
        *known = minute.max(*known);
        Ok(is_new)
    }
}
