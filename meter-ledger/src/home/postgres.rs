//! A connection to PostgreSQL, or to what speaks as it does. If it is lost, the transaction that was open has not happened,
//! and the next one is given a new connection.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::ToSql;

use crate::home::answers::{Answers, Question};
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
    UPDATE ledger SET batches = batches + 1, handovers = handovers + 1 RETURNING batches, handovers, lease_changes";

/// The same of a recorder, which writes its own meters only.
const BEGIN_RECORDING: &str = "
    BEGIN;
    SET LOCAL idle_in_transaction_session_timeout = '5s';
    UPDATE ledger SET batches = batches + 1 RETURNING batches, handovers, lease_changes";

/// Connections after which an edition is another one: a server that takes over may count anew what was not there yet.
const EDITIONS_OF_CONNECTION: i64 = 1 << 40;

/// Who reads is told in the same breath how often was written until then, and whether there are imported times of which only the
/// sum is known. Without that each sum would ask for them, which is half of all that a page asks.
const BEGIN_READING: &str = "
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SELECT batches, EXISTS (SELECT 1 FROM imported_span) FROM ledger";

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
    /// How many connections there were after the first.
    connections: Cell<i64>,
    /// How many transactions have written, with the one that is open.
    batches: Counted,
    /// How many of them were of somebody who does not say which meters are written, or had a recorder take meters over.
    handovers: Counted,
    /// How often what recorders hold has changed, as of the transaction that is open.
    lease_changes: Cell<i64>,
    /// Whether there may be imported times, as of the transaction that is open.
    may_have_spans: Cell<bool>,
    /// What was answered, for those who only read.
    answers: Option<RefCell<Answers>>,
}

/// A number of the ledger's.
#[derive(Debug, Default)]
struct Counted {
    /// As of the transaction that is open.
    all: Cell<i64>,
    /// What that has added to it.
    added: Cell<i64>,
    /// What was committed here.
    own: Cell<i64>,
}

impl Counted {
    fn begin(&self, all: i64, added: i64) {
        self.all.set(all);
        self.added.set(added);
    }

    fn commit(&self) {
        self.own.set(self.own.get() + self.added.take());
    }

    /// How much of it others have added until the transaction began.
    fn of_others(&self) -> i64 {
        self.all.get() - self.own.get() - self.added.get()
    }
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
            connections: Cell::default(),
            batches: Counted::default(),
            handovers: Counted::default(),
            lease_changes: Cell::default(),
            may_have_spans: Cell::new(true),
            answers: None,
        }
    }

    /// One that asks nothing twice before somebody writes. What recorders say of themselves changes without that, so it is not for
    /// them.
    pub(crate) fn read_only(session: Session, connect: Connect) -> Self {
        Self { answers: Some(RefCell::default()), ..Self::new(session, connect) }
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

    pub(crate) fn query(
        &self,
        sql: &Arc<str>,
        values: &[Value<'_>],
    ) -> Result<Arc<Vec<tokio_postgres::Row>>> {
        self.write_pending()?;
        let answers = self.answers.as_ref().filter(|_| self.open.get() == Open::Reading);
        let Some((answers, question)) = answers.zip(Question::new(sql, values)) else {
            return self.ask(true, |session| session.query(sql, values)).map(Arc::new);
        };
        if let Some(known) = answers.borrow().get(&question) {
            return Ok(known);
        }
        let rows = Arc::new(self.ask(true, |session| session.query(sql, values))?);
        answers.borrow_mut().keep(question, &rows);
        Ok(rows)
    }

    /// Asks what is a [`query`](Self::query) afterwards. Within a transaction that writes, others come in between.
    pub(crate) fn ask_ahead(&self, sql: &str, numbers: &[i64]) -> Result<()> {
        if self.open.get() != Open::Reading {
            return Ok(());
        }
        let sql = self.known(sql);
        let values: Vec<Value<'_>> = numbers.iter().copied().map(Value::Integer).collect();
        let is_known = |answers: &RefCell<Answers>| {
            Question::new(&sql, &values).is_some_and(|question| answers.borrow().get(&question).is_some())
        };
        if self.answers.as_ref().is_some_and(is_known) {
            return Ok(());
        }
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

    /// Changes with what others have written; for a recorder, only where they do not say which meters, or have taken some over.
    pub(crate) fn edition(&self, is_recorder: bool) -> i64 {
        let counted = if is_recorder { &self.handovers } else { &self.batches };
        EDITIONS_OF_CONNECTION * self.connections.get() + counted.of_others()
    }

    /// Tells the other recorders that meters are written here from now on.
    pub(crate) fn hand_over(&self) -> Result<()> {
        self.execute(&self.known("UPDATE ledger SET handovers = handovers + 1"), &[])?;
        self.handovers.all.set(self.handovers.all.get() + 1);
        self.handovers.added.set(self.handovers.added.get() + 1);
        Ok(())
    }

    /// Changes with what recorders hold.
    pub(crate) fn lease_edition(&self) -> i64 {
        self.lease_changes.get()
    }

    /// Begins to write; `tells_all` where it is not said which meters.
    pub(crate) fn begin_writing(&self, tells_all: bool) -> Result<()> {
        let begin = if tells_all { BEGIN_WRITING } else { BEGIN_RECORDING };
        let begun = self.ask(true, |session| session.simple(begin).inspect_err(|_| session.roll_back()))?;
        let number = |column| {
            begun.iter().find_map(|said| match said {
                SimpleQueryMessage::Row(row) => row.get(column).and_then(|number| number.parse().ok()),
                _ => None,
            })
        };
        self.open.set(Open::Writing);
        if let (Some(batches), Some(handovers), Some(lease_changes)) = (number(0), number(1), number(2)) {
            self.batches.begin(batches, 1);
            self.handovers.begin(handovers, tells_all.into());
            self.lease_changes.set(lease_changes);
            return Ok(());
        }
        self.roll_back();
        Err(SqlError::Cell("the table \"ledger\" has no row".into()))
    }

    pub(crate) fn begin_reading(&self) -> Result<()> {
        let begun =
            self.ask(true, |session| session.simple(BEGIN_READING).inspect_err(|_| session.roll_back()))?;
        let row = begun.iter().find_map(|said| match said {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        self.may_have_spans.set(row.and_then(|row| row.get(1)) != Some("f"));
        if let Some(answers) = &self.answers {
            answers.borrow_mut().begin(row.and_then(|row| row.get(0)?.parse().ok()));
        }
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
            self.batches.commit();
            self.handovers.commit();
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
            slot => (slot.insert(self.connect_again()?), true),
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
        if again && is_free && !is_new { work(slot.insert(self.connect_again()?)) } else { result }
    }

    /// Another server may have written as often as the one before, and something else.
    fn connect_again(&self) -> Result<Session> {
        self.answers.iter().for_each(|answers| answers.borrow_mut().begin(None));
        self.connections.set(self.connections.get() + 1);
        (self.connect)()
    }
}

fn as_params<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as _).collect()
}
