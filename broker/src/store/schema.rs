//! The tables, and how the file is opened.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use sqlite_file::{FileKind, OpenError, Step};

static STORE: FileKind = FileKind {
    name: "broker's store",
    writer: "broker",
    setting: "[store] path",
    application_id: 0x5077_4272, // "PwBr"
    steps: &[
        Step::Sql(TABLES),
        Step::Sql(FORMAT_2),
        Step::Sql(FORMAT_3),
        Step::Sql(FORMAT_4),
        Step::Sql(FORMAT_5),
        Step::Sql(FORMAT_6),
    ],
    // For a broker that is just ending.
    patience: Duration::from_secs(2),
    // Two brokers on one file would be the end of it.
    exclusive: true,
    incremental_vacuum: false,
};

/// `owed.message` is NULL once the client has recorded a QoS 2 message and PUBCOMP is missing;
/// `session.absent_since` is in seconds since 1970 and NULL while its client is connected;
/// `sending_until` is the position up to which messages may have been sent.
///
/// What came with later formats is in [`FORMAT_2`] to [`FORMAT_6`].
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

/// To whom it is charged: a user's name, or an address behind a slash; NULL if an earlier version
/// wrote it.
const FORMAT_3: &str = "
    ALTER TABLE session ADD COLUMN owner TEXT;
    ALTER TABLE retained ADD COLUMN owner TEXT;
    ALTER TABLE will ADD COLUMN owner TEXT;
    ALTER TABLE delayed_will ADD COLUMN owner TEXT;
";

/// The user who has published a message; NULL for all clients without one, or if an earlier version wrote it.
const FORMAT_4: &str = "
    ALTER TABLE message ADD COLUMN publisher TEXT;
";

/// Subscription identifiers; `identifiers` is a list in JSON, and NULL if there are none.
const FORMAT_5: &str = "
    ALTER TABLE subscription ADD COLUMN identifier INTEGER;
    ALTER TABLE owed ADD COLUMN identifiers TEXT;
";

/// The shared subscription in whose name a message is owed, as it was subscribed to; NULL if there is none.
const FORMAT_6: &str = "
    ALTER TABLE owed ADD COLUMN share TEXT;
";

/// What the log is cut down to after it was longer.
const LOG_BYTES: i64 = 64 * 1024 * 1024;
const STATEMENTS: usize = 32;

/// Opens the file. Its log moves into it whenever it has SQLite's usual 1,000 pages (4 MB), and all who wait for the
/// disk then wait for that, too: with 16 MB they waited 25 ms beside a publisher of large messages, with 4 MB 9 ms
/// (`make bench-attacks`).
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let connection = STORE.open(path)?;
    let shortened = connection.pragma_update(None, "journal_size_limit", LOG_BYTES);
    shortened.map_err(|error| OpenError::of(&STORE, path, error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}
