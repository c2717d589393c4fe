//! Copies of a file that is in use, and whether a file is sound.

use std::fs::{File, OpenOptions};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// SQLite refused; a file that is there already is never replaced.
    #[error("copying: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The copy could not be brought to the disk.
    #[error("copying: {0}")]
    Disk(#[from] std::io::Error),
    /// The copy is not sound, and so the file it was made of is not.
    #[error("the copy is damaged ({0}), and so is the file that was copied")]
    Damaged(String),
}

/// Copies all that is committed into a new file, which is sound and on disk when this returns. The
/// file may be written meanwhile: the copy is one committed state. (SQLite's backup interface
/// begins again with every write of another process, and wants a feature more of rusqlite.)
///
/// # Errors
///
/// There must be no such file yet; on an error, what is of it is useless.
pub fn copy_to(connection: &Connection, path: &Path) -> Result<(), CopyError> {
    // Beside a file that is there, SQLite would take an empty one.
    OpenOptions::new().write(true).create_new(true).open(path)?;
    let name = path.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(path.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [name])?;
    let copy = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if let Some(damage) = integrity_check(&copy)? {
        return Err(CopyError::Damaged(damage));
    }
    drop(copy);
    File::open(path)?.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Reads the whole file; the first damage there is, in SQLite's words.
///
/// # Errors
///
/// The file cannot be read.
pub fn integrity_check(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}
