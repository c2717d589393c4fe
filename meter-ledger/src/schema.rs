//! The tables and how a connection is set up.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::LedgerError;

/// "PwPi": tells our file from any other SQLite file.
const APPLICATION_ID: i64 = 0x5077_5069;

/// Counts up with each change of the tables.
const FORMAT: i64 = 4;

/// A minute belongs to the outbox it came from: two SD cards that shared a
/// minute (the Pi was given a new one at 12:34:30) keep both their pulses, and
/// either can be sent again without counting twice. A meter's
/// `outbox` is the one it fills now; an outbox's `mark_seq` is the last `seq` up
/// to which nothing is missing.
const TABLES: &str = "
    CREATE TABLE meter (
        id             INTEGER PRIMARY KEY,
        site           TEXT NOT NULL,
        meter          TEXT NOT NULL,
        name           TEXT NOT NULL,
        pulses_per_kwh INTEGER NOT NULL,
        outbox         TEXT NOT NULL,
        UNIQUE (site, meter)
    ) STRICT;
    CREATE TABLE outbox (
        id          INTEGER PRIMARY KEY,
        meter       INTEGER NOT NULL REFERENCES meter (id),
        name        TEXT NOT NULL,
        mark_seq    INTEGER NOT NULL DEFAULT 0,
        mark_minute INTEGER,
        UNIQUE (meter, name)
    ) STRICT;
    CREATE TABLE minute (
        meter     INTEGER NOT NULL REFERENCES meter (id),
        minute    INTEGER NOT NULL,
        outbox    INTEGER NOT NULL REFERENCES outbox (id),
        pulses    INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        total     INTEGER NOT NULL,
        PRIMARY KEY (meter, minute, outbox)
    ) STRICT, WITHOUT ROWID;
";

/// What format 2 has beyond format 1:
/// a minute's number (NULL for those from before); the meter constants, each
/// from a minute on (0: from the beginning); the sums of UTC hours since 1970,
/// written in the transaction of their minutes; the numbers that were given up,
/// because their outbox no longer held them, and the newest minute there was
/// then; how often the same minute came again, and came otherwise; outboxes that
/// were set back to an old copy, and take nothing beyond their mark any more.
const FORMAT_2: &str = "
    ALTER TABLE minute ADD COLUMN seq INTEGER;
    ALTER TABLE meter ADD COLUMN repeated INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE meter ADD COLUMN contradicted INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN set_back INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE constant (
        meter          INTEGER NOT NULL REFERENCES meter (id),
        from_minute    INTEGER NOT NULL,
        pulses_per_kwh INTEGER NOT NULL,
        PRIMARY KEY (meter, from_minute)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hour (
        meter     INTEGER NOT NULL REFERENCES meter (id),
        hour      INTEGER NOT NULL,
        pulses    INTEGER NOT NULL,
        minutes   INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        most      INTEGER NOT NULL,
        PRIMARY KEY (meter, hour)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE given_up (
        meter        INTEGER NOT NULL REFERENCES meter (id),
        after_minute INTEGER NOT NULL,
        numbers      INTEGER NOT NULL
    ) STRICT;
    INSERT INTO constant SELECT id, 0, pulses_per_kwh FROM meter;
    INSERT INTO hour
        SELECT meter, minute / 60, sum(pulses), count(*), sum(watched_s), max(pulses)
        FROM (SELECT meter, minute, sum(pulses) AS pulses, min(sum(watched_s), 60) AS watched_s
              FROM minute GROUP BY meter, minute)
        GROUP BY meter, minute / 60;
";

/// What format 3 has beyond format 2: what people read off the meter itself. Nothing is worked
/// out from it but how far the pulses are off.
const FORMAT_3: &str = "
    CREATE TABLE reading (
        meter   INTEGER NOT NULL REFERENCES meter (id),
        read_at INTEGER NOT NULL,
        kwh     REAL NOT NULL,
        by      TEXT NOT NULL,
        entered INTEGER NOT NULL,
        PRIMARY KEY (meter, read_at)
    ) STRICT, WITHOUT ROWID;
";

/// What format 4 has beyond format 3: what flows through a meter. Its constant and what it shows
/// are per kWh and in kWh, or per m³ and in m³.
const FORMAT_4: &str = "
    ALTER TABLE meter ADD COLUMN medium TEXT NOT NULL DEFAULT 'electricity';
    ALTER TABLE meter RENAME COLUMN pulses_per_kwh TO constant;
    ALTER TABLE constant RENAME COLUMN pulses_per_kwh TO constant;
    ALTER TABLE reading RENAME COLUMN kwh TO shown;
";

/// How long to wait for the other process's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sets a writer's connection up, makes the tables in an empty file, and brings
/// an older file up to date.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The log and its index stay when the writer closes: readers that may not write
    // in the folder could not open the ledger without them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found = format_of(&transaction)?;
    if found == 0 && tables == 0 {
        transaction.execute_batch(&format!("{TABLES} PRAGMA application_id = {APPLICATION_ID};"))?;
        update(&transaction, 1)?;
    } else if found < FORMAT && application_of(&transaction)? == APPLICATION_ID {
        tracing::info!("upgrading the ledger from format {found} to {FORMAT}");
        update(&transaction, found)?;
    }
    transaction.commit()?;
    check(connection)
}

fn update(transaction: &Transaction<'_>, from: i64) -> Result<(), LedgerError> {
    for (format, changes) in [(2, FORMAT_2), (3, FORMAT_3), (4, FORMAT_4)] {
        if format > from {
            transaction.execute_batch(changes)?;
        }
    }
    Ok(transaction.pragma_update(None, "user_version", FORMAT)?)
}

/// Refuses foreign files and other formats; sets a reader's connection up.
pub(crate) fn check(connection: &Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(PATIENCE)?;
    let (application, found) = (application_of(connection)?, format_of(connection)?);
    let path = PathBuf::new();
    match found {
        _ if application != APPLICATION_ID => Err(LedgerError::Foreign { path }),
        FORMAT => Ok(()),
        ..FORMAT => Err(LedgerError::Older { path, found, known: FORMAT }),
        _ => Err(LedgerError::Newer { path, found, known: FORMAT }),
    }
}

fn format_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn application_of(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}
