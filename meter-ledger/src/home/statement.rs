//! A statement of SQL.

use std::sync::Arc;

use rusqlite::{CachedStatement, params_from_iter};

use crate::home::error::{Result, SqlError};
use crate::home::postgres::Postgres;
use crate::home::rows::{Mapped, Row, Rows};
use crate::home::session::parameter_count;
use crate::home::value::{Params, Value};

/// A statement that its home keeps for the next time.
pub(crate) enum Statement<'c> {
    Sqlite(CachedStatement<'c>),
    Postgres(&'c Postgres, Arc<str>),
}

impl Statement<'_> {
    /// Executes what gives no rows; returns how many have changed.
    pub(crate) fn execute(&mut self, params: impl Params) -> Result<usize> {
        params.with(|values| match self {
            Self::Sqlite(statement) => Ok(statement.execute(params_from_iter(values))?),
            Self::Postgres(postgres, sql) => postgres.execute(sql, values),
        })
    }

    /// The rows that it finds.
    pub(crate) fn query(&mut self, params: impl Params) -> Result<Rows<'_>> {
        params.with(|values| self.rows(values))
    }

    /// What `make` makes of each row that it finds.
    pub(crate) fn query_map<T, F>(&mut self, params: impl Params, make: F) -> Result<Mapped<'_, F>>
    where
        F: FnMut(&Row<'_>) -> Result<T>,
    {
        Ok(Mapped { rows: self.query(params)?, make })
    }

    /// What `make` makes of the first row that it finds.
    ///
    /// # Errors
    /// [`SqlError::NoRow`] if there is none.
    pub(crate) fn query_row<T>(
        &mut self,
        params: impl Params,
        make: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut rows = self.query(params)?;
        make(&rows.next()?.ok_or(SqlError::NoRow)?)
    }

    /// How many parameters it has: the highest number that it names.
    pub(crate) fn parameter_count(&self) -> usize {
        match self {
            Self::Sqlite(statement) => statement.parameter_count(),
            Self::Postgres(_, sql) => parameter_count(sql),
        }
    }

    fn rows(&mut self, values: &[Value<'_>]) -> Result<Rows<'_>> {
        match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(params_from_iter(values))?)),
            Self::Postgres(postgres, sql) => Ok(Rows::Postgres(postgres.query(sql, values)?, 0)),
        }
    }
}
