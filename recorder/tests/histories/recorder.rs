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
    /// The latest minute that can be true by its clock; `None` while it does not know the time.
    pub(super) latest: Option<Minute>,
    /// Whether its ledger takes nothing: its disk is full.
    is_full: bool,
    /// Whether a full disk has kept it from saying its marks over a new connection.
    pub(super) connects_later: bool,
    /// Reads the ledger beside it.
    reader: Option<Connection>,
}

/// A row of the ledger: minute and total, by which it is known, its pulses and the seconds watched.
pub(super) type RecordedRow = ((Minute, u64), (u32, u8));

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
            latest: None,
            is_full: false,
            connects_later: false,
            reader: None,
        }
    }

    /// Panics if the ledger does not hold what was said of it.
    pub(super) fn start(&mut self) {
        // To open a file takes longer than all that most batches do: one that was not changed for another stays open.
        let ledger = match self.bookkeeping.take() {
            Some(ended) => ended.into_ledger(),
            None => Ledger::open(&self.ledger).unwrap(),
        };
        for (outbox, said) in self.said.clone() {
            let held = self.mark_of(&outbox);
            assert!(held >= said, "the mark of {outbox} was said to be {said}, and is {held} in the ledger");
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

    /// Commits, and returns what is to be said; `None` if its disk is full.
    pub(super) fn record(&mut self, inputs: &[Input], now: Instant) -> Option<Output> {
        let Some(bookkeeping) = &mut self.bookkeeping else { return Some(Output::default()) };
        let output = match bookkeeping.record(inputs, self.latest, now) {
            Ok(output) => output,
            Err(error) => {
                assert!(self.is_full, "{error}");
                return None;
            }
        };
        for (_, mark) in &output.marks {
            let said = self.said.entry(mark.outbox.clone()).or_default();
            *said = mark.seq.max(*said);
        }
        Some(output)
    }

    /// From now on the ledger takes nothing in one of its tables, so that a batch fails in its midst or at its end.
    pub(super) fn fill_disk(&mut self, table: usize) {
        self.make_room();
        let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
        let tables: Vec<String> =
            self.read(|ledger| ledger.prepare(tables)?.query_map([], |row| row.get(0))?.collect());
        let table = &tables[table % tables.len()];
        self.is_full = true;
        // Not RAISE: that is a constraint of rows, of which one meter may have spoilt ones.
        let triggers = ["INSERT", "UPDATE"].map(|change| {
            format!("CREATE TRIGGER full_{change} BEFORE {change} ON {table} BEGIN SELECT abs(-9223372036854775808); END;")
        });
        self.read(|ledger| ledger.execute_batch(&triggers.concat()));
    }

    pub(super) fn make_room(&mut self) {
        if std::mem::take(&mut self.is_full) {
            self.read(|ledger| ledger.execute_batch("DROP TRIGGER full_INSERT; DROP TRIGGER full_UPDATE;"));
        }
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

    pub(super) fn back_up(&mut self) {
        self.make_room();
        self.read(all_in_one_file);
        std::fs::copy(&self.ledger, &self.backup).unwrap();
    }

    /// Puts the backup in the ledger's place; false if there is none.
    pub(super) fn restore(&mut self) -> bool {
        if !self.backup.exists() {
            return false;
        }
        self.make_room();
        self.stop();
        self.reader = None;
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

    fn read<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        work(self.reader.get_or_insert_with(|| Connection::open(&self.ledger).unwrap())).unwrap()
    }

    fn mark_of(&mut self, outbox: &OutboxId) -> u64 {
        let mark = self.read(|ledger| {
            let mut mark = ledger.prepare_cached("SELECT mark_seq FROM outbox WHERE name = ?1")?;
            mark.query_row([outbox.as_str()], |row| row.get(0)).optional()
        });
        mark.unwrap_or(0)
    }

    /// All that is in the ledger.
    pub(super) fn recorded(&mut self) -> Vec<RecordedRow> {
        let minute = |at| Minute::from_epoch_minutes(at).unwrap();
        self.read(|ledger| {
            let mut rows =
                ledger.prepare_cached("SELECT minute, total, pulses, watched_s FROM every_minute")?;
            let rows = rows
                .query_map([], |row| Ok(((minute(row.get(0)?), row.get(1)?), (row.get(2)?, row.get(3)?))))?;
            rows.collect()
        })
    }
}

/// A ledger without meters: to make its tables takes longer than most histories.
fn empty_ledger() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        let ledger = folder.path().join("ledger.sqlite");
        drop(Ledger::open(&ledger).unwrap());
        all_in_one_file(&Connection::open(&ledger).unwrap()).unwrap();
        std::fs::read(ledger).unwrap()
    })
}

/// Moves what is in the log to the ledger's file, which can be copied then.
fn all_in_one_file(ledger: &Connection) -> rusqlite::Result<()> {
    let is_busy = ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    assert!(!is_busy, "the ledger is in use");
    Ok(())
}

pub(super) fn input(message: Publish) -> Input {
    Input::Message(Delivered { connection: 1, message })
}
