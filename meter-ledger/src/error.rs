//! What can go wrong with a ledger.

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

pub(crate) fn damaged(error: impl std::fmt::Display) -> LedgerError {
    LedgerError::Damaged(error.to_string())
}
