//! A recorder with its ledger, and what is on its way to it.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

use meter_ledger::Ledger;
use meter_messages::{Minute, OutboxId};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use rumqttc::Publish;
use rusqlite::{Connection, OptionalExtension};
use tempfile::TempDir;

const LIMITS: Limits = Limits { max_meters: 100 };

pub(super) struct Recorder {
    ledger: PathBuf,
    backup: PathBuf,
    /// None while it does not run.
    bookkeeping: Option<Bookkeeping>,
    /// What is on its way to it.
    pub(super) queue: VecDeque<Publish>,
    /// The highest marks that it has said from the ledger that it has.
    said: HashMap<OutboxId, u64>,
}

impl Recorder {
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        let ledger = folder.join(format!("{name}.sqlite"));
        std::fs::write(&ledger, empty_ledger()).unwrap();
        Self {
            ledger,
            backup: folder.join(format!("{name}-backup.sqlite")),
            bookkeeping: None,
            queue: VecDeque::new(),
            said: HashMap::new(),
        }
    }

    /// Panics if the ledger does not hold what was said of it.
    pub(super) fn start(&mut self) {
        self.stop();
        let ledger = Ledger::open(&self.ledger).unwrap();
        for (outbox, said) in &self.said {
            let held = self.mark_of(outbox);
            assert!(held >= *said, "the mark of {outbox} was said to be {said}, and is {held} in the ledger");
        }
        let time = PlausibleTime::new(true);
        self.bookkeeping = Some(Bookkeeping::new(ledger, flume::unbounded().0, LIMITS, time).unwrap());
    }

    pub(super) fn stop(&mut self) {
        self.bookkeeping = None;
    }

    pub(super) fn runs(&self) -> bool {
        self.bookkeeping.is_some()
    }

    /// Commits, and returns what is to be said.
    pub(super) fn record(&mut self, inputs: &[Input], now: Instant) -> Output {
        let Some(bookkeeping) = &mut self.bookkeeping else { return Output::default() };
        let output = bookkeeping.record(inputs, None, now).unwrap();
        for (_, mark) in &output.marks {
            let said = self.said.entry(mark.outbox.clone()).or_default();
            *said = mark.seq.max(*said);
        }
        output
    }

    /// Takes some of what is on its way out of the broker's queue.
    pub(super) fn take(&mut self, messages: usize, from: usize) -> Vec<Publish> {
        let from = if self.queue.is_empty() { 0 } else { from % self.queue.len() };
        let end = self.queue.len().min(from + messages);
        self.queue.drain(from..end).collect()
    }

    /// What was not acknowledged is delivered again, first.
    pub(super) fn put_back(&mut self, messages: Vec<Publish>) {
        for message in messages.into_iter().rev() {
            self.queue.push_front(message);
        }
    }

    pub(super) fn back_up(&self) {
        copy(&self.ledger, &self.backup);
    }

    /// Puts the backup in the ledger's place; false if there is none.
    pub(super) fn restore(&mut self) -> bool {
        if !self.backup.exists() {
            return false;
        }
        self.stop();
        let name = self.ledger.to_str().unwrap();
        for file in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
            let _ = std::fs::remove_file(file);
        }
        std::fs::copy(&self.backup, &self.ledger).unwrap();
        self.said.clear();
        true
    }

    /// Loses everything that was committed in `work`, as if power had failed on a disk that lies, and keeps
    /// what was said of it.
    pub(super) fn forgetting<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let kept = self.backup.with_extension("kept");
        let own = std::mem::replace(&mut self.backup, kept);
        self.back_up();
        let done = work(self);
        let said = self.said.clone();
        self.restore();
        self.said = said;
        self.backup = own;
        done
    }

    fn read(&self) -> Connection {
        Connection::open(&self.ledger).unwrap()
    }

    fn mark_of(&self, outbox: &OutboxId) -> u64 {
        let mark =
            self.read().query_row("SELECT mark_seq FROM outbox WHERE name = ?1", [outbox.as_str()], |row| {
                row.get(0)
            });
        mark.optional().unwrap().unwrap_or(0)
    }

    /// Minutes, their pulses, and in how many rows.
    pub(super) fn recorded(&self) -> HashMap<Minute, (u32, u32)> {
        let ledger = self.read();
        let mut rows =
            ledger.prepare("SELECT minute, sum(pulses), count(*) FROM every_minute GROUP BY minute").unwrap();
        let rows = rows.query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?)))).unwrap();
        rows.map(|row| row.unwrap()).map(|(at, is)| (Minute::from_epoch_minutes(at).unwrap(), is)).collect()
    }
}

/// A ledger without meters: to make its tables takes longer than most histories.
fn empty_ledger() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let [ledger, empty] = ["ledger.sqlite", "empty.sqlite"].map(|name| folder.path().join(name));
        drop(Ledger::open(&ledger).unwrap());
        copy(&ledger, &empty);
        std::fs::read(empty).unwrap()
    })
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_file(to);
    let ledger = Connection::open(from).unwrap();
    ledger.execute("VACUUM INTO ?1", [to.to_str().unwrap()]).unwrap();
}

pub(super) fn input(message: Publish) -> Input {
    Input::Message(Delivered { connection: 1, message })
}
