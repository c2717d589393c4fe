//! The ledger: which minute of which meter had how many pulses. The contract
//! between the recorder, who writes it, and everybody who reads it.
//!
//! It is the truth; RRD files and pages are derived from it. One SQLite file in
//! WAL mode with `synchronous=FULL`: what [`Batch::commit`] has answered is on
//! disk. Minutes are kept as they were counted, in whole pulses.

mod constants;
mod error;
mod hours;
mod meter_readings;
mod reading;
mod schema;
mod sum;
mod trust;
mod writing;

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

pub use error::LedgerError;
pub use meter_readings::{EnteredReading, Entering, TakingBack};
pub use reading::{RecordedMeter, RecordedMinute};
pub use sum::Sum;
pub use trust::{Gap, GapReason, Trust};
pub use writing::{Batch, Custody, Recording};

/// An open ledger, for one thread.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Opens the ledger for writing; creates it (but no folder) if there is none.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut connection = Connection::open(path).map_err(|error| LedgerError::open(path, error))?;
        schema::prepare(&mut connection).map_err(|error| error.at(path))?;
        Ok(Self { connection })
    }

    /// Opens an existing ledger for reading. It may be written at the same time;
    /// every call sees one committed state.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| LedgerError::open(path, error))?;
        schema::check(&connection).map_err(|error| error.at(path))?;
        Ok(Self { connection })
    }
}
