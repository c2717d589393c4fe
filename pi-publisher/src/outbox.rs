//! The outbox: finished minutes on disk, from before they are first sent until
//! long after they were delivered.
//!
//! One SQLite file. Each meter has an account with its own random id and its
//! own `seq`, which counts from 1 without holes. A minute counts as delivered
//! once the recorder's mark covers it.

use std::path::Path;
use std::time::Duration;

use meter_messages::{MeterId, Minute, OutboxId, OutboxMinute, PulseCount, PulseTimes};
use rusqlite::{Connection, OptionalExtension, Row, params};
use sqlite_file::{FileKind, Step};

use crate::pulse_counter::{FinishedMinute, MinuteInProgress};
use crate::totals::counter_state::CounterState;

static OUTBOX: FileKind = FileKind {
    name: "outbox",
    writer: "pi-publisher",
    setting: "`state_dir`",
    application_id: 0x5077_4f62, // "PwOb"
    steps: &[
        Step::Sql(TABLES),
        Step::Sql(FORMAT_2),
        Step::Sql(FORMAT_3),
        Step::Sql(FORMAT_4),
        Step::Sql(FORMAT_5),
        Step::Sql(FORMAT_6),
        Step::Sql(FORMAT_7),
    ],
    patience: Duration::from_secs(5),
    exclusive: false,
    incremental_vacuum: false,
};

const TABLES: &str = "
    CREATE TABLE account (
        id      INTEGER PRIMARY KEY,
        meter   TEXT NOT NULL UNIQUE,
        outbox  TEXT NOT NULL,
        initial INTEGER NOT NULL,
        mark    INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE minute (
        account   INTEGER NOT NULL REFERENCES account (id),
        seq       INTEGER NOT NULL,
        minute    INTEGER NOT NULL,
        watched_s INTEGER NOT NULL,
        pulses    INTEGER NOT NULL,
        total     INTEGER NOT NULL,
        PRIMARY KEY (account, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE in_progress (
        account      INTEGER PRIMARY KEY REFERENCES account (id),
        minute       INTEGER NOT NULL,
        watched_ns   INTEGER NOT NULL,
        pulses       INTEGER NOT NULL,
        until_utc_ns INTEGER NOT NULL
    ) STRICT;
";

/// What format 2 has beyond format 1: a total that goes on from somewhere else (the
/// meter's own reading was set), and the meter constants, each with the first
/// minute (0: from the beginning) and the running count since which it holds.
const FORMAT_2: &str = "
    ALTER TABLE account ADD COLUMN set_total INTEGER;
    CREATE TABLE constant (
        account        INTEGER NOT NULL REFERENCES account (id),
        from_minute    INTEGER NOT NULL,
        from_total     INTEGER NOT NULL,
        pulses_per_kwh INTEGER NOT NULL,
        PRIMARY KEY (account, from_minute)
    ) STRICT, WITHOUT ROWID;
";

/// What format 3 has beyond format 2: constants need not be whole.
const FORMAT_3: &str = "
    UPDATE constant SET pulses_per_kwh = pulses_per_kwh * 1000000;
    ALTER TABLE constant RENAME COLUMN pulses_per_kwh TO millionths;
";

/// What format 4 has beyond format 3: when the first and the last pulse of a minute with few of them came, in ms after
/// its beginning.
const FORMAT_4: &str = "
    ALTER TABLE minute ADD COLUMN first_ms INTEGER;
    ALTER TABLE minute ADD COLUMN last_ms INTEGER;
";

/// What format 5 has beyond format 4: which meters were announced to Home Assistant, so that it can be taken back.
const FORMAT_5: &str = "
    ALTER TABLE account ADD COLUMN announced INTEGER NOT NULL DEFAULT 0;
";

/// What format 6 has beyond format 5: what of a counter's total has been turned into pulses, in JSON.
const FORMAT_6: &str = "
    CREATE TABLE counter (
        account INTEGER PRIMARY KEY REFERENCES account (id),
        state   TEXT NOT NULL
    ) STRICT;
";

/// What format 7 has beyond format 6: what the meters themselves showed, and the running count at which they did, see
/// `readings`. A total is not set any more; where an older version has set one, it goes on from there.
const FORMAT_7: &str = "
    CREATE TABLE reading (
        account  INTEGER NOT NULL REFERENCES account (id),
        said_s   INTEGER NOT NULL,
        shown    REAL NOT NULL,
        by       TEXT NOT NULL,
        replaced INTEGER NOT NULL,
        total    INTEGER NOT NULL,
        PRIMARY KEY (account, said_s)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE account ADD COLUMN has_readings INTEGER NOT NULL DEFAULT 0;
";

/// Why the outbox could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The file cannot be opened, or is not an outbox that this version knows.
    #[error(transparent)]
    Open(#[from] sqlite_file::OpenError),
    /// SQLite refused.
    #[error("outbox: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// A meter's place in the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub(crate) row: i64,
    /// The id under which its minutes are numbered.
    pub outbox: OutboxId,
    /// The last `seq` that is in; 0 before the first.
    pub last_seq: u64,
    /// The minute of `last_seq`.
    pub last_minute: Option<Minute>,
    /// The running count after `last_seq`.
    pub total: u64,
    /// The lowest `seq` that is still kept.
    pub oldest_seq: u64,
    /// Delivered up to this `seq`.
    pub mark: u64,
    /// The minute that was not over when the publisher stopped.
    pub in_progress: Option<MinuteInProgress>,
    /// Where the counter stands that its pulses are made of, if they are.
    pub counter: Option<CounterState>,
}

/// An open outbox, for one thread.
#[derive(Debug)]
pub struct Outbox {
    pub(crate) connection: Connection,
}

impl Outbox {
    /// Opens the outbox in a folder; creates it if there is none.
    pub fn open(state_dir: &Path) -> Result<Self, OutboxError> {
        Ok(Self { connection: OUTBOX.open(&state_dir.join("outbox.sqlite"))? })
    }

    /// Opens an existing outbox to read from it beside the running publisher.
    pub fn open_read_only(state_dir: &Path) -> Result<Self, OutboxError> {
        Ok(Self { connection: OUTBOX.open_read_only(&state_dir.join("outbox.sqlite"))? })
    }

    /// A meter's account; a new one begins at `initial_total`.
    pub fn account(&mut self, meter: &MeterId, initial_total: u64) -> Result<Account, OutboxError> {
        self.connection.execute(
            "INSERT INTO account (meter, outbox, initial) VALUES (?1, lower(hex(randomblob(8))), ?2)
             ON CONFLICT DO NOTHING",
            params![meter.as_str(), initial_total],
        )?;
        Ok(self.existing_account(meter)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// A meter's account, if it has one.
    pub fn existing_account(&self, meter: &MeterId) -> Result<Option<Account>, OutboxError> {
        let account = self.connection.query_row(
            "SELECT id, outbox, initial, mark, set_total FROM account WHERE meter = ?1",
            [meter.as_str()],
            |row| {
                let outbox: String = row.get(1)?;
                let set_total: Option<u64> = row.get(4)?;
                Ok((row.get::<_, i64>(0)?, outbox, row.get(2)?, row.get(3)?, set_total))
            },
        );
        let Some((row, outbox, initial, mark, set_total)) = account.optional()? else { return Ok(None) };
        let newest = self.connection.query_row(
            "SELECT minute, watched_s, seq, pulses, total FROM minute WHERE account = ?1 ORDER BY seq DESC LIMIT 1",
            [row],
            pulse_count,
        );
        let newest = newest.optional()?;
        let oldest: Option<u64> =
            self.connection
                .query_row("SELECT min(seq) FROM minute WHERE account = ?1", [row], |row| row.get(0))?;
        Ok(Some(Account {
            row,
            outbox: outbox.parse().map_err(|_| rusqlite::Error::InvalidQuery)?,
            last_seq: newest.map_or(0, |newest| newest.seq),
            last_minute: newest.map(|newest| newest.minute),
            total: set_total.unwrap_or_else(|| newest.map_or(initial, |newest| newest.total)),
            oldest_seq: oldest.unwrap_or(1),
            mark,
            in_progress: self.in_progress(row)?,
            counter: self.counter(row)?,
        }))
    }

    fn counter(&self, account: i64) -> Result<Option<CounterState>, OutboxError> {
        let state =
            self.connection.query_row("SELECT state FROM counter WHERE account = ?1", [account], |row| {
                row.get::<_, String>(0)
            });
        let state = state.optional()?.map(|state| serde_json::from_str(&state));
        Ok(state.transpose().map_err(|_| rusqlite::Error::InvalidQuery)?)
    }

    /// All meters that have an account, also those that are no longer in the settings.
    pub fn meters(&self) -> Result<Vec<MeterId>, OutboxError> {
        self.ids("SELECT meter FROM account ORDER BY id")
    }

    /// Those that were announced to Home Assistant.
    pub fn announced(&self) -> Result<Vec<MeterId>, OutboxError> {
        self.ids("SELECT meter FROM account WHERE announced ORDER BY id")
    }

    /// Notes that all meters are announced to Home Assistant, before they are.
    pub fn note_announced(&mut self) -> Result<(), OutboxError> {
        self.connection.execute("UPDATE account SET announced = 1 WHERE NOT announced", [])?;
        Ok(())
    }

    fn ids(&self, query: &str) -> Result<Vec<MeterId>, OutboxError> {
        let mut meters = self.connection.prepare(query)?;
        let ids = meters.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    fn in_progress(&self, account: i64) -> Result<Option<MinuteInProgress>, OutboxError> {
        let row = self.connection.query_row(
            "SELECT minute, watched_ns, pulses, until_utc_ns FROM in_progress WHERE account = ?1",
            [account],
            |row| {
                Ok(MinuteInProgress {
                    minute: Minute::nearest(row.get(0)?),
                    watched_ns: row.get(1)?,
                    pulses: row.get(2)?,
                    until_utc_ns: row.get(3)?,
                    // The tmpfs file has them; the minute of a boot or power cut says none.
                    times_ms: None,
                })
            },
        );
        Ok(row.optional()?)
    }

    /// Puts finished minutes of some meters in, together with the minutes that
    /// go on from there and the marks, in one commit. When this returns they
    /// are on disk, the accounts stand where the minutes end, and the entries
    /// are empty.
    pub fn append(&mut self, entries: &mut [Entry]) -> Result<(), OutboxError> {
        let transaction = self.connection.transaction()?;
        let reached =
            entries.iter().map(|entry| enter(&transaction, entry)).collect::<Result<Vec<_>, _>>()?;
        transaction.commit()?;
        for (entry, (last_seq, total)) in entries.iter_mut().zip(reached) {
            (entry.account.last_seq, entry.account.total) = (last_seq, total);
            if let Some(newest) = entry.finished.last() {
                entry.account.last_minute = Some(newest.minute);
            }
            entry.finished.clear();
        }
        Ok(())
    }

    /// Up to `limit` minutes after `seq`, in order.
    pub fn after(&self, account: &Account, seq: u64, limit: usize) -> Result<Vec<KeptMinute>, OutboxError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT minute, watched_s, seq, pulses, total, first_ms, last_ms FROM minute
             WHERE account = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        )?;
        let counts = statement.query_map(params![account.row, seq, limit], KeptMinute::of)?;
        Ok(counts.collect::<Result<_, _>>()?)
    }

    /// Drops delivered minutes from before `keep_from`; the newest stays, so
    /// that `seq` and total are known. Returns the lowest `seq` still kept.
    pub fn prune(&mut self, account: &Account, keep_from: Minute) -> Result<u64, OutboxError> {
        self.connection.execute(
            "DELETE FROM minute WHERE account = ?1 AND minute < ?2
             AND seq <= ?3
             AND seq < (SELECT max(seq) FROM minute WHERE account = ?1)",
            params![account.row, keep_from.epoch_minutes(), account.mark],
        )?;
        let oldest: Option<u64> = self.connection.query_row(
            "SELECT min(seq) FROM minute WHERE account = ?1",
            [account.row],
            |row| row.get(0),
        )?;
        Ok(oldest.unwrap_or(1))
    }
}

/// A minute in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptMinute {
    /// What was counted.
    pub count: PulseCount,
    /// When its pulses came, if they are few and it is known.
    pub times: Option<PulseTimes>,
}

impl KeptMinute {
    fn of(row: &Row<'_>) -> Result<Self, rusqlite::Error> {
        let count = pulse_count(row)?;
        let (first_ms, last_ms): (Option<u32>, Option<u32>) = (row.get(5)?, row.get(6)?);
        let times =
            first_ms.zip(last_ms).and_then(|(first, last)| PulseTimes::new(count.pulses, first, last));
        Ok(Self { count, times })
    }
}

/// What one meter puts into the outbox.
#[derive(Debug)]
pub struct Entry {
    /// Its account.
    pub account: Account,
    /// Minutes that are over, ascending.
    pub finished: Vec<FinishedMinute>,
    /// The minute that goes on after them.
    pub in_progress: Option<MinuteInProgress>,
}

/// Writes an entry; returns the `seq` and total it reaches.
fn enter(transaction: &Connection, entry: &Entry) -> Result<(u64, u64), rusqlite::Error> {
    let account = &entry.account;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO minute (account, seq, minute, watched_s, pulses, total, first_ms, last_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let (mut seq, mut total) = (account.last_seq, account.total);
    for finished in &entry.finished {
        seq += 1;
        total += u64::from(finished.pulses);
        let (minute, watched_s) = (finished.minute.epoch_minutes(), finished.watched_s);
        let (first_ms, last_ms) =
            (finished.times.map(PulseTimes::first_ms), finished.times.map(PulseTimes::last_ms));
        let pulses = finished.pulses;
        insert.execute(params![account.row, seq, minute, watched_s, pulses, total, first_ms, last_ms])?;
    }
    match &entry.in_progress {
        Some(now) => transaction
            .prepare_cached("INSERT OR REPLACE INTO in_progress VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                account.row,
                now.minute.epoch_minutes(),
                now.watched_ns,
                now.pulses,
                now.until_utc_ns
            ])?,
        None => transaction
            .prepare_cached("DELETE FROM in_progress WHERE account = ?1")?
            .execute([account.row])?,
    };
    if let Some(counter) = &account.counter {
        // Plain numbers and text: this does not fail.
        let state = serde_json::to_string(counter).unwrap_or_default();
        transaction
            .prepare_cached("INSERT OR REPLACE INTO counter VALUES (?1, ?2)")?
            .execute(params![account.row, state])?;
    }
    // A total that an older version has set goes on in the minutes from now on.
    transaction
        .prepare_cached(
            "UPDATE account SET mark = ?2, set_total = CASE WHEN ?3 THEN NULL ELSE set_total END WHERE id = ?1",
        )?
        .execute(params![account.row, account.mark, !entry.finished.is_empty()])?;
    Ok((seq, total))
}

/// Minutes of an outbox as they are sent, in order; `last` is the one before them, if it is known.
pub(crate) fn numbered(
    outbox: &OutboxId,
    last: Option<KeptMinute>,
    minutes: &[KeptMinute],
) -> impl Iterator<Item = OutboxMinute> {
    let before = std::iter::once(last).chain(minutes.iter().copied().map(Some));
    before.zip(minutes).map(|(last, minute)| OutboxMinute {
        times: minute.times,
        ..OutboxMinute::after(last.map(|last| last.count).as_ref(), minute.count, outbox.clone())
    })
}

fn pulse_count(row: &Row<'_>) -> Result<PulseCount, rusqlite::Error> {
    Ok(PulseCount {
        minute: Minute::nearest(row.get(0)?),
        watched_s: row.get(1)?,
        seq: row.get(2)?,
        pulses: row.get(3)?,
        total: row.get(4)?,
    })
}
