//! The store of one machine: a folder with a file for each version, `1.toml`, `2.toml` and so on.
//!
//! Files and not SQLite, because its readers may not write there, which SQLite's log would ask of them. A version is
//! on disk as a whole, or not at all, and is never changed.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::document::LONGEST;
use crate::store_error::{MOST_VERSIONS, StoreError};
use crate::version::Version;

/// How a file begins that is not finished.
const UNFINISHED: &str = ".unfinished-";

/// The folder, which need not be there.
#[derive(Debug, Clone)]
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| self.disk(error))?,
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.disk(error))?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".toml")?.parse::<u64>().ok());
            numbers.extend(number.filter(|number| *number > 0));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    pub(crate) fn content(&self, number: u64) -> Result<String, StoreError> {
        let path = self.path(number);
        let length = match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Unknown(number)),
            found => found.map_err(|error| StoreError::Disk(path.clone(), error))?.len(),
        };
        // Twice: who saved it and why stand there, too.
        if length > 2 * LONGEST as u64 {
            return Err(StoreError::Unreadable(path));
        }
        match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(StoreError::Unreadable(path)),
            content => content.map_err(|error| StoreError::Disk(path, error)),
        }
    }

    pub(crate) fn unreadable(&self, number: u64) -> StoreError {
        StoreError::Unreadable(self.path(number))
    }

    /// Adds a version behind the one that it is to come after, which has to be the newest.
    pub(crate) fn add(&self, version: &Version) -> Result<(), StoreError> {
        let folder = File::open(&self.0).map_err(|error| self.disk(error))?;
        if folder.try_lock().is_err() {
            return Err(StoreError::Busy);
        }
        let numbers = self.numbers()?;
        let newest = numbers.last().copied().unwrap_or(0);
        if newest + 1 != version.number {
            return Err(StoreError::Superseded { newest });
        }
        self.write(version, &folder).map_err(|error| self.disk(error))?;
        self.forget(&numbers[..(numbers.len() + 1).saturating_sub(MOST_VERSIONS)]);
        Ok(())
    }

    fn write(&self, version: &Version, folder: &File) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.0)?;
        file.write_all(version.to_file().as_bytes())?;
        // Its folder's group reads it: the pages and the alarms.
        file.as_file().set_permissions(Permissions::from_mode(0o640))?;
        file.as_file().sync_all()?;
        file.persist_noclobber(self.path(version.number)).map_err(|error| error.error)?;
        folder.sync_all()
    }

    /// Deletes versions beyond those that are kept, and what somebody has left who was killed. If it fails, the next one
    /// who saves does it.
    fn forget(&self, old: &[u64]) {
        old.iter().for_each(|number| drop(std::fs::remove_file(self.path(*number))));
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let unfinished = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED));
        unfinished.for_each(|entry| drop(std::fs::remove_file(entry.path())));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.0.join(format!("{number}.toml"))
    }

    fn disk(&self, error: io::Error) -> StoreError {
        StoreError::Disk(self.0.clone(), error)
    }
}
