//! What a server knows of one connection.
//!
//! Whoever asks waits for the answer, and has the connection go on meanwhile. A thread of an asynchronous program must not
//! wait, and there the runtime refuses to: such a thread has another one wait for it.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};

use crate::home::error::{Result, SqlError};
use crate::home::server::Server;
use crate::home::value::Value;

/// After so long without an answer the server is asked by another connection whether it is there at all.
const SILENCE: Duration = Duration::from_secs(3);

/// A goodbye takes no longer.
const GOODBYE: Duration = Duration::from_secs(1);

type Answer<T> = std::result::Result<T, Error>;

/// A connection, and the statements that the server has prepared for it.
pub(crate) struct Session {
    /// Before the line is dropped: each of them holds it.
    ahead: Vec<Ahead>,
    line: Line,
    statements: HashMap<Arc<str>, Statement>,
}

/// A question that is on its way, and whose answer nobody waits for yet.
struct Ahead {
    sql: Arc<str>,
    numbers: Vec<i64>,
    coming: Pin<Box<dyn Future<Output = Answer<Vec<Row>>> + Send>>,
    /// Once it has come.
    answer: Option<Answer<Vec<Row>>>,
}

impl Ahead {
    /// Takes in what has come of the answer. The connection reads no others before somebody takes it.
    fn look(&mut self, context: &mut Context<'_>) {
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.coming.as_mut().poll(context)
        {
            self.answer = Some(answer);
        }
    }

    fn is(&self, sql: &Arc<str>, values: &[Value<'_>]) -> bool {
        Arc::ptr_eq(&self.sql, sql)
            && self.numbers.iter().map(|number| Value::Integer(*number)).eq(values.iter().copied())
    }
}

impl Session {
    pub(crate) fn new(server: Server) -> Result<Self> {
        Ok(Self { ahead: Vec::new(), line: Line::new(server)?, statements: HashMap::new() })
    }

    pub(crate) fn execute(&mut self, sql: &Arc<str>, params: &[&(dyn ToSql + Sync)]) -> Result<usize> {
        let statement = self.prepared(sql)?;
        let client = self.line.client()?;
        Ok(self.line.wait(&mut self.ahead, client.execute(&statement, params))? as usize)
    }

    pub(crate) fn query(&mut self, sql: &Arc<str>, values: &[Value<'_>]) -> Result<Vec<Row>> {
        if let Some(at) = self.ahead.iter().position(|ahead| ahead.is(sql, values)) {
            let asked = self.ahead.swap_remove(at);
            return match asked.answer {
                Some(answer) => Ok(answer?),
                None => self.line.wait(&mut self.ahead, asked.coming),
            };
        }
        let statement = self.prepared(sql)?;
        let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        let client = self.line.client()?;
        self.line.wait(&mut self.ahead, client.query(&statement, &params))
    }

    /// Asks what is a [`query`](Self::query) afterwards, and does not wait for its answer.
    pub(crate) fn ask_ahead(&mut self, sql: &Arc<str>, numbers: &[i64]) -> Result<()> {
        let (statement, client, numbers) = (self.prepared(sql)?, self.line.client()?, numbers.to_vec());
        // As a query has them: the server may take some for smaller numbers.
        let values: Vec<Value<'static>> = numbers.iter().copied().map(Value::Integer).collect();
        let coming = Box::pin(async move {
            let params: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            client.query(&statement, &params).await
        });
        let mut ahead = Ahead { sql: sql.clone(), numbers, coming, answer: None };
        // It is sent, in its turn, by being looked at.
        ahead.look(&mut Context::from_waker(Waker::noop()));
        self.ahead.push(ahead);
        Ok(())
    }

    /// Statements without parameters.
    pub(crate) fn simple(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        self.ahead.clear();
        let client = self.line.client()?;
        self.line.wait(&mut self.ahead, client.simple_query(sql))
    }

    /// The first word of the first row that is found.
    pub(crate) fn word(&mut self, sql: &str) -> Result<Option<String>> {
        let said = self.simple(sql)?;
        Ok(said.iter().find_map(|said| match said {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        }))
    }

    /// Ends a transaction, if one is open. Where that fails, the server does it when the connection ends.
    pub(crate) fn roll_back(&mut self) {
        if !self.is_lost() {
            _ = self.simple(ROLL_BACK);
        }
    }

    /// The same of one that has changed nothing: nobody waits for it.
    pub(crate) fn leave(&mut self) {
        self.ahead.clear();
        _ = self.line.say(ROLL_BACK);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.line.is_lost()
    }

    fn prepared(&mut self, sql: &Arc<str>) -> Result<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let (text, types) = translated(sql);
        let client = self.line.client()?;
        let statement = self.line.wait(&mut self.ahead, client.prepare_typed(&text, &types))?;
        self.statements.insert(sql.clone(), statement.clone());
        Ok(statement)
    }
}

const ROLL_BACK: &str = "ROLLBACK";

/// The connection itself.
struct Line {
    server: Server,
    /// Until it is dropped.
    open: Option<Open>,
    /// Nothing is heard of the server any more.
    is_silent: bool,
}

struct Open {
    client: Arc<Client>,
    going: JoinHandle<Answer<()>>,
    runtime: Runtime,
}

impl Line {
    fn new(server: Server) -> Result<Self> {
        let open = apart(|| {
            let runtime = Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| SqlError::Address(format!("connecting: {error}")))?;
            let (client, going) = runtime.block_on(server.connect())?;
            let going = runtime.spawn(going);
            Ok::<_, SqlError>(Open { client: Arc::new(client), going, runtime })
        })?;
        Ok(Self { server, open: Some(open), is_silent: false })
    }

    fn client(&self) -> Result<Arc<Client>> {
        self.open.as_ref().map(|open| open.client.clone()).ok_or(SqlError::Lost)
    }

    fn is_lost(&self) -> bool {
        self.is_silent || self.open.as_ref().is_none_or(|open| open.client.is_closed())
    }

    /// Waits for an answer for as long as the server is there, and takes in what comes before it.
    fn wait<T: Send>(
        &mut self,
        ahead: &mut [Ahead],
        answer: impl Future<Output = Answer<T>> + Send,
    ) -> Result<T> {
        let Some(Open { runtime, .. }) = &self.open else { return Err(SqlError::Lost) };
        let server = &self.server;
        let mut answer = pin!(answer);
        let answer = poll_fn(|context| {
            ahead.iter_mut().for_each(|ahead| ahead.look(context));
            answer.as_mut().poll(context)
        });
        let answered = apart(|| {
            runtime.block_on(async {
                tokio::select! {
                    answered = answer => Ok(answered?),
                    () = is_gone(server) => Err(SqlError::Silent),
                }
            })
        });
        self.is_silent = matches!(answered, Err(SqlError::Silent));
        answered
    }

    /// Says something that nobody waits for.
    fn say(&self, sql: &str) -> Result<()> {
        let Some(Open { client, runtime, .. }) = &self.open else { return Err(SqlError::Lost) };
        apart(|| {
            runtime.block_on(async {
                let mut said = pin!(client.batch_execute(sql));
                poll_fn(|context| Poll::Ready(_ = said.as_mut().poll(context))).await;
                // It is the connection's turn to send it.
                tokio::task::yield_now().await;
            });
        });
        Ok(())
    }
}

/// Waits until a server says nothing any more, to nobody.
async fn is_gone(server: &Server) {
    loop {
        sleep(SILENCE).await;
        if !server.is_there().await {
            return;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let (open, is_silent) = (self.open.take(), self.is_silent);
        apart(|| {
            let Some(Open { client, going, runtime }) = open else { return };
            // It says goodbye.
            drop(client);
            if !is_silent {
                _ = runtime.block_on(async { timeout(GOODBYE, going).await });
            }
        });
    }
}

/// Does something that waits for the server.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if Handle::try_current().is_err() {
        return work();
    }
    let done = std::thread::scope(|scope| scope.spawn(work).join());
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How many parameters a statement has: the highest number that it names.
pub(crate) fn parameter_count(sql: &str) -> usize {
    translated(sql).1.len()
}

/// A statement as PostgreSQL writes it: `?1` is `$1`. It finds the types of parameters by itself, but for those that the
/// statement does not name.
fn translated(sql: &str) -> (String, Vec<Type>) {
    let (mut text, mut types) = (String::with_capacity(sql.len()), Vec::new());
    let mut parts = sql.split('?');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if let Some(at) = part[..digits].parse::<usize>().ok().and_then(|number| number.checked_sub(1)) {
            if types.len() <= at {
                types.resize(at + 1, Type::INT8);
            }
            types[at] = Type::UNKNOWN;
        }
        text.push('$');
        text.push_str(part);
    }
    (text, types)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_not_named_is_a_whole_number() {
        let (text, types) = translated("UPDATE day SET meter = ?12 WHERE meter = ?1");
        assert_eq!(text, "UPDATE day SET meter = $12 WHERE meter = $1");
        assert_eq!(types.len(), 12);
        assert_eq!([&types[0], &types[1], &types[11]], [&Type::UNKNOWN, &Type::INT8, &Type::UNKNOWN]);
        assert_eq!(parameter_count("SELECT 1"), 0);
    }
}
