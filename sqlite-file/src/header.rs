//! What a file says it is.

use std::ffi::OsString;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::kind::FileKind;

/// The part of a file's head that tells its kind.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) application_id: i32,
    /// SQLite's `user_version`; 0 before the first step.
    pub(crate) format: usize,
    has_tables: bool,
}

impl Header {
    /// Looks at a file and changes nothing, neither in it nor beside it.
    pub(crate) fn of_file(path: &Path, kind: &FileKind) -> rusqlite::Result<Self> {
        // Looked at first: a log that is emptied in between has moved into the file.
        let log_is_used = path_with(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
        match Self::read(&immutable(path)?) {
            Ok(found) if found.application_id == 0 && log_is_used => {}
            Err(error) if log_is_used && error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {}
            found => return found,
        }
        // A file that was made and never closed has its head in the log, and one whose disk was full
        // when its log was to move into it makes sense with its log only.
        Self::read(&if kind.exclusive { alone(path, kind.patience) } else { read_only(path, kind.patience) }?)
    }

    /// Reads it through an open connection.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let application_id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let format = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
        let has_tables =
            connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
        // A negative one is nobody's, and newer than all that are known.
        Ok(Self { application_id, format: usize::try_from(format).unwrap_or(usize::MAX), has_tables })
    }

    /// Whether nobody has made anything of the file yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.application_id == 0 && self.format == 0 && !self.has_tables
    }
}

/// A file opened without locks, log and index. SQLite's own way is taken, because closing a file
/// that was opened beside it would drop the locks that SQLite has on it in the same process.
fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = "file://".to_owned();
    for byte in absolute.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            write!(uri, "%{byte:02x}").expect("a string takes all");
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags)
}

/// The name of a file beside another one.
pub(crate) fn path_with(path: &Path, ending: &str) -> std::path::PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// A file opened for us alone: SQLite's index of the log is then in memory, so this works on a full
/// disk. The log is left as it is.
fn alone(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(connection)
}

/// A file opened for reading while others write. SQLite's index of the log may be made beside it,
/// which is all that this changes.
pub(crate) fn read_only(path: &Path, patience: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(patience)?;
    Ok(connection)
}
