//! The room that the ledger's file takes.

use crate::{Ledger, LedgerError};

/// So many pages are given back in one transaction, 4 MB, while writers wait: some milliseconds, and on a slow card less
/// than a second.
const PAGES: u32 = 1_000;

/// What `PRAGMA auto_vacuum` says of a file that gives back a part at a time.
const INCREMENTAL: i64 = 2;

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

    /// Whether [`Ledger::compact`] can give back a part at a time: not in a file that was made before that was so.
    pub fn is_compacted_in_parts(&self) -> Result<bool, LedgerError> {
        let kind =
            self.file_to_compact()?.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0))?;
        Ok(kind == INCREMENTAL)
    }

    /// Gives some of the room back in which nothing is, in one transaction; returns how much is left of that. What moves
    /// goes through the log. Readers go on, writers wait for this part only.
    ///
    /// # Errors
    /// If somebody else goes on writing, or there is no room; then nothing has changed.
    pub fn compact(&mut self) -> Result<u64, LedgerError> {
        let file = self.file_to_compact()?;
        let mut freed = file.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut freed = freed.query([])?;
        while freed.next()?.is_some() {}
        let left = self.size()?.unused;
        if left == 0 {
            cut_log(file);
        }
        Ok(left)
    }

    /// Writes the whole file anew, in one transaction; from then on it is compacted in parts. Readers go on meanwhile,
    /// writers wait. It takes as much room again in the folder of temporary files, and in the log, which is cut down
    /// afterwards unless a reader still needs it.
    ///
    /// # Errors
    /// If somebody else goes on writing, or there is no room; then nothing has changed.
    pub fn rewrite(&mut self) -> Result<(), LedgerError> {
        let file = self.file_to_compact()?;
        file.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        file.execute_batch("VACUUM")?;
        cut_log(file);
        self.newest.forget();
        Ok(())
    }

    fn file_to_compact(&self) -> Result<&rusqlite::Connection, LedgerError> {
        self.connection.file().ok_or(LedgerError::NotInDatabase(
            "PostgreSQL gives room back by itself (its autovacuum); only a ledger in a file is compacted",
        ))
    }
}

fn cut_log(file: &rusqlite::Connection) {
    // The next one does it otherwise.
    let _ = file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}
