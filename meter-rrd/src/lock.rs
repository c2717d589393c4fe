//! Who may use the files of a site now.
//!
//! librrd does not wait for a lock but fails, and within one process it does not
//! lock at all: a reader then sees half an update. So everybody here waits for a
//! lock of our own first. It lies on the folder, because a rebuild replaces the
//! file itself, and because readers may not be allowed to write there.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rrd::error::RrdResult;

use crate::error::DatabaseError;

/// Pauses before each new try at a file that a program of others (`rrdtool`,
/// which knows nothing of our lock) keeps locked.
const PAUSES_MS: [u64; 4] = [5, 20, 80, 320];

/// Held while librrd works on a file; let go when dropped.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "open as long as the lock is held")] File);

impl FolderLock {
    /// Waits until nobody writes.
    pub(crate) fn to_read(file: &Path) -> Result<Self, DatabaseError> {
        Self::taken(file, File::lock_shared)
    }

    /// Waits until nobody reads or writes.
    pub(crate) fn to_write(file: &Path) -> Result<Self, DatabaseError> {
        Self::taken(file, File::lock)
    }

    fn taken(file: &Path, lock: impl FnOnce(&File) -> std::io::Result<()>) -> Result<Self, DatabaseError> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let open = File::open(folder).map_err(DatabaseError::io(folder))?;
        lock(&open).map_err(DatabaseError::io(folder))?;
        Ok(Self(open))
    }
}

/// Asks librrd again for a while before its refusal counts. Its errors are texts,
/// so one that is not about a lock is repeated in vain too.
pub(crate) fn patiently<T>(path: &Path, ask: impl Fn() -> RrdResult<T>) -> Result<T, DatabaseError> {
    for pause in PAUSES_MS {
        if let Ok(answer) = ask() {
            return Ok(answer);
        }
        thread::sleep(Duration::from_millis(pause));
    }
    ask().map_err(DatabaseError::librrd(path))
}
