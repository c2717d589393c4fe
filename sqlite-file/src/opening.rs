//! First a look, then changes.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{OpenError, Reason};
use crate::header::{Header, read_only};
use crate::kind::FileKind;

impl FileKind {
    /// Opens a file for writing; creates it (but no folder) if there is none, and upgrades an older
    /// one to the newest format.
    ///
    /// # Errors
    ///
    /// A file of another kind or of a newer format is refused and left as it is.
    pub fn open(&'static self, path: &Path) -> Result<Connection, OpenError> {
        let of = |error| OpenError::of(self, path, error);
        if path.exists() {
            let found = Header::of_file(path, self).map_err(of)?;
            if !found.is_empty() {
                self.check(path, &found)?;
            }
        }
        let mut connection = Connection::open(path).map_err(of)?;
        self.set_up(&connection).map_err(of)?;
        let is_new = Header::read(&connection).map_err(of)?.is_empty();
        while let Some(format) = self.step(&mut connection).map_err(of)? {
            if !is_new {
                tracing::info!("upgraded the {} to format {format}", self.name);
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

    fn set_up(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.busy_timeout(self.patience)?;
        if self.exclusive {
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")
    }

    /// Brings the file one format further, and says which that is; `None` if there is no further one.
    fn step(&self, connection: &mut Connection) -> rusqlite::Result<Option<usize>> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = Header::read(&transaction)?;
        let Some(step) = self.steps.get(found.format) else { return Ok(None) };
        let next = found.format + 1;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", self.application_id)?;
        transaction.pragma_update(None, "user_version", next)?;
        transaction.commit()?;
        Ok(Some(next))
    }
}
