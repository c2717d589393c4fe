//! Why a file cannot be opened, and what to do about it.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::kind::FileKind;

/// Why a file was not opened. Its message names the file and says what to do next.
#[derive(Debug)]
pub struct OpenError {
    kind: &'static FileKind,
    path: PathBuf,
    /// For those who choose by it.
    pub reason: Reason,
}

/// What is wrong with a file.
#[derive(Debug)]
pub enum Reason {
    /// Missing, not for this user, or on a disk that does not take it.
    Unusable(rusqlite::Error),
    /// Another process has it.
    InUse,
    /// Some other program's file.
    Foreign,
    /// Nothing is in it yet.
    Empty,
    /// A newer PowerPi wrote it, in this format.
    Newer(usize),
    /// An older PowerPi wrote it, in this format, and only its writer brings it up to date.
    Older(usize),
    /// SQLite finds it broken.
    Damaged(rusqlite::Error),
}

impl OpenError {
    pub(crate) fn new(kind: &'static FileKind, path: &Path, reason: Reason) -> Self {
        Self { kind, path: path.to_owned(), reason }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self.reason, Reason::Unusable(_)) && !self.path.exists()
    }

    /// What SQLite's `error` means for somebody who wants to open the file.
    #[must_use]
    pub fn of(kind: &'static FileKind, path: &Path, error: rusqlite::Error) -> Self {
        let reason = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Reason::InUse,
            Some(ErrorCode::NotADatabase) => Reason::Foreign,
            Some(ErrorCode::DatabaseCorrupt) => Reason::Damaged(error),
            _ => Reason::Unusable(error),
        };
        Self::new(kind, path, reason)
    }
}

impl std::error::Error for OpenError {}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileKind { name, writer, setting, steps, .. } = self.kind;
        let (path, known) = (self.path.display(), steps.len());
        match &self.reason {
            Reason::Unusable(error) => write!(
                f,
                "cannot open the {name} {path}: {error}; make sure that its folder exists and that this user \
                 may use it, or set another path with {setting}"
            ),
            Reason::InUse => write!(f, "the {name} {path} is in use; is another {writer} running on it?"),
            Reason::Foreign => write!(
                f,
                "{path} is not a PowerPi {name} and was left as it is; set another path with {setting}, or \
                 move this file away"
            ),
            Reason::Empty => write!(f, "the {name} {path} is empty; start {writer}, which fills it"),
            Reason::Newer(found) => write!(
                f,
                "the {name} {path} has format {found}, but this program only knows {known}; install a newer PowerPi"
            ),
            Reason::Older(found) => write!(
                f,
                "the {name} {path} has format {found}, but this program reads {known}; start the new {writer}, \
                 which upgrades it"
            ),
            Reason::Damaged(error) => write!(
                f,
                "the {name} {path} is damaged: {error}; move it away (with its -wal file), or set another \
                 path with {setting}"
            ),
        }
    }
}
