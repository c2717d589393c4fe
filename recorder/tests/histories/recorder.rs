//! A recorder with its ledger, and what is on its way to it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use meter_messages::{Minute, OutboxId};
use recorder::bookkeeping::{Bookkeeping, Delivered, Input, Limits, Output};
use recorder::plausible_time::PlausibleTime;
use rumqttc::Publish;
use rusqlite::{Connection, OptionalExtension};

use crate::ledger_file::{Contents, LedgerFile};

const LIMITS: Limits = Limits { max_meters: 100 };

pub(super) struct Recorder {
    /// Until it ends.
    file: Option<LedgerFile>,
    backup: Option<Contents>,
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
    /// Whether an older ledger was put in its place: it may have lost what its marks had covered.
    pub(super) was_restored: bool,
    /// What made room, or was destroyed, when the ledger had recorded it.
    relied_on: HashSet<Count>,
    /// What it need not have in the end: it was gone before the ledger had recorded it, or is since the ledger lost it.
    pub(super) need_not: HashSet<Count>,
}

/// Minute and total, by which what was counted is known.
pub(super) type Count = (Minute, u64);

/// A row of the ledger: its pulses and the seconds watched.
pub(super) type RecordedRow = (Count, (u32, u8));

impl Recorder {
    pub(super) fn new() -> Self {
        Self {
            file: Some(LedgerFile::take()),
            backup: None,
            bookkeeping: None,
            queue: VecDeque::new(),
            said: HashMap::new(),
            latest: None,
            is_full: false,
            connects_later: false,
            was_restored: false,
            relied_on: HashSet::new(),
            need_not: HashSet::new(),
        }
    }

    /// Panics if the ledger does not hold what was said of it.
    pub(super) fn start(&mut self) {
        self.stop();
        for (outbox, said) in self.said.clone() {
            let held = self.mark_of(&outbox);
            assert!(held >= said, "the mark of {outbox} was said to be {said}, and is {held} in the ledger");
        }
        let ledger = self.file_mut().ledger.take().unwrap();
        let time = PlausibleTime::new(true);
        self.bookkeeping = Some(Bookkeeping::new(ledger, flume::unbounded().0, LIMITS, time).unwrap());
    }

    pub(super) fn stop(&mut self) {
        if let Some(ended) = self.bookkeeping.take() {
            self.file_mut().ledger = Some(ended.into_ledger());
        }
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
        let tables = &self.file_mut().tables;
        let table = tables[table % tables.len()].clone();
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
        self.backup = Some(self.file_mut().contents().unwrap());
    }

    /// Puts the backup in the ledger's place; false if there is none.
    pub(super) fn restore(&mut self) -> bool {
        let Some(backup) = self.backup.clone() else { return false };
        self.make_room();
        self.stop();
        self.file_mut().put(&backup).unwrap();
        self.said.clear();
        self.was_restored = true;
        let held = self.held();
        self.need_not.extend(self.relied_on.extract_if(|count| !held.contains(count)));
        true
    }

    /// Minutes are gone that it may rely on nobody for any more; those that it does not hold it need not have in the
    /// end, if that `may_be`.
    pub(super) fn is_last_to_hold(&mut self, gone: &[Count], may_be: bool) {
        if gone.is_empty() {
            return;
        }
        let held = self.held();
        let (held, lacking): (Vec<&Count>, Vec<&Count>) =
            gone.iter().partition(|count| held.contains(*count));
        self.relied_on.extend(held);
        self.need_not.extend(lacking.into_iter().filter(|_| may_be));
    }

    /// What it has recorded or keeps aside.
    fn held(&mut self) -> HashSet<Count> {
        let aside: Vec<_> = self.read(|ledger| {
            let mut aside = ledger.prepare_cached("SELECT minute, total FROM aside")?;
            let aside = aside.query_map([], |row| Ok((Minute::nearest(row.get(0)?), row.get(1)?)))?;
            aside.collect()
        });
        self.recorded().into_iter().map(|(count, _)| count).chain(aside).collect()
    }

    /// Loses everything that was committed in `work`, as if power had failed on a disk that lies, and keeps
    /// what was said of it.
    pub(super) fn forgetting<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.make_room();
        let kept = self.file_mut().contents().unwrap();
        let done = work(self);
        self.stop();
        self.file_mut().put(&kept).unwrap();
        done
    }

    fn file_mut(&mut self) -> &mut LedgerFile {
        self.file.as_mut().unwrap()
    }

    fn read<T>(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        work(&self.file_mut().connection).unwrap()
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

impl Drop for Recorder {
    fn drop(&mut self) {
        // What a panic has left behind is of no use.
        if !std::thread::panicking() {
            self.make_room();
            self.stop();
            self.file.take().into_iter().for_each(LedgerFile::give_back);
        }
    }
}

pub(super) fn input(message: Publish) -> Input {
    Input::Message(Delivered { connection: 1, message })
}
