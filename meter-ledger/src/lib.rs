//! The ledger: which minute of which meter had how many pulses. The contract
//! between the recorder, who writes it, and everybody who reads it.
//!
//! It is the truth; RRD files and pages are derived from it. It lives in one SQLite file in
//! WAL mode with `synchronous=FULL`, or in a PostgreSQL database: what [`Batch::commit`] has answered is on
//! disk. Minutes are kept as they were counted, in whole pulses: the newest in a row each, those of days that
//! are over in one row a day. What people say of them stands beside them, as corrections.

mod alarm_watch;
mod backup;
mod between_pulses;
mod check;
mod check_marks;
mod checked;
mod compacting;
mod constants;
mod copying;
mod corrected;
mod correcting;
mod corrections;
mod database;
mod database_error;
mod database_tables;
mod day_prices;
mod days;
mod error;
mod forgetting;
mod highest_quarter;
mod home;
mod importing;
mod imports;
mod kept_aside;
mod late_minutes;
mod leases;
mod lost;
mod merging;
mod meter_readings;
mod moved;
mod names;
mod new_meter;
mod numbers;
mod outbox_minute;
mod packing;
mod pulse_times;
mod quarters;
mod rates;
mod reading;
mod renaming;
mod rows;
mod said_readings;
mod schema;
mod set_aside;
mod settings_versions;
mod space;
mod spans;
mod steps;
mod stretch;
mod sum;
mod tables;
mod there;
mod trust;
mod undoing;
mod unheard;
mod unwatched;
mod upgrading;
mod watched;
mod whole_past;
mod writing;

use std::path::Path;

use rusqlite::config::DbConfig;

pub use alarm_watch::{AlarmWatch, WatchSeen, Watcher};
pub use backup::{CopyError, Unsound, check_copy, is_unused};
pub use check::{Fault, FaultKind, MeterToCheck};
pub use checked::Checked;
pub use compacting::LedgerSize;
pub use copying::CopyingError;
pub use correcting::{CorrectingError, NewCorrection, SayingAgain};
pub use corrections::{Correction, Undone};
pub use database_error::DatabaseError;
pub use day_prices::{DayPrice, NewPrices, Pricing};
pub use error::{LedgerError, if_readable};
pub use forgetting::Forgotten;
pub use highest_quarter::HighestQuarter;
pub use home::{Address, AsLedgerHome, LedgerHome, SqlError};
use home::{Connection, Transaction};
pub use importing::{ImportError, Imported, Importing, NewImport, Piece};
pub use imports::Import;
pub use kept_aside::{KeepingAside, KeptAside};
pub use leases::{LeaseChanges, Leases, RecorderId};
pub use lost::Lost;
pub use merging::Merged;
pub use meter_messages::{CorrectionKind, Factor, FactorError};
pub use meter_readings::{EnteredReading, Entering, TakingBack};
pub use new_meter::NewMeter;
pub use outbox_minute::OutboxMinute;
use packing::NewestMinutes;
pub use reading::RecordedMeter;
pub use renaming::{MovingError, Renamed};
use schema::LEDGER;
pub use set_aside::{Reason, SetAside};
pub use settings_versions::SettingsVersions;
pub use space::Space;
pub use stretch::RecordedMinute;
pub use sum::Sum;
pub use trust::{Gap, GapReason, Trust};
pub use unheard::UnheardMeter;
pub use unwatched::Unwatched;
pub use watched::Watched;
pub use writing::{Batch, OutboxMark, Recording};

/// Pages in the write-ahead log before they move to the file: 16 MiB. Each meter's newest minutes have a page of their
/// own, which is written again with each batch, but moves only once.
const CHECKPOINT_PAGES: i64 = 4_000;

/// What the log is cut down to after it was longer, in bytes.
const LOG_BYTES: i64 = 64 * 1024 * 1024;

/// Memory for pages, in KiB, if there are so many: those of thousands of meters.
const CACHE_KIB: i64 = 32 * 1024;

/// More than a writer has: to prepare a statement takes longer than to execute it.
const STATEMENTS: usize = 64;

/// An open ledger, for one thread.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    newest: NewestMinutes,
}

impl Ledger {
    /// Opens the ledger for writing; creates it (but no folder, and no database) if there is none.
    pub fn open(home: &(impl AsLedgerHome + ?Sized)) -> Result<Self, LedgerError> {
        let connection = match home.as_ledger_home() {
            LedgerHome::File(path) => Connection::Sqlite(open_file(&path)?),
            LedgerHome::Database(address) => Connection::Postgres(Box::new(database::open(&address)?)),
        };
        Ok(Self { connection, newest: NewestMinutes::default() })
    }

    /// Opens an existing ledger for reading. It may be written at the same time;
    /// every call sees one committed state.
    pub fn open_read_only(home: &(impl AsLedgerHome + ?Sized)) -> Result<Self, LedgerError> {
        let connection = match home.as_ledger_home() {
            LedgerHome::File(path) => Connection::Sqlite(LEDGER.open_read_only(&path)?),
            LedgerHome::Database(address) => {
                Connection::Postgres(Box::new(database::open_read_only(&address)?))
            }
        };
        Ok(Self { connection, newest: NewestMinutes::default() })
    }

    /// Asks several things of one committed state. A database is asked less often then, too.
    pub fn of_one_state<T>(
        &self,
        question: impl FnOnce(&Self) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let _state = self.one_state()?;
        question(self)
    }

    /// While it is held, all that is read is of one committed state: a day that is packed meanwhile is seen in
    /// rows or packed, and not in between. `None` if something else holds that state already.
    pub(crate) fn one_state(&self) -> Result<Option<Transaction<'_>>, LedgerError> {
        let is_free = self.connection.is_free();
        Ok(is_free.then(|| Transaction::reading(&self.connection)).transpose()?)
    }
}

fn open_file(path: &Path) -> Result<rusqlite::Connection, LedgerError> {
    let file = LEDGER.open(path)?;
    // The log and its index stay when the writer closes: readers that may not write
    // in the folder could not open the ledger without them.
    file.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    file.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    file.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    file.pragma_update(None, "cache_size", -CACHE_KIB)?;
    file.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(file)
}
