//! The store: a folder with a file for each version, `1.toml`, `2.toml` and so on.
//!
//! Files and not SQLite, because its readers may not write there, which SQLite's log would ask of them. A version is
//! on disk as a whole, or not at all, and is never changed.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daemon_runtime::SettingsError;
use jiff::Timestamp;

use crate::document::{LONGEST, SiteSettings, checked};
use crate::version::Version;

/// How many versions are kept; the oldest go first.
pub const MOST_VERSIONS: usize = 1_000;

/// How a file begins that is not finished.
const UNFINISHED: &str = ".unfinished-";

/// What is to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<'written> {
    /// The settings as a whole: TOML.
    pub text: &'written str,
    /// Who saves it: the name of a user.
    pub by: &'written str,
    /// What for.
    pub why: Option<&'written str>,
    /// The newest version when it was written, 0 for none: what somebody else has saved since is not overwritten.
    pub after: u64,
}

/// Why a store was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or what this user may do.
    #[error("{0}: {1}")]
    Disk(PathBuf, #[source] io::Error),
    /// It cannot be.
    #[error(transparent)]
    Wrong(#[from] SettingsError),
    /// Somebody else was faster.
    #[error("version {newest} was saved meanwhile; look at it and try again")]
    Superseded {
        /// The newest version now.
        newest: u64,
    },
    /// Somebody is saving.
    #[error("somebody else is saving just now; try again")]
    Busy,
    /// No such version.
    #[error("there is no version {0}")]
    Unknown(u64),
    /// What lies there is none.
    #[error("{0} is no version of settings; move it away")]
    Unreadable(PathBuf),
}

/// The versions of a site's settings.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in a folder, which need not be there.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The numbers of all versions, ascending; none without a folder.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
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

    /// The number of the newest version; 0 for none.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn newest(&self) -> Result<u64, StoreError> {
        Ok(self.numbers()?.last().copied().unwrap_or(0))
    }

    /// A version.
    ///
    /// # Errors
    /// If there is none of this number, or it cannot be read.
    pub fn version(&self, number: u64) -> Result<Version, StoreError> {
        let path = self.path(number);
        let length = match path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(StoreError::Unknown(number)),
            found => found.map_err(|error| StoreError::Disk(path.clone(), error))?.len(),
        };
        // Twice: who saved it and why stand there, too.
        if length > 2 * LONGEST as u64 {
            return Err(StoreError::Unreadable(path));
        }
        let content = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(StoreError::Unreadable(path)),
            content => content.map_err(|error| StoreError::Disk(path.clone(), error))?,
        };
        Version::from_file(number, &content).ok_or(StoreError::Unreadable(path))
    }

    /// Saves a version behind what stands in the programs' TOML; its number. It is on disk then.
    ///
    /// # Errors
    /// If it cannot be, if somebody has saved another one since, or the disk does not take it: nothing has changed.
    pub fn save(&self, draft: &Draft<'_>, fixed: &SiteSettings, now: Timestamp) -> Result<u64, StoreError> {
        checked(draft.text, fixed)?;
        let folder = File::open(&self.folder).map_err(|error| self.disk(error))?;
        if folder.try_lock().is_err() {
            return Err(StoreError::Busy);
        }
        let numbers = self.numbers()?;
        let newest = numbers.last().copied().unwrap_or(0);
        if newest != draft.after {
            return Err(StoreError::Superseded { newest });
        }
        let version = Version {
            number: newest + 1,
            at: now,
            by: draft.by.to_owned(),
            why: draft.why.map(str::to_owned),
            text: draft.text.to_owned(),
        };
        self.write(&version, &folder).map_err(|error| self.disk(error))?;
        self.forget(&numbers[..(numbers.len() + 1).saturating_sub(MOST_VERSIONS)]);
        Ok(version.number)
    }

    /// Saves what an earlier version said as the newest one; its number. `after` is the newest version when somebody
    /// decided that.
    ///
    /// # Errors
    /// As for [`Self::save`], or if there is no such version.
    pub fn put_back(
        &self,
        number: u64,
        by: &str,
        after: u64,
        fixed: &SiteSettings,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let before = self.version(number)?;
        let why = format!("as version {number}");
        self.save(&Draft { text: &before.text, by, why: Some(&why), after }, fixed, now)
    }

    fn write(&self, version: &Version, folder: &File) -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
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
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let unfinished = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(UNFINISHED));
        unfinished.for_each(|entry| drop(std::fs::remove_file(entry.path())));
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number}.toml"))
    }

    fn disk(&self, error: io::Error) -> StoreError {
        StoreError::Disk(self.folder.clone(), error)
    }
}
