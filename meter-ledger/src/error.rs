//! What can go wrong with a ledger.

use std::fmt::Display;

use rusqlite::ErrorCode;

/// Why the ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened, or is not a ledger that this version knows.
    #[error(transparent)]
    Open(#[from] sqlite_file::OpenError),
    /// SQLite refused.
    #[error("ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row that the recorder never writes.
    #[error("ledger: damaged row: {0}")]
    Damaged(String),
    /// A meter has had as many outboxes as it may have.
    #[error("the meter has had as many outboxes as it may have")]
    TooManyOutboxes,
}

impl LedgerError {
    /// Whether the reason is what rows of one meter say, which something else than the recorder wrote or deleted:
    /// what belongs to others can be read and written all the same. Otherwise it is the file or its disk.
    pub fn is_of_rows(&self) -> bool {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
            Utf8Error,
        };
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(
                FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | QueryReturnedNoRows
                | Utf8Error(..),
            ) => true,
            Self::Sqlite(error) => error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation),
            Self::Open(_) | Self::TooManyOutboxes => false,
        }
    }
}

/// What was found of a meter; `None`, and a line in the log, if its rows cannot be read.
pub(crate) fn if_readable<T>(
    meter: impl Display,
    found: Result<T, LedgerError>,
) -> Result<Option<T>, LedgerError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_of_rows() => {
            tracing::error!(%meter, %error, "what the ledger holds of a meter cannot be read; it is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub(crate) fn damaged(error: impl Display) -> LedgerError {
    LedgerError::Damaged(error.to_string())
}

/// As an error of a step that upgrades the file.
pub(crate) fn of_sqlite(error: LedgerError) -> rusqlite::Error {
    match error {
        LedgerError::Sqlite(error) => error,
        other => rusqlite::Error::ToSqlConversionFailure(other.into()),
    }
}
