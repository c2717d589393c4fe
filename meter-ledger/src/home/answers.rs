//! What a database has answered, for as long as nobody writes: a page asks much of it several times, and each time is a way
//! there and back.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::home::value::Value;

/// So much is kept, in bytes. All of it goes with the next minute that somebody records.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What a row takes beside its content.
const BYTES_OF_ROW: usize = 100;

/// A statement and its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    sql: Arc<str>,
    values: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Part {
    Null,
    Integer(i64),
    Text(String),
}

impl Question {
    /// `None` for those with other parameters, which pages do not ask.
    pub(crate) fn new(sql: &Arc<str>, values: &[Value<'_>]) -> Option<Self> {
        let values = values.iter().map(|value| match value {
            Value::Null => Some(Part::Null),
            Value::Integer(number) => Some(Part::Integer(*number)),
            Value::Text(text) => Some(Part::Text((*text).to_owned())),
            Value::TooLarge(_) | Value::Real(_) | Value::Bytes(_) => None,
        });
        Some(Self { sql: sql.clone(), values: values.collect::<Option<_>>()? })
    }
}

/// Answers that are all of one committed state.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// After how many transactions that have written.
    batches: Option<i64>,
    known: HashMap<Question, Arc<Vec<Row>>>,
    bytes: usize,
}

impl Answers {
    /// From now on questions are of this state.
    pub(crate) fn begin(&mut self, batches: Option<i64>) {
        if batches.is_none() || self.batches != batches {
            *self = Self { batches, ..Self::default() };
        }
    }

    pub(crate) fn get(&self, question: &Question) -> Option<Arc<Vec<Row>>> {
        self.known.get(question).cloned()
    }

    /// Keeps an answer if there is room for it.
    pub(crate) fn keep(&mut self, question: Question, rows: &Arc<Vec<Row>>) {
        let bytes = rows.iter().map(|row| row.raw_size_bytes() + BYTES_OF_ROW).sum::<usize>() + BYTES_OF_ROW;
        if self.batches.is_some() && self.bytes + bytes <= MOST_BYTES {
            self.bytes += bytes;
            self.known.insert(question, rows.clone());
        }
    }
}
