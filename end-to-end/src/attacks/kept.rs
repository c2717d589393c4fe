//! What the programs keep: memory and disk.

use std::fs;
use std::path::Path;

use crate::Program;

/// KiB of memory of each program, and of the files that they write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Memory of the broker, without its program file.
    pub broker: u64,
    /// Of the recorder.
    pub recorder: u64,
    /// Of the pages.
    pub web: u64,
    /// The broker's store.
    pub store: u64,
    /// The recorder's ledger.
    pub ledger: u64,
    /// What all of them have written into their logs.
    pub logs: u64,
}

impl Kept {
    /// As it is now, of programs in this folder.
    pub(super) fn now(folder: &Path, [broker, recorder, web]: [&Program; 3]) -> Self {
        Self {
            broker: broker.anonymous_kib(),
            recorder: recorder.anonymous_kib(),
            web: web.anonymous_kib(),
            store: files_kib(folder, "broker.sqlite"),
            ledger: files_kib(folder, "ledger.sqlite"),
            logs: ["powerpi-broker.log", "powerpi-recorder.log", "powerpi-web.log"]
                .map(|log| files_kib(folder, log))
                .iter()
                .sum(),
        }
    }

    /// The larger one of each.
    pub(super) fn most(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// What is more than before.
    pub(super) fn beyond(self, before: Self) -> Self {
        self.each(before, u64::saturating_sub)
    }

    fn each(self, other: Self, of: fn(u64, u64) -> u64) -> Self {
        Self {
            broker: of(self.broker, other.broker),
            recorder: of(self.recorder, other.recorder),
            web: of(self.web, other.web),
            store: of(self.store, other.store),
            ledger: of(self.ledger, other.ledger),
            logs: of(self.logs, other.logs),
        }
    }

    /// Each with its name.
    pub(super) fn named(self) -> [(&'static str, u64); 6] {
        let Self { broker, recorder, web, store, ledger, logs } = self;
        [
            ("broker's memory", broker),
            ("recorder's memory", recorder),
            ("pages' memory", web),
            ("store", store),
            ("ledger", ledger),
            ("logs", logs),
        ]
    }
}

/// All files of a folder whose names begin so: a database has more than one.
fn files_kib(folder: &Path, name: &str) -> u64 {
    let files = fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let ours = files.filter(|file| file.file_name().to_string_lossy().starts_with(name));
    // One may be gone by now.
    ours.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>() / 1024
}
