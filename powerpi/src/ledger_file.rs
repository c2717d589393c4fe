//! Which ledger a command is of, and how it answers.

use meter_ledger::{Ledger, LedgerError, LedgerHome};

/// Where the ledger lives that is there if nothing else is said.
pub(crate) const USUAL_LEDGER: &str = "/var/lib/powerpi/recorder/ledger.sqlite";

/// The ledger.
#[derive(clap::Args)]
pub(crate) struct LedgerFile {
    /// The ledger: its file, or a database as postgresql://host/name
    #[arg(long = "ledger", value_name = "LEDGER", global = true, default_value = USUAL_LEDGER)]
    pub(crate) home: LedgerHome,
    /// Prints a JSON object a line, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Opens a ledger that there is for writing; by itself that would make an empty one.
pub(crate) fn open_existing(home: &LedgerHome) -> Result<Ledger, LedgerError> {
    Ledger::open_read_only(home)?;
    Ledger::open(home)
}
