//! The connection to a home.

use crate::home::bulk::Bulk;
use crate::home::error::{Result, SqlError};
use crate::home::postgres::Postgres;
use crate::home::rows::Row;
use crate::home::savepoint::{BEGIN, RELEASE, ROLL_BACK};
use crate::home::statement::Statement;
use crate::home::value::{Params, Value};

/// A connection, for one thread.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Postgres>),
}

impl Connection {
    /// A statement that is kept for the next time.
    pub(crate) fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match self {
            Self::Sqlite(file) => Ok(Statement::Sqlite(file.prepare_cached(sql)?)),
            Self::Postgres(postgres) => Ok(Statement::Postgres(postgres, postgres.known(sql))),
        }
    }

    /// Executes what gives no rows; returns how many have changed.
    pub(crate) fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    /// Asks a query of whole numbers that is asked afterwards. While what comes between is answered, so is this one, and one way
    /// there and back does for both; where nothing is far away, it is not asked twice.
    pub(crate) fn ask_ahead(&self, sql: &str, numbers: &[i64]) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.ask_ahead(sql, numbers),
        }
    }

    /// What `make` makes of the first row that is found.
    pub(crate) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        make: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, make)
    }

    /// Executes a statement of which many come one after the other, at the latest before anything else is asked.
    pub(crate) fn bulk<const N: usize>(&self, bulk: &'static Bulk, values: [Value<'_>; N]) -> Result<()> {
        match self {
            Self::Sqlite(_) => self.execute(bulk.one, &values[..]).map(|_| ()),
            Self::Postgres(postgres) => postgres.bulk(bulk, &values),
        }
    }

    /// Does something that may fail because of what rows say; then nothing of it has happened, and the transaction goes
    /// on.
    pub(crate) fn attempt<T, E>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E>
    where
        E: From<SqlError>,
    {
        match self {
            Self::Sqlite(file) => {
                file.execute_batch(BEGIN).map_err(SqlError::from)?;
                let result = work();
                let end = if result.is_ok() { RELEASE } else { ROLL_BACK };
                file.execute_batch(end).map_err(SqlError::from)?;
                result
            }
            Self::Postgres(postgres) => postgres.attempt(work),
        }
    }

    /// Makes a table whose rows came with their numbers number the next ones after them.
    pub(crate) fn number_from_highest(&self, table: &str) -> Result<()> {
        if let Self::Postgres(_) = self {
            // With nothing in it the first number is still to come.
            let sql = format!(
                "SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL)
                 FROM {table}"
            );
            self.query_row(&sql, [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// Whether each question costs a way there and back, so that many of them are better asked at once.
    pub(crate) fn is_far(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The SQLite file, for what only a file has.
    pub(crate) fn file(&self) -> Option<&rusqlite::Connection> {
        match self {
            Self::Sqlite(file) => Some(file),
            Self::Postgres(_) => None,
        }
    }

    /// A number that changes with what others have written. To be asked in a transaction that writes. For a recorder that says
    /// which meters it writes, it does not change with what others write who say so as well.
    pub(crate) fn edition(&self, is_recorder: bool) -> Result<i64> {
        match self {
            Self::Sqlite(_) => self.query_row("PRAGMA data_version", [], |row| row.get(0)),
            Self::Postgres(postgres) => Ok(postgres.edition(is_recorder)),
        }
    }

    /// Changes that number for all other recorders, once this is committed.
    pub(crate) fn hand_over(&self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.hand_over(),
        }
    }

    /// A number that changes with what recorders hold. To be asked in a transaction that writes.
    pub(crate) fn lease_edition(&self) -> i64 {
        match self {
            Self::Sqlite(_) => 0,
            Self::Postgres(postgres) => postgres.lease_edition(),
        }
    }

    /// Whether there may be imported times of which only the sum is known. It costs nothing to ask.
    pub(crate) fn may_have_spans(&self) -> bool {
        match self {
            Self::Sqlite(_) => true,
            Self::Postgres(postgres) => postgres.may_have_spans(),
        }
    }

    /// Whether no transaction is open.
    pub(crate) fn is_free(&self) -> bool {
        match self {
            Self::Sqlite(file) => file.is_autocommit(),
            Self::Postgres(postgres) => postgres.is_free(),
        }
    }

    pub(super) fn begin_writing(&self, tells_all: bool) -> Result<()> {
        match self {
            Self::Sqlite(file) => Ok(file.execute_batch("BEGIN IMMEDIATE")?),
            Self::Postgres(postgres) => postgres.begin_writing(tells_all),
        }
    }

    pub(super) fn begin_reading(&self) -> Result<()> {
        match self {
            Self::Sqlite(file) => Ok(file.execute_batch("BEGIN")?),
            Self::Postgres(postgres) => postgres.begin_reading(),
        }
    }

    pub(super) fn commit(&self) -> Result<()> {
        match self {
            Self::Sqlite(file) => Ok(file.execute_batch("COMMIT")?),
            Self::Postgres(postgres) => postgres.commit(),
        }
    }

    pub(super) fn roll_back(&self) {
        match self {
            // Where it fails, SQLite has rolled back by itself.
            Self::Sqlite(file) if !file.is_autocommit() => _ = file.execute_batch("ROLLBACK"),
            Self::Sqlite(_) => {}
            Self::Postgres(postgres) => postgres.roll_back(),
        }
    }
}
