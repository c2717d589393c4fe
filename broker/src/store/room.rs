//! Whether there is room for more, some time before there is none.

use std::path::Path;

use rusqlite::Connection;

/// Room in the store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreBytes {
    pub(crate) used: u64,
    pub(crate) free: u64,
}

/// How much room there must be.
#[derive(Debug)]
pub(super) struct RoomWanted {
    /// In the file; 0 for no limit.
    pub(super) max_bytes: u64,
    /// On the disk.
    pub(super) min_free_bytes: u64,
}

/// Bytes of the file. What is free in it stays free for new messages: the file does not shrink.
struct Pages {
    used: u64,
    free: u64,
}

impl RoomWanted {
    /// Whether more messages should be taken. One that cannot tell has room: committing will tell.
    pub(super) fn is_there(&self, connection: &Connection, path: &Path) -> bool {
        let has_room = || bytes(connection, path).is_none_or(|bytes| self.is_enough(bytes));
        has_room() || {
            // The log may hold more than the file needs. If it cannot be emptied, nothing is lost.
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            has_room()
        }
    }

    /// Whether this much is enough for more messages.
    pub(super) fn is_enough(&self, StoreBytes { used, free }: StoreBytes) -> bool {
        (self.max_bytes == 0 || used < self.max_bytes) && free >= self.min_free_bytes
    }
}

/// What is used of the file, and what is free in it and on its disk.
pub(super) fn bytes(connection: &Connection, path: &Path) -> Option<StoreBytes> {
    let pages = pages(connection).ok()?;
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(StoreBytes { used: pages.used, free: disk.f_bavail * disk.f_frsize + pages.free })
}

fn pages(connection: &Connection) -> rusqlite::Result<Pages> {
    let pragma =
        |sql| -> rusqlite::Result<u64> { connection.prepare_cached(sql)?.query_row([], |row| row.get(0)) };
    let size = pragma("PRAGMA page_size")?;
    let free = size * pragma("PRAGMA freelist_count")?;
    Ok(Pages { used: (size * pragma("PRAGMA page_count")?).saturating_sub(free), free })
}
