//! What a home refuses, or says otherwise than the recorder writes it.

use rusqlite::ErrorCode;
use tokio_postgres::error::SqlState;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// SQLite refused, or holds something else than the recorder writes.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// PostgreSQL refused, or cannot be reached.
    #[error("PostgreSQL: {}", said(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// PostgreSQL holds something else than the recorder writes.
    #[error("{0}")]
    Cell(String),
    /// The address of the database, or a file that it names, cannot be used.
    #[error("{0}")]
    Address(String),
    /// The connection was lost in the midst of a transaction: nothing of it has happened.
    #[error("the connection to PostgreSQL was lost")]
    Lost,
    /// The server does not answer, neither here nor to a new connection: nothing is known of what it was asked.
    #[error("PostgreSQL does not answer")]
    Silent,
    /// A statement of the transaction has failed before: nothing of it has happened.
    #[error("PostgreSQL gave the transaction up after an error")]
    Failed,
    /// There is no such row.
    #[error("there is no such row")]
    NoRow,
}

pub(crate) type Result<T> = std::result::Result<T, SqlError>;

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::QueryReturnedNoRows => Self::NoRow,
            error => Self::Sqlite(error),
        }
    }
}

impl SqlError {
    /// Whether this user may not do that.
    pub(crate) fn is_refused(&self) -> bool {
        let Self::Postgres(error) = self else { return false };
        error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
    }

    /// Whether the reason is what rows say, and not the home or its disk.
    pub(crate) fn is_of_rows(&self) -> bool {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error,
        };
        match self {
            Self::Cell(_)
            | Self::NoRow
            | Self::Sqlite(
                FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | Utf8Error(..),
            ) => true,
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation),
            Self::Address(_) | Self::Lost | Self::Silent | Self::Failed => false,
            // Class 23: integrity constraint violation.
            Self::Postgres(error) => error.code().is_some_and(|code| code.code().starts_with("23")),
        }
    }

    /// Whether others were writing for longer than is waited for them.
    pub(crate) fn is_of_other_writers(&self) -> bool {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy),
            Self::Postgres(error) => error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE),
            _ => false,
        }
    }
}

/// The server's own words, if it said something.
fn said(error: &tokio_postgres::Error) -> String {
    let server = error.as_db_error().map(|said| said.message().to_owned());
    server.unwrap_or_else(|| match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

/// A row that need not be there.
pub(crate) trait OptionalRow<T> {
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalRow<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Ok(row) => Ok(Some(row)),
            Err(SqlError::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
