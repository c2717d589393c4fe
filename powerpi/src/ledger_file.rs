//! Which ledger a command is of, and how it answers.

use std::path::{Path, PathBuf};

use meter_ledger::{Ledger, LedgerError};

/// The ledger's file.
#[derive(clap::Args)]
pub(crate) struct LedgerFile {
    /// The ledger's file
    #[arg(
        long = "ledger",
        value_name = "FILE",
        global = true,
        default_value = "/var/lib/powerpi/recorder/ledger.sqlite"
    )]
    pub(crate) path: PathBuf,
    /// Prints a JSON object a line, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Opens a ledger that there is for writing; by itself that would make an empty one.
pub(crate) fn open_existing(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open_read_only(path)?;
    Ledger::open(path)
}
