//! One publisher for each outbox.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, bail};

/// Locks the folder for this process, until the returned file is dropped or the
/// process ends in any way.
///
/// # Errors
/// Another process has the lock; the folder cannot be written.
pub(crate) fn lock(state_dir: &Path) -> anyhow::Result<File> {
    let path = state_dir.join("lock");
    let file = File::create(&path).with_context(|| {
        format!("opening {} (does state_dir exist, and may this user write to it?)", path.display())
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another pi-publisher uses {}; stop it first", state_dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_refused_until_the_first_is_gone() {
        let folder = tempfile::TempDir::new().unwrap();
        let first = lock(folder.path()).unwrap();
        assert!(lock(folder.path()).unwrap_err().to_string().contains("another pi-publisher"));
        drop(first);
        lock(folder.path()).unwrap();
    }
}
