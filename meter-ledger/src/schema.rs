//! The tables and how a connection is set up.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use crate::LedgerError;

/// "PwPi": tells our file from any other SQLite file.
const APPLICATION_ID: i64 = 0x5077_5069;

/// Counts up with each change of the tables.
const FORMAT: i64 = 1;

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

/// How long to wait for the other process's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sets a writer's connection up and makes the tables in an empty file.
pub(crate) fn prepare(connection: &Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if found == 0 && tables == 0 {
        connection.execute_batch(&format!(
            "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))?;
    }
    check(connection)
}

/// Refuses foreign files and newer formats; sets a reader's connection up.
pub(crate) fn check(connection: &Connection) -> Result<(), LedgerError> {
    connection.busy_timeout(PATIENCE)?;
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(LedgerError::Foreign { path: PathBuf::new() });
    }
    if found > FORMAT {
        return Err(LedgerError::Newer { path: PathBuf::new(), found, known: FORMAT });
    }
    Ok(())
}
