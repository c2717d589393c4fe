//! Running programs under `write-trace` and reading what it wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::time::{ClockId, clock_gettime};
use tempfile::TempDir;

use super::disk::{self, Disk, Image};
use crate::binary;
use crate::torture::SeededRandom;

#[allow(dead_code, unreachable_pub, missing_docs)]
#[path = "../../../write-trace/src/event.rs"]
pub(super) mod event;

use event::Event;

/// Where the traces of a folder's programs go.
#[derive(Debug)]
pub struct Logs {
    watched: PathBuf,
    preload: PathBuf,
    logs: TempDir,
}

impl Logs {
    /// Traces of what is written to `folder`.
    pub fn of(folder: &Path) -> Self {
        let watched = fs::canonicalize(folder).unwrap();
        Self { watched, preload: binary("libwrite_trace.so"), logs: TempDir::new().unwrap() }
    }

    /// What a program to be traced needs in its environment.
    pub fn environment(&self) -> Vec<(&'static str, &Path)> {
        vec![
            ("LD_PRELOAD", &self.preload),
            ("WRITE_TRACE_FOLDER", &self.watched),
            ("WRITE_TRACE_LOG", self.logs.path()),
        ]
    }

    /// Reads the traces; the programs have ended.
    pub fn read(&self) -> Trace {
        let mut events = Vec::new();
        for log in fs::read_dir(self.logs.path()).unwrap() {
            let bytes = fs::read(log.unwrap().path()).unwrap();
            let mut rest = bytes.as_slice();
            while let Some((event, after)) = Event::decode(rest) {
                // The publisher's runtime folder is a tmpfs: power takes it all.
                events.extend((!event.path.starts_with("run/")).then_some(event));
                rest = after;
            }
        }
        assert!(!events.is_empty(), "nothing was traced");
        events.sort_by_key(|event| event.at_ns);
        Trace { events }
    }
}

/// Everything that was written and synced, in order.
#[derive(Debug)]
pub struct Trace {
    events: Vec<Event>,
}

impl Trace {
    /// The disk as it could be if power went at a moment of the monotonic clock, in nanoseconds.
    pub fn image(&self, at_ns: u64, disk: Disk, chance: &mut SeededRandom) -> Image {
        disk::image(&self.events, at_ns, disk, chance)
    }

    /// Syncs, by file.
    pub fn syncs(&self) -> BTreeMap<&str, u64> {
        let mut syncs = BTreeMap::new();
        for event in self.events.iter().filter(|event| matches!(event.change, event::Change::Synced(_))) {
            *syncs.entry(event.path.as_str()).or_default() += 1;
        }
        syncs
    }

    /// Writes and syncs of a file: a database that is checkpointed has its own, besides its
    /// log's.
    pub fn of(&self, path: &str) -> (usize, usize) {
        let all = self.events.iter().filter(|event| event.path == path);
        let syncs = all.clone().filter(|event| matches!(event.change, event::Change::Synced(_)));
        (all.clone().filter(|event| matches!(event.change, event::Change::Write(..))).count(), syncs.count())
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds, the clock of the traces.
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
