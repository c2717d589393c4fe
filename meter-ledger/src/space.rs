//! How much room there is for the ledger.

use std::path::Path;

use crate::LedgerHome;

/// Room on the ledger's disk, as far as it can be known.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// The ledger with its journal.
    pub ledger_bytes: Option<u64>,
    /// Free for it.
    pub free_bytes: Option<u64>,
}

impl Space {
    /// Of the disk that a ledger's file lies on. What a database takes is its server's business.
    pub fn around(home: &LedgerHome) -> Self {
        let Some(ledger) = home.file() else { return Self { ledger_bytes: None, free_bytes: None } };
        let size = |path: &Path| std::fs::metadata(path).ok().map(|file| file.len());
        let journal = ledger.with_extension("sqlite-wal");
        let folder =
            ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let disk = rustix::fs::statvfs(folder).ok();
        Self {
            ledger_bytes: size(ledger).map(|bytes| bytes + size(&journal).unwrap_or_default()),
            free_bytes: disk.map(|disk| disk.f_bavail * disk.f_frsize),
        }
    }
}
