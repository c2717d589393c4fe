//! Several alarms programs beside a ledger in PostgreSQL: one of them has the watch.
//!
//! Who has it is a row, and in it lies what they know of alarms. The number of the watch goes up whenever it changes hands, so
//! who had it before changes nothing any more: all that is written names the number. Nobody's clock is compared.

use crate::LedgerError;
use crate::database;
use crate::home::{Address, Connection, OptionalRow, params};

/// Who has the watch, from when it was taken until it is taken by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watcher(i64);

/// What is seen of the watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchSeen {
    /// Who has it.
    pub watcher: Watcher,
    /// How many signs of life that one has given; `None` if it has left.
    pub signs: Option<u64>,
}

impl WatchSeen {
    /// As tests of what is decided by it need it.
    pub fn new(watcher: i64, signs: Option<u64>) -> Self {
        Self { watcher: Watcher(watcher), signs }
    }
}

/// The row, for one thread.
#[derive(Debug)]
pub struct AlarmWatch {
    connection: Connection,
}

impl AlarmWatch {
    /// Opens it in the ledger's database. The tables are made by the recorder.
    pub fn open(address: &Address) -> Result<Self, LedgerError> {
        let connection = Connection::Postgres(Box::new(database::open_beside(address)?));
        Ok(Self { connection })
    }

    /// Who has the watch.
    pub fn look(&self) -> Result<WatchSeen, LedgerError> {
        let look = "SELECT watcher, signs FROM alarm_watch WHERE id = 1";
        let seen = |watcher, signs| WatchSeen { watcher: Watcher(watcher), signs };
        Ok(self.connection.query_row(look, [], |row| Ok(seen(row.get(0)?, row.get(1)?)))?)
    }

    /// Takes the watch from who had left or had given no sign of life since it was seen; `None` if that is not so.
    pub fn take(&self, seen: WatchSeen) -> Result<Option<Watcher>, LedgerError> {
        let take = "UPDATE alarm_watch SET watcher = watcher + 1, signs = 0
                    WHERE watcher = ?1 AND signs IS NOT DISTINCT FROM ?2 RETURNING watcher";
        let taken = self.connection.query_row(take, params![seen.watcher.0, seen.signs], |row| row.get(0));
        Ok(taken.optional()?.map(Watcher))
    }

    /// What was kept last, if anything ever was.
    pub fn record(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.connection.query_row("SELECT record FROM alarm_watch WHERE id = 1", [], |row| row.get(0))?)
    }

    /// Gives a sign of life; false if the watch is another's.
    pub fn give_sign_of_life(&self, me: Watcher) -> Result<bool, LedgerError> {
        let give = "UPDATE alarm_watch SET signs = signs + 1 WHERE watcher = ?1 AND signs IS NOT NULL";
        Ok(self.connection.execute(give, [me.0])? > 0)
    }

    /// Keeps what is known of alarms, which is on disk then; false, and nothing has happened, if the watch is another's.
    pub fn keep(&self, me: Watcher, record: &str) -> Result<bool, LedgerError> {
        let keep =
            "UPDATE alarm_watch SET record = ?2, signs = signs + 1 WHERE watcher = ?1 AND signs IS NOT NULL";
        Ok(self.connection.execute(keep, params![me.0, record])? > 0)
    }

    /// Leaves the watch to others.
    pub fn leave(&self, me: Watcher) -> Result<(), LedgerError> {
        self.connection.execute("UPDATE alarm_watch SET signs = NULL WHERE watcher = ?1", [me.0])?;
        Ok(())
    }
}
