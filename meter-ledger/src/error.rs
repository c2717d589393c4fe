//! What can go wrong with a ledger.

use std::path::{Path, PathBuf};

/// Why the ledger failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be opened.
    #[error("cannot open the ledger {path}: {error}; does its folder exist, and may this user use it?")]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
    },
    /// A newer PowerPi wrote it.
    #[error(
        "the ledger {path} has format {found}, but this program only knows {known}; install a newer PowerPi"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// An older PowerPi wrote it, and only a writer upgrades it.
    #[error(
        "the ledger {path} has format {found}, but this program reads {known}; start the new powerpi-recorder, \
         which upgrades it"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The format in the file.
        found: i64,
        /// The format that is read here.
        known: i64,
    },
    /// Not a ledger, or one without tables.
    #[error("{path} is not a PowerPi ledger")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("ledger: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row that the recorder never writes.
    #[error("ledger: damaged row: {0}")]
    Damaged(String),
}

impl LedgerError {
    pub(crate) fn open(path: &Path, error: rusqlite::Error) -> Self {
        Self::Open { path: path.to_owned(), error }
    }

    /// Fills in the file's name where the error was made without it.
    pub(crate) fn at(self, file: &Path) -> Self {
        match self {
            Self::Newer { found, known, .. } => Self::Newer { path: file.to_owned(), found, known },
            Self::Older { found, known, .. } => Self::Older { path: file.to_owned(), found, known },
            Self::Foreign { .. } => Self::Foreign { path: file.to_owned() },
            Self::Sqlite(error) => Self::open(file, error),
            other => other,
        }
    }
}

pub(crate) fn damaged(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Damaged(error.to_string())
}
