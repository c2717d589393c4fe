//! First a look, then changes.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::copy::{CopyError, copy_to};
use crate::error::{OpenError, Reason};
use crate::header::{Header, path_with, read_only};
use crate::kind::{FileKind, Step};
use crate::progress::Progress;

impl FileKind {
    /// Opens a file for writing; creates it (but no folder) if there is none, and upgrades an older
    /// one to the newest format.
    ///
    /// # Errors
    ///
    /// A file of another kind or of a newer format is refused and left as it is.
    pub fn open(&'static self, path: &Path) -> Result<Connection, OpenError> {
        let of = |error| OpenError::of(self, path, error);
        let mut is_new = true;
        if path.exists() {
            let found = Header::of_file(path, self).map_err(of)?;
            is_new = found.is_empty();
            if !is_new {
                self.check(path, &found)?;
            }
        }
        let mut connection = Connection::open(path).map_err(of)?;
        self.set_up(&connection, is_new).map_err(of)?;
        let found = Header::read(&connection).map_err(of)?;
        if found.format < self.newest() {
            let is_new = found.is_empty();
            if !is_new {
                self.keep_copy(&connection, path, found.format);
            }
            self.step(&mut connection).map_err(of)?;
            if !is_new {
                tracing::info!("upgraded the {} to format {}", self.name, self.newest());
                give_back(&connection);
            }
        }
        self.check(path, &Header::read(&connection).map_err(of)?)?;
        Ok(connection)
    }

    /// Opens an existing file for reading, which may be written meanwhile.
    ///
    /// # Errors
    ///
    /// Only a file of this kind and of the newest format can be read.
    pub fn open_read_only(&'static self, path: &Path) -> Result<Connection, OpenError> {
        let of = |error| OpenError::of(self, path, error);
        let (wanted, found) = (self.newest(), Header::of_file(path, self).map_err(of)?);
        if found.is_empty() {
            return Err(OpenError::new(self, path, Reason::Empty));
        }
        self.check(path, &found)?;
        let connection = read_only(path, self.patience).map_err(of)?;
        // The look did not see what is in the log only.
        let found = Header::read(&connection).map_err(of)?;
        self.check(path, &found)?;
        if found.format < wanted {
            return Err(OpenError::new(self, path, Reason::Older(found.format)));
        }
        Ok(connection)
    }

    /// Refuses other programs' files and formats from the future.
    fn check(&'static self, path: &Path, found: &Header) -> Result<(), OpenError> {
        if found.application_id != self.application_id {
            return Err(OpenError::new(self, path, Reason::Foreign));
        }
        if found.format > self.newest() {
            return Err(OpenError::new(self, path, Reason::Newer(found.format)));
        }
        Ok(())
    }

    fn newest(&self) -> usize {
        self.steps.len()
    }

    fn set_up(&self, connection: &Connection, is_new: bool) -> rusqlite::Result<()> {
        connection.busy_timeout(self.patience)?;
        if self.exclusive {
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        if is_new && self.incremental_vacuum {
            // Another file would be written to, which somebody else may be doing, and not be changed by it.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")
    }

    /// Copies a file that is about to be upgraded, for whoever wants to go back to the older program. Where
    /// that fails (a full disk) the upgrade goes on: it is one transaction, and counting must not wait for it.
    fn keep_copy(&self, connection: &Connection, path: &Path, format: usize) {
        let copy = path_with(path, &format!(".format-{format}"));
        if copy.exists() {
            tracing::info!("{} is kept as it is: a copy of the {} from before", copy.display(), self.name);
            return;
        }
        let unfinished = path_with(&copy, ".unfinished");
        let _ = std::fs::remove_file(&unfinished);
        match copy_to(connection, &unfinished)
            .and_then(|()| std::fs::rename(&unfinished, &copy).map_err(CopyError::Disk))
        {
            Ok(()) => tracing::info!(
                "the {} of format {format} was copied to {}; remove it if you will not go back to the older version",
                self.name,
                copy.display()
            ),
            Err(error) => {
                let _ = std::fs::remove_file(&unfinished);
                tracing::warn!(%error, "no copy of the {} of format {format} is kept", self.name);
            }
        }
    }

    /// Brings the file to the newest format.
    fn step(&self, connection: &mut Connection) -> rusqlite::Result<()> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been faster.
        let found = Header::read(&transaction)?;
        let mut progress = Progress::new(self.name);
        for step in self.steps.iter().skip(found.format) {
            match step {
                Step::Sql(sql) => transaction.execute_batch(sql)?,
                Step::Code(step) => step(&transaction, &mut progress)?,
            }
        }
        if found.format < self.newest() {
            transaction.pragma_update(None, "application_id", self.application_id)?;
            transaction.pragma_update(None, "user_version", self.newest())?;
        }
        transaction.commit()
    }
}

/// Where an upgrade has left most of a file unused, the disk gets it back.
fn give_back(connection: &Connection) {
    let pages = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).unwrap_or(0);
    if pages("freelist_count") > pages("page_count") / 2 {
        // Without it, the file is only larger than it need be.
        let _ = connection.execute_batch("VACUUM");
    }
}
