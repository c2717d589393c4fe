//! Why a store was not read or written, and how much it holds.

use std::io;
use std::path::PathBuf;

use daemon_runtime::SettingsError;
use meter_ledger::LedgerError;

/// How many versions are kept; the oldest go first.
pub const MOST_VERSIONS: usize = 1_000;

/// Why a store was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk, or what this user may do.
    #[error("{0}: {1}")]
    Disk(PathBuf, #[source] io::Error),
    /// The ledger's database, beside which the versions are.
    #[error("{0}{needed}", needed = what_is_needed(.0))]
    Database(#[from] LedgerError),
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

fn what_is_needed(error: &LedgerError) -> &'static str {
    match error.is_refused() {
        true => {
            "; this program's user of the database needs rights on settings_version (GRANT, see docs/CLUSTER.md)"
        }
        false => "",
    }
}
