//! Locks on the files of a site.
//!
//! librrd does not wait for a lock but fails, and within one process it does not
//! lock at all: a reader then sees half an update. So all our readers and writers
//! first wait for a lock of our own. It lies on the folder, because a rebuild replaces the
//! file itself, and because readers may not be allowed to write there.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rrd::error::RrdResult;

use crate::error::DatabaseError;

/// Pauses before each retry on a file that another program (`rrdtool`, which
/// does not know our lock) keeps locked.
const PAUSES_MS: [u64; 4] = [5, 20, 80, 320];

/// How long to wait for others. A program that holds a lock for longer hangs, and
/// must not stop the recorder: rebuilding a file needs no lock.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time between two tries to lock.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Held while librrd works on a file; released when dropped.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "open as long as the lock is held")] File);

impl FolderLock {
    /// Waits until nobody writes.
    pub(crate) fn to_read(file: &Path) -> Result<Self, DatabaseError> {
        Self::taken(file, File::try_lock_shared)
    }

    /// Waits until nobody reads or writes.
    pub(crate) fn to_write(file: &Path) -> Result<Self, DatabaseError> {
        Self::taken(file, File::try_lock)
    }

    fn taken(
        file: &Path,
        try_lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<Self, DatabaseError> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let open = File::open(folder).map_err(DatabaseError::io(folder))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match try_lock(&open) {
                Ok(()) => return Ok(Self(open)),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOOK_EVERY),
                Err(TryLockError::WouldBlock) => {
                    let hangs = io::Error::new(io::ErrorKind::TimedOut, "another program keeps it locked");
                    return Err(DatabaseError::io(folder)(hangs));
                }
                Err(TryLockError::Error(error)) => return Err(DatabaseError::io(folder)(error)),
            }
        }
    }
}

/// Retries librrd for a while before its error counts. Its errors are texts, so
/// errors that are not about a lock are retried in vain, too.
pub(crate) fn patiently<T>(path: &Path, ask: impl Fn() -> RrdResult<T>) -> Result<T, DatabaseError> {
    for pause in PAUSES_MS {
        if let Ok(answer) = ask() {
            return Ok(answer);
        }
        thread::sleep(Duration::from_millis(pause));
    }
    ask().map_err(DatabaseError::librrd(path))
}
