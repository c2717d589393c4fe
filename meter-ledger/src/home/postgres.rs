//! A connection to PostgreSQL, or to what speaks as it does. If it is lost, the transaction that was open has not happened,
//! and the next one is given a new connection.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::ToSql;

use crate::home::bulk::Bulk;
use crate::home::error::{Result, SqlError};
use crate::home::savepoint::{BEGIN, RELEASE, ROLL_BACK};
use crate::home::session::Session;
use crate::home::value::Value;

/// How a connection is made.
pub(crate) type Connect = Box<dyn Fn() -> Result<Session> + Send>;

/// Rows that wait to be written together: so many of seven numbers are 1 MB.
const MOST_PENDING: usize = 10_000;

/// Who writes takes this row, so that nobody else does until its transaction is over; its numbers tell whether somebody
/// else has written since, and what recorders hold. A writer that stops in the midst of it does not stop the others for long.
const BEGIN_WRITING: &str = "
    BEGIN;
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    UPDATE ledger SET batches = batches + 1 RETURNING batches, lease_changes";

/// Who reads is told in the same breath whether there are imported times of which only the sum is known. Without that each
/// sum would ask for them, which is half of all that a page asks.
const BEGIN_READING: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT EXISTS (SELECT 1 FROM imported_span)";

/// Which transaction is open.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Open {
    No,
    Reading,
    Writing,
    /// A statement has failed. PostgreSQL would end it without an error, and nothing of it would have happened.
    Failed,
}

/// A connection, for one thread.
pub(crate) struct Postgres {
    connect: Connect,
    session: RefCell<Option<Session>>,
    open: Cell<Open>,
    pending: RefCell<Vec<Pending>>,
    texts: RefCell<HashSet<Arc<str>>>,
    /// How many transactions have written, with the one that is open.
    batches: Cell<i64>,
    /// How many of these were committed here.
    own_batches: Cell<i64>,
    /// How often what recorders hold has changed, as of the transaction that is open.
    lease_changes: Cell<i64>,
    /// Whether there may be imported times, as of the transaction that is open.
    may_have_spans: Cell<bool>,
}

/// Rows that are still to be written, by columns.
struct Pending {
    bulk: &'static Bulk,
    columns: Vec<Vec<Option<i64>>>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Postgres").field("open", &self.open).finish_non_exhaustive()
    }
}

impl Postgres {
    pub(crate) fn new(session: Session, connect: Connect) -> Self {
        Self {
            connect,
            session: RefCell::new(Some(session)),
            open: Cell::new(Open::No),
            pending: RefCell::default(),
            texts: RefCell::default(),
            batches: Cell::default(),
            own_batches: Cell::default(),
            lease_changes: Cell::default(),
            may_have_spans: Cell::new(true),
        }
    }

    /// A statement's text, kept for the next time.
    pub(crate) fn known(&self, sql: &str) -> Arc<str> {
        let mut texts = self.texts.borrow_mut();
        if let Some(known) = texts.get(sql) {
            return known.clone();
        }
        let text: Arc<str> = sql.into();
        texts.insert(text.clone());
        text
    }

    pub(crate) fn execute(&self, sql: &Arc<str>, values: &[Value<'_>]) -> Result<usize> {
        self.write_pending()?;
        self.ask(false, |session| session.execute(sql, &as_params(values)))
    }

    pub(crate) fn query(&self, sql: &Arc<str>, values: &[Value<'_>]) -> Result<Vec<tokio_postgres::Row>> {
        self.write_pending()?;
        self.ask(true, |session| session.query(sql, values))
    }

    /// Asks what is a [`query`](Self::query) afterwards. Within a transaction that writes, others come in between.
    pub(crate) fn ask_ahead(&self, sql: &str, numbers: &[i64]) -> Result<()> {
        if self.open.get() != Open::Reading {
            return Ok(());
        }
        let sql = self.known(sql);
        self.ask(false, |session| session.ask_ahead(&sql, numbers))
    }

    /// Statements whose text has no parameters, which may be several.
    pub(crate) fn execute_all(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.write_pending()?;
        self.ask(false, |session| session.simple(sql))
    }

    /// Writes a row with the next ones of its kind.
    pub(crate) fn bulk(&self, bulk: &'static Bulk, values: &[Value<'_>]) -> Result<()> {
        let numbers = values.iter().map(|value| match value {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            other => Err(SqlError::Cell(format!("{other:?} cannot be kept"))),
        });
        let numbers: Vec<Option<i64>> = numbers.collect::<Result<_>>()?;
        let mut all = self.pending.borrow_mut();
        let known = all.iter().position(|known| std::ptr::eq(known.bulk, bulk));
        let at = known.unwrap_or_else(|| {
            all.push(Pending { bulk, columns: vec![Vec::new(); numbers.len()] });
            all.len() - 1
        });
        let columns = &mut all[at].columns;
        columns.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        let is_full = columns.first().is_some_and(|column| column.len() >= MOST_PENDING);
        drop(all);
        if is_full { self.write_pending() } else { Ok(()) }
    }

    fn write_pending(&self) -> Result<()> {
        for Pending { bulk, columns } in self.pending.take() {
            let params: Vec<&(dyn ToSql + Sync)> = columns.iter().map(|column| column as _).collect();
            let sql = self.known(bulk.many);
            self.ask(false, |session| session.execute(&sql, &params))?;
        }
        Ok(())
    }

    /// Whether no transaction is open.
    pub(crate) fn is_free(&self) -> bool {
        self.open.get() == Open::No
    }

    /// Changes with what others have written.
    pub(crate) fn edition(&self) -> i64 {
        self.batches.get() - self.own_batches.get()
    }

    /// Changes with what recorders hold.
    pub(crate) fn lease_edition(&self) -> i64 {
        self.lease_changes.get()
    }

    pub(crate) fn begin_writing(&self) -> Result<()> {
        let begun =
            self.ask(true, |session| session.simple(BEGIN_WRITING).inspect_err(|_| session.roll_back()))?;
        let number = |column| {
            begun.iter().find_map(|said| match said {
                SimpleQueryMessage::Row(row) => row.get(column).and_then(|number| number.parse().ok()),
                _ => None,
            })
        };
        self.open.set(Open::Writing);
        if let (Some(batches), Some(lease_changes)) = (number(0), number(1)) {
            self.batches.set(batches);
            self.lease_changes.set(lease_changes);
            return Ok(());
        }
        self.roll_back();
        Err(SqlError::Cell("the table \"ledger\" has no row".into()))
    }

    pub(crate) fn begin_reading(&self) -> Result<()> {
        let begun =
            self.ask(true, |session| session.simple(BEGIN_READING).inspect_err(|_| session.roll_back()))?;
        let has_none = |said: &SimpleQueryMessage| match said {
            SimpleQueryMessage::Row(row) => row.get(0) == Some("f"),
            _ => false,
        };
        self.may_have_spans.set(!begun.iter().any(has_none));
        self.open.set(Open::Reading);
        Ok(())
    }

    /// Whether there may be imported times of which only the sum is known.
    pub(crate) fn may_have_spans(&self) -> bool {
        self.open.get() != Open::Reading || self.may_have_spans.get()
    }

    pub(crate) fn commit(&self) -> Result<()> {
        self.write_pending()?;
        if self.open.get() == Open::Failed {
            return Err(SqlError::Failed);
        }
        self.ask(false, |session| session.simple("COMMIT"))?;
        if self.open.replace(Open::No) == Open::Writing {
            self.own_batches.set(self.own_batches.get() + 1);
        }
        Ok(())
    }

    pub(crate) fn roll_back(&self) {
        self.pending.take();
        let was_open = self.open.replace(Open::No);
        match &mut *self.session.borrow_mut() {
            Some(session) if was_open == Open::Reading => session.leave(),
            Some(session) => session.roll_back(),
            None => {}
        }
    }

    /// Does something that may fail. Then nothing of it has happened, and the transaction goes on.
    pub(crate) fn attempt<T, E: From<SqlError>>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let before = self.open.get();
        self.execute_all(BEGIN)?;
        let result = work().and_then(|done| self.write_pending().map(|()| done).map_err(E::from));
        let has_failed = self.open.get() == Open::Failed;
        if result.is_ok() && !has_failed {
            self.execute_all(RELEASE)?;
            return result;
        }
        self.pending.take();
        self.execute_all(ROLL_BACK)?;
        self.open.set(before);
        result.and_then(|_| Err(SqlError::Failed.into()))
    }

    /// Has a session do something; `again` if it may be done twice where the connection was lost and nothing had begun.
    fn ask<T>(&self, again: bool, mut work: impl FnMut(&mut Session) -> Result<T>) -> Result<T> {
        let mut slot = self.session.borrow_mut();
        let is_free = self.is_free();
        let (session, is_new) = match &mut *slot {
            Some(session) if !session.is_lost() => (session, false),
            _ if !is_free => return Err(SqlError::Lost),
            slot => (slot.insert((self.connect)()?), true),
        };
        let result = work(session);
        if result.is_ok() {
            return result;
        }
        if !is_free {
            self.open.set(Open::Failed);
        }
        if !session.is_lost() {
            return result;
        }
        *slot = None;
        if again && is_free && !is_new { work(slot.insert((self.connect)()?)) } else { result }
    }
}

fn as_params<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}
