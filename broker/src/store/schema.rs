//! The tables, and how the file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::StoreError;

/// "PwBr": tells our file from any other SQLite file.
const APPLICATION_ID: i64 = 0x5077_4272;

/// Counts up with each change of the tables.
const FORMAT: i64 = 2;

/// `owed.message` is NULL once the client has recorded a QoS 2 message and PUBCOMP is missing;
/// `session.absent_since` is in seconds since 1970 and NULL while its client is connected;
/// `sending_until` is the position up to which messages may have been sent.
///
/// What came with format 2 is in [`FORMAT_2`].
const TABLES: &str = "
    CREATE TABLE session (
        id            INTEGER PRIMARY KEY,
        client        TEXT NOT NULL UNIQUE,
        absent_since  INTEGER,
        sending_until INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE subscription (
        session INTEGER NOT NULL,
        filter  TEXT NOT NULL,
        qos     INTEGER NOT NULL,
        PRIMARY KEY (session, filter)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE message (
        number  INTEGER PRIMARY KEY,
        topic   TEXT NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE TABLE owed (
        session  INTEGER NOT NULL,
        position INTEGER NOT NULL,
        message  INTEGER,
        qos      INTEGER NOT NULL,
        retain   INTEGER NOT NULL,
        PRIMARY KEY (session, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE receiving (
        session   INTEGER NOT NULL,
        packet_id INTEGER NOT NULL,
        PRIMARY KEY (session, packet_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE retained (
        topic   TEXT PRIMARY KEY,
        payload BLOB NOT NULL,
        qos     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE will (
        connection INTEGER PRIMARY KEY,
        topic      TEXT NOT NULL,
        payload    BLOB NOT NULL,
        qos        INTEGER NOT NULL,
        retain     INTEGER NOT NULL
    ) STRICT;
";

/// What MQTT 5 adds. `expires_after` and `lifetime` are in seconds and NULL for ever, `expires_at`
/// and `due_at` in milliseconds since 1970, `properties` are JSON and NULL if there are none.
const FORMAT_2: &str = "
    ALTER TABLE session ADD COLUMN expires_after INTEGER;
    ALTER TABLE subscription ADD COLUMN no_local INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE subscription ADD COLUMN retain_as_published INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE message ADD COLUMN expires_at INTEGER;
    ALTER TABLE message ADD COLUMN properties TEXT;
    ALTER TABLE retained ADD COLUMN expires_at INTEGER;
    ALTER TABLE retained ADD COLUMN properties TEXT;
    ALTER TABLE will ADD COLUMN properties TEXT;
    ALTER TABLE will ADD COLUMN lifetime INTEGER;
    ALTER TABLE will ADD COLUMN delay INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE will ADD COLUMN session INTEGER;
    CREATE TABLE delayed_will (
        session    INTEGER PRIMARY KEY,
        due_at     INTEGER NOT NULL,
        topic      TEXT NOT NULL,
        payload    BLOB NOT NULL,
        qos        INTEGER NOT NULL,
        retain     INTEGER NOT NULL,
        properties TEXT,
        lifetime   INTEGER
    ) STRICT;
";

/// How long to wait for a broker that is just ending.
const PATIENCE: Duration = Duration::from_secs(2);
/// Pages in the write-ahead log before they move to the file: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4_000;
/// What the log is cut down to after it was longer.
const LOG_BYTES: i64 = 64 * 1024 * 1024;
const STATEMENTS: usize = 32;

/// Looks whether the file is ours before anything in it is changed, makes the tables in an empty
/// one, and adds to those of an older one what has come since.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let of = |error| StoreError::of(path, error);
    connection.busy_timeout(PATIENCE).map_err(of)?;
    // Two brokers on one file would be the end of it.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(of)?;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(of);
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(of)?;
    let empty = tables == 0 && application == 0 && found == 0;
    if !empty && application != APPLICATION_ID {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    if found > FORMAT {
        return Err(StoreError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    set_up(connection).map_err(of)?;
    if empty {
        change_tables(connection, &[TABLES, FORMAT_2]).map_err(of)?;
    } else if found < FORMAT {
        change_tables(connection, &[FORMAT_2]).map_err(of)?;
    }
    Ok(())
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// All or nothing.
fn change_tables(connection: &Connection, changes: &[&str]) -> rusqlite::Result<()> {
    let changes = changes.concat();
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {changes} PRAGMA application_id = {APPLICATION_ID}; \
         PRAGMA user_version = {FORMAT}; COMMIT;"
    ))
}
