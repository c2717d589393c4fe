//! Copying a ledger from one home to another while it is written: all of one committed state, in one transaction, which is
//! read again and compared before it is committed.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Ledger;
use crate::error::LedgerError;
use crate::home::{Connection, ToValue, Value};
use crate::tables::{TABLES, Table};

/// Rows that are written by one statement.
const AT_ONCE: usize = 100;

/// Why a ledger was not copied. Then the other one is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyingError {
    /// One of them has failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Something is in the other one.
    #[error("something is in the ledger that is copied to; `--replace` puts the copy in their place")]
    NotEmpty,
    /// What was written is not what was read.
    #[error("the copy differs in the table \"{0}\"; it was not kept")]
    Differs(&'static str),
}

impl From<crate::home::SqlError> for CopyingError {
    fn from(error: crate::home::SqlError) -> Self {
        Self::Ledger(error.into())
    }
}

/// Rows, whatever their order: how many, and what they say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Content {
    rows: u64,
    said: u64,
}

impl Content {
    fn add(&mut self, row: &[Value<'_>]) {
        let mut hasher = DefaultHasher::new();
        row.iter().for_each(|value| match value {
            Value::Null => 0.hash(&mut hasher),
            Value::Integer(number) => (1, number).hash(&mut hasher),
            Value::TooLarge(number) => (2, number).hash(&mut hasher),
            Value::Real(number) => (3, number.to_bits()).hash(&mut hasher),
            Value::Text(text) => (4, text).hash(&mut hasher),
            Value::Bytes(bytes) => (5, bytes).hash(&mut hasher),
        });
        self.rows += 1;
        self.said = self.said.wrapping_add(hasher.finish());
    }
}

impl Ledger {
    /// Copies all of this ledger into another one; `replace` puts it in the place of what is there. Calls `progress` with
    /// the rows that are done and how many there are, about. Returns how many were copied.
    ///
    /// # Errors
    /// If one of them fails, if the other one is not empty, or if the copy is not the same; then the other one is as it
    /// was.
    pub fn copy_into(
        &self,
        other: &mut Self,
        replace: bool,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<u64, CopyingError> {
        let _state = self.one_state()?;
        // Each row is read, written, and read again.
        let all = TABLES.iter().map(|table| rows_of(&self.connection, table)).sum::<Result<u64, _>>()? * 2;
        let mut batch = other.batch()?;
        batch.look_again()?;
        let to = batch.transaction();
        if replace {
            for table in TABLES.iter().rev() {
                to.execute(&format!("DELETE FROM {}", table.name), [])?;
            }
        }
        for table in TABLES {
            if to.query_row(&format!("SELECT EXISTS (SELECT 1 FROM {})", table.name), [], |row| row.get(0))? {
                return Err(CopyingError::NotEmpty);
            }
        }
        let mut done = 0;
        let mut step = |rows| {
            done += rows;
            progress(done, all);
        };
        let mut copied = 0;
        for table in TABLES {
            let (mut content, mut there) = (Content::default(), Content::default());
            for_each_part(&self.connection, table, &mut |rows| {
                rows.iter().for_each(|row| content.add(row));
                step(rows.len() as u64);
                write(to, table, rows)
            })?;
            for_each_part(to, table, &mut |rows| {
                rows.iter().for_each(|row| there.add(row));
                step(rows.len() as u64);
                Ok(())
            })?;
            if content != there {
                return Err(CopyingError::Differs(table.name));
            }
            if table.is_numbered {
                to.number_from_highest(table.name)?;
            }
            copied += content.rows;
        }
        batch.commit()?;
        Ok(copied)
    }
}

fn rows_of(connection: &Connection, table: &Table) -> Result<u64, LedgerError> {
    Ok(connection.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get(0))?)
}

/// Calls `take` with some rows of a table at a time.
fn for_each_part(
    connection: &Connection,
    table: &Table,
    take: &mut impl FnMut(&[Vec<Value<'_>>]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let Table { name, columns, .. } = table;
    let Some((others, column)) = table.by else {
        // A former name refers to its meter.
        let order = if *name == "meter" { " ORDER BY moved_to IS NOT NULL, id" } else { "" };
        return read(connection, &format!("SELECT {columns} FROM {name}{order}"), &[], take);
    };
    let ids = connection
        .prepare_cached(&format!("SELECT id FROM {others} ORDER BY id"))?
        .query_map([], |row| row.get(0))?
        .collect::<Result<Vec<i64>, _>>()?;
    let of_one = format!("SELECT {columns} FROM {name} WHERE {column} = ?1");
    ids.iter().try_for_each(|id| read(connection, &of_one, &[*id], take))
}

fn read(
    connection: &Connection,
    sql: &str,
    of: &[i64],
    take: &mut impl FnMut(&[Vec<Value<'_>>]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(of)?;
    loop {
        let mut part = Vec::with_capacity(AT_ONCE);
        while part.len() < AT_ONCE {
            match rows.next()? {
                Some(row) => part.push(row.cells()?),
                None => break,
            }
        }
        let part: Vec<Vec<Value<'_>>> =
            part.iter().map(|row| row.iter().map(ToValue::to_value).collect()).collect();
        if !part.is_empty() {
            take(&part)?;
        }
        if part.len() < AT_ONCE {
            return Ok(());
        }
    }
}

fn write(to: &Connection, table: &Table, rows: &[Vec<Value<'_>>]) -> Result<(), LedgerError> {
    let columns = table.columns.split(',').count();
    let row = |number: usize| {
        let numbers: Vec<String> =
            (1..=columns).map(|column| format!("?{}", number * columns + column)).collect();
        format!("({})", numbers.join(", "))
    };
    let places: Vec<String> = (0..rows.len()).map(row).collect();
    let sql = format!("INSERT INTO {} ({}) VALUES {}", table.name, table.columns, places.join(", "));
    to.execute(&sql, &rows.concat()[..])?;
    Ok(())
}
