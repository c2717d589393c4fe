//! What a server knows of one connection.
//!
//! The client waits for its answers. A thread of an asynchronous program must not, and there the client refuses to: such a
//! thread has another one ask for it.

use std::collections::HashMap;
use std::sync::Arc;

use postgres::types::{ToSql, Type};
use postgres::{Client, Row, SimpleQueryMessage, Statement};
use tokio::runtime::Handle;

use crate::home::error::{Result, SqlError};

/// A connection, and the statements that the server has prepared for it.
pub(crate) struct Session {
    /// Until it is dropped.
    client: Option<Client>,
    statements: HashMap<Arc<str>, Statement>,
}

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self { client: Some(client), statements: HashMap::new() }
    }

    pub(crate) fn execute(&mut self, sql: &Arc<str>, params: &[&(dyn ToSql + Sync)]) -> Result<usize> {
        apart(|| {
            let statement = self.prepared(sql)?;
            Ok(self.client()?.execute(&statement, params)? as usize)
        })
    }

    pub(crate) fn query(&mut self, sql: &Arc<str>, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        apart(|| {
            let statement = self.prepared(sql)?;
            Ok(self.client()?.query(&statement, params)?)
        })
    }

    /// Statements without parameters.
    pub(crate) fn simple(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>> {
        apart(|| Ok(self.client()?.simple_query(sql)?))
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
        _ = self.simple("ROLLBACK");
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.client.as_ref().is_none_or(Client::is_closed)
    }

    fn client(&mut self) -> Result<&mut Client> {
        self.client.as_mut().ok_or(SqlError::Lost)
    }

    fn prepared(&mut self, sql: &Arc<str>) -> Result<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let (text, types) = translated(sql);
        let statement = self.client()?.prepare_typed(&text, &types)?;
        self.statements.insert(sql.clone(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // It says goodbye.
        let client = self.client.take();
        apart(|| drop(client));
    }
}

/// Does something that waits for the server.
pub(crate) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
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
