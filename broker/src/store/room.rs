//! Whether there is room for more, some time before there is none.

use crate::store::Store;

/// How much room there must be.
#[derive(Debug)]
pub(super) struct RoomWanted {
    /// In the file; 0 for no limit.
    pub(super) max_bytes: u64,
    /// On the disk.
    pub(super) min_free_bytes: u64,
}

impl Store {
    /// Whether more messages should be taken. One that cannot tell has room: committing will tell.
    pub(super) fn has_room(&self) -> bool {
        let RoomWanted { max_bytes, min_free_bytes } = self.room;
        let in_file = max_bytes == 0 || self.used_bytes().is_none_or(|used| used < max_bytes);
        let disk = rustix::fs::statvfs(&self.path);
        in_file && disk.map_or(true, |disk| disk.f_bavail * disk.f_frsize >= min_free_bytes)
    }

    /// Bytes of the file that are in use.
    fn used_bytes(&self) -> Option<u64> {
        let pragma = |sql| -> rusqlite::Result<u64> {
            self.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))
        };
        let pages = pragma("PRAGMA page_count").ok()?.saturating_sub(pragma("PRAGMA freelist_count").ok()?);
        Some(pages * pragma("PRAGMA page_size").ok()?)
    }
}
