//! What can go wrong with an RRD file.

use std::io;
use std::path::{Path, PathBuf};

use rrd::error::{InvalidArgument, RrdError};

/// Why a database failed. The recorder then rebuilds it, unless the disk is
/// full.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The file or its folder cannot be used.
    #[error("{path}: {error}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not one of our databases, or it is damaged.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        why: &'static str,
    },
    /// librrd refused.
    #[error("{path}: {error}")]
    Librrd {
        /// The file.
        path: PathBuf,
        /// What librrd said.
        error: RrdError,
    },
}

impl DatabaseError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |error| Self::Io { path, error }
    }

    pub(crate) fn librrd(path: &Path) -> impl FnOnce(RrdError) -> Self {
        let path = path.to_owned();
        |error| Self::Librrd { path, error }
    }

    pub(crate) fn argument(path: &Path) -> impl FnOnce(InvalidArgument) -> Self {
        let path = path.to_owned();
        |error| Self::Librrd { path, error: error.into() }
    }
}
