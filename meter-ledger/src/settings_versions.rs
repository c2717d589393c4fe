//! Versions of the site's settings beside a ledger in PostgreSQL, where several pages and alarms see them. What they say is not
//! known here.

use crate::LedgerError;
use crate::database;
use crate::home::{Address, Connection, OptionalRow, ToValue, Value, params};

/// The versions, for one thread.
#[derive(Debug)]
pub struct SettingsVersions {
    connection: Connection,
}

impl SettingsVersions {
    /// Opens them in the ledger's database. The tables are made by the recorder.
    pub fn open(address: &Address) -> Result<Self, LedgerError> {
        let connection = Connection::Postgres(Box::new(database::open_beside(address)?));
        Ok(Self { connection })
    }

    /// The numbers of all versions, ascending.
    pub fn numbers(&self) -> Result<Vec<u64>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT number FROM settings_version ORDER BY number")?;
        Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The number of the newest version; 0 for none.
    pub fn newest(&self) -> Result<u64, LedgerError> {
        let newest = "SELECT coalesce(max(number), 0) FROM settings_version";
        Ok(self.connection.query_row(newest, [], |row| row.get(0))?)
    }

    /// What a version says; `None` if there is none of this number.
    pub fn content(&self, number: u64) -> Result<Option<String>, LedgerError> {
        let content = "SELECT content FROM settings_version WHERE number = ?1";
        Ok(self.connection.query_row(content, params![number], |row| row.get(0)).optional()?)
    }

    /// Adds a version after the newest one, and forgets the oldest beyond `most`; false, and nothing has happened, if there
    /// is another newest one by now.
    pub fn add(&self, after: u64, content: &str, most: usize) -> Result<bool, LedgerError> {
        let add = "INSERT INTO settings_version (number, content) SELECT CAST(?1 AS BIGINT) + 1, ?2
                   WHERE (SELECT coalesce(max(number), 0) FROM settings_version) = ?1 ON CONFLICT DO NOTHING";
        if self.connection.execute(add, params![after, content])? == 0 {
            return Ok(false);
        }
        let forget =
            "DELETE FROM settings_version WHERE number + CAST(?2 AS BIGINT) <= CAST(?1 AS BIGINT) + 1";
        self.connection.execute(forget, params![after, most])?;
        Ok(true)
    }

    /// Takes versions over with their numbers where there is none yet; false, and nothing has happened, if there is.
    pub fn take_over(&self, versions: &[(u64, String)]) -> Result<bool, LedgerError> {
        if versions.is_empty() || self.newest()? > 0 {
            return Ok(false);
        }
        let places: Vec<String> =
            (0..versions.len()).map(|at| format!("(?{}, ?{})", 2 * at + 1, 2 * at + 2)).collect();
        let add = format!("INSERT INTO settings_version (number, content) VALUES {}", places.join(", "));
        let values: Vec<Value<'_>> =
            versions.iter().flat_map(|(number, content)| [number.to_value(), content.to_value()]).collect();
        match self.connection.execute(&add, &values[..]) {
            // Somebody else has done it meanwhile.
            Err(error) if error.is_of_rows() => Ok(false),
            added => Ok(added? > 0),
        }
    }
}
