//! Why a ledger in PostgreSQL cannot be opened, and what to do about it.

use std::fmt;

use crate::home::{Address, SqlError};

/// Why a ledger in PostgreSQL was not opened. Its message says what to do next.
#[derive(Debug)]
pub struct DatabaseError {
    /// Without a password.
    address: String,
    reason: Reason,
}

/// What is wrong.
#[derive(Debug)]
pub(crate) enum Reason {
    /// No server can be reached, or it lets nobody in, or it refuses.
    Unusable(SqlError),
    /// There are no tables yet.
    Empty,
    /// A newer PowerPi made them: their format, and the newest that is known.
    Newer(usize, usize),
    /// An older PowerPi made them: their format, and the one that is read.
    Older(usize, usize),
}

impl From<SqlError> for Reason {
    fn from(error: SqlError) -> Self {
        Self::Unusable(error)
    }
}

impl DatabaseError {
    /// Whether there are no tables yet.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.reason, Reason::Empty)
    }

    pub(crate) fn new(address: &Address, reason: Reason) -> Self {
        Self { address: address.to_string(), reason }
    }
}

impl std::error::Error for DatabaseError {}

impl fmt::Display for DatabaseError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, reason } = self;
        match reason {
            Reason::Unusable(error) => write!(
                to,
                "cannot open the ledger {address}: {error}; make sure that the server runs, that it lets this user in \
                 and that the database exists, or set another one with `ledger`"
            ),
            Reason::Empty => {
                write!(to, "the ledger {address} is empty; start powerpi-recorder, which fills it")
            }
            Reason::Newer(found, known) => write!(
                to,
                "the ledger {address} has format {found}, but this program only knows {known}; install a newer PowerPi"
            ),
            Reason::Older(found, known) => write!(
                to,
                "the ledger {address} has format {found}, but this program reads {known}; start the new \
                 powerpi-recorder, which upgrades it"
            ),
        }
    }
}
