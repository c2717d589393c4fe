//! Where the record is kept: in a file of this machine, or in the ledger's database, where several programs watch in turn.

use std::path::PathBuf;

use daemon_runtime::Owner;

use crate::record::Record;
use crate::turn::Turn;

/// Keeps the record.
#[derive(Debug)]
pub enum Keeper {
    /// In this file, which is this program's own.
    File(PathBuf),
    /// Beside the ledger, as long as this program has the watch.
    Shared(Owner<Turn>),
}

impl Keeper {
    /// Puts the record on disk; false, and nothing has happened, if another program has the watch.
    ///
    /// # Errors
    /// What the file system or the database said.
    pub async fn keep(&self, record: &Record) -> anyhow::Result<bool> {
        match self {
            Self::File(path) => record.write(path).map(|()| true),
            Self::Shared(turn) => {
                let json = serde_json::to_string(record)?;
                Ok(turn.ask(move |turn| turn.keep(&json)).await??)
            }
        }
    }

    /// Whether this program may say something: another one may have the watch, and where the database does not answer,
    /// nobody knows.
    pub async fn may_tell(&self) -> bool {
        match self {
            Self::File(_) => true,
            Self::Shared(turn) => matches!(turn.ask(Turn::lasts).await, Ok(Ok(true))),
        }
    }

    /// Whether a change is told that could not be kept. A full disk must not stop notices; but of several programs each
    /// could send what no other one knows of.
    pub fn tells_what_is_not_kept(&self) -> bool {
        matches!(self, Self::File(_))
    }
}
