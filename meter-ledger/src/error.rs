//! What can go wrong with a ledger.

use std::fmt::Display;

use crate::database_error::DatabaseError;
use crate::home::SqlError;

/// Why the ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened, or is not a ledger that this version knows.
    #[error(transparent)]
    Open(#[from] sqlite_file::OpenError),
    /// The database cannot be opened, or its tables are not those of a ledger that this version knows.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// It was not copied.
    #[error(transparent)]
    Copy(#[from] sqlite_file::CopyError),
    /// It lives in a database, and only a file can do that.
    #[error("{0}")]
    NotInDatabase(&'static str),
    /// Its home refused.
    #[error("ledger: {0}")]
    Sql(#[from] SqlError),
    /// A row that the recorder never writes.
    #[error("ledger: damaged row: {0}")]
    Damaged(String),
    /// A meter has had as many outboxes as it may have.
    #[error("the meter has had as many outboxes as it may have")]
    TooManyOutboxes,
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error.into())
    }
}

impl LedgerError {
    /// Whether nothing was opened because the recorder has made nothing yet.
    pub fn is_of_nothing_yet(&self) -> bool {
        match self {
            Self::Open(error) => error.is_missing(),
            Self::Database(error) => error.is_empty(),
            _ => false,
        }
    }

    /// Whether the database lets this user in, but not do that.
    pub fn is_refused(&self) -> bool {
        match self {
            Self::Sql(error) => error.is_refused(),
            _ => false,
        }
    }

    /// Whether the reason is what rows of one meter say, which something else than the recorder wrote or deleted:
    /// what belongs to others can be read and written all the same. Otherwise it is the home or its disk.
    pub fn is_of_rows(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sql(error) => error.is_of_rows(),
            Self::Open(_)
            | Self::Copy(_)
            | Self::Database(_)
            | Self::NotInDatabase(_)
            | Self::TooManyOutboxes => false,
        }
    }

    /// Whether the only reason is that others were writing for longer than is waited for them: the next try may do.
    pub fn is_of_other_writers(&self) -> bool {
        matches!(self, Self::Sql(error) if error.is_of_other_writers())
    }
}

/// What was found of a meter; `None`, and a line in the log, if its rows cannot be read.
///
/// # Errors
/// What is not the fault of its rows.
pub fn if_readable<T>(meter: impl Display, found: Result<T, LedgerError>) -> Result<Option<T>, LedgerError> {
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
