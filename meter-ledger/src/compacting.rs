//! The room that the ledger's file takes.

use crate::{Ledger, LedgerError};

/// How large the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerSize {
    /// All of it, in bytes.
    pub bytes: u64,
    /// What of that nothing is in.
    pub unused: u64,
}

impl Ledger {
    /// How large the file is, without its log.
    ///
    /// # Errors
    /// If the ledger is no file, too.
    pub fn size(&self) -> Result<LedgerSize, LedgerError> {
        let file = self.file_to_compact()?;
        let pages = |pragma| file.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
        let page = pages("page_size")?;
        Ok(LedgerSize { bytes: pages("page_count")? * page, unused: pages("freelist_count")? * page })
    }

    /// Writes the whole file anew, in one transaction: what is deleted no longer takes room. Readers go on meanwhile,
    /// writers wait. It takes as much room again in the folder of temporary files, and in the log, which is cut down
    /// afterwards unless a reader still needs it.
    ///
    /// # Errors
    /// If somebody else goes on writing, or there is no room; then nothing has changed.
    pub fn compact(&mut self) -> Result<(), LedgerError> {
        let file = self.file_to_compact()?;
        file.execute_batch("VACUUM")?;
        // The next one does it otherwise.
        let _ = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.newest.forget();
        Ok(())
    }

    fn file_to_compact(&self) -> Result<&rusqlite::Connection, LedgerError> {
        self.connection.file().ok_or(LedgerError::NotInDatabase(
            "PostgreSQL gives room back by itself (its autovacuum); only a ledger in a file is compacted",
        ))
    }
}
