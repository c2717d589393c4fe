//! What a backup of the ledger needs: a copy while it is written, and whether a file may be put in its place.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::schema::LEDGER;
use crate::{Ledger, LedgerError};

/// Why a ledger was not copied.
pub use sqlite_file::CopyError;

/// Why a file cannot stand for the ledger.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] rusqlite::Error),
    /// It is another kind of file.
    #[error("it is no ledger")]
    NoLedger,
    /// It is of a later format.
    #[error("it is of format {0}, made by a newer PowerPi; update this one")]
    Newer(usize),
    /// Its pages are damaged, in SQLite's words.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

impl Ledger {
    /// Copies all that is committed into a new file, which is sound and on disk when this returns. It may be written
    /// meanwhile.
    ///
    /// # Errors
    /// If the ledger is no file, too.
    pub fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let file = self.connection.file().ok_or(LedgerError::NotInDatabase(
            "a ledger in PostgreSQL is backed up by its own means, such as pg_dump",
        ))?;
        Ok(sqlite_file::copy_to(file, path)?)
    }
}

/// Whether a file that nobody uses is a sound ledger, of this version's format or an older one.
pub fn check_copy(path: &Path) -> Result<(), Unsound> {
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let says = |what: &str| copy.pragma_query_value(None, what, |row| row.get::<_, i64>(0));
    if says("application_id")? != i64::from(LEDGER.application_id) {
        return Err(Unsound::NoLedger);
    }
    let format = usize::try_from(says("user_version")?).unwrap_or_default();
    if format > LEDGER.steps.len() {
        return Err(Unsound::Newer(format));
    }
    sqlite_file::integrity_check(&copy)?.map_or(Ok(()), |damage| Err(Unsound::Damaged(damage)))
}

/// Whether nobody uses a ledger, so that another file may be put in its place. Its log has moved into it then, unless
/// it is too damaged for that.
pub fn is_unused(path: &Path) -> bool {
    // In this journal mode it may be used by one connection alone.
    let close = || -> rusqlite::Result<()> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
    };
    let is_busy = |error: &rusqlite::Error| {
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    };
    !close().is_err_and(|error| is_busy(&error))
}
