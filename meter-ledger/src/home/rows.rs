//! What comes out of a statement: rows, and their columns.

use std::sync::Arc;

use rusqlite::types::ValueRef;

use crate::home::cell::Cell;
use crate::home::error::{Result, SqlError};
use crate::home::value::OwnedValue;

/// A row that a query has found.
#[derive(Debug)]
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> Row<'r> {
    /// What stands in a column, counted from 0.
    pub(crate) fn get<T: FromColumn>(&self, column: usize) -> Result<T> {
        match self {
            Self::Sqlite(row) => Ok(T::of_sqlite(row, column)?),
            Self::Postgres(row) => {
                let cell = row.try_get(column)?;
                T::of_cell(cell).ok_or_else(|| SqlError::Cell(format!("column {column} holds {cell:?}")))
            }
        }
    }

    /// All that stands in its columns.
    pub(crate) fn cells(&self) -> Result<Vec<OwnedValue>> {
        match self {
            Self::Sqlite(row) => {
                (0..row.as_ref().column_count()).map(|column| cell_of_file(row, column)).collect()
            }
            Self::Postgres(row) => {
                (0..row.len()).map(|column| Ok(cell_of_database(row.try_get(column)?))).collect()
            }
        }
    }

    /// A text, where it lies.
    pub(crate) fn text(&self, column: usize) -> Result<&'r str> {
        match self {
            Self::Sqlite(row) => {
                Ok(row.get_ref(column)?.as_str().map_err(|error| other_type(column, &error))?)
            }
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    /// Bytes, where they lie; `None` if there are none.
    pub(crate) fn bytes(&self, column: usize) -> Result<Option<&'r [u8]>> {
        match self {
            Self::Sqlite(row) => {
                let bytes = row.get_ref(column)?.as_blob_or_null();
                Ok(bytes.map_err(|error| other_type(column, &error))?)
            }
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }
}

fn cell_of_file(row: &rusqlite::Row<'_>, column: usize) -> Result<OwnedValue> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => OwnedValue::Null,
        ValueRef::Integer(number) => OwnedValue::Integer(number),
        ValueRef::Real(number) => OwnedValue::Real(number),
        text @ ValueRef::Text(_) => {
            OwnedValue::Text(text.as_str().map_err(|error| other_type(column, &error))?.to_owned())
        }
        ValueRef::Blob(bytes) => OwnedValue::Bytes(bytes.to_owned()),
    })
}

fn cell_of_database(cell: Cell<'_>) -> OwnedValue {
    match cell {
        Cell::Null => OwnedValue::Null,
        Cell::Integer(number) => OwnedValue::Integer(number),
        Cell::Real(number) => OwnedValue::Real(number),
        Cell::Text(text) => OwnedValue::Text(text.to_owned()),
        Cell::Bytes(bytes) => OwnedValue::Bytes(bytes.to_owned()),
    }
}

fn other_type(column: usize, error: &rusqlite::types::FromSqlError) -> SqlError {
    SqlError::Cell(format!("column {column}: {error}"))
}

/// The rows that a query finds, one after the other.
pub(crate) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    /// All of them, and how many were given.
    Postgres(Arc<Vec<tokio_postgres::Row>>, usize),
}

impl Rows<'_> {
    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows, given) => {
                *given += 1;
                Ok(rows.get(*given - 1).map(Row::Postgres))
            }
        }
    }
}

/// What is made of each row that a query finds.
pub(crate) struct Mapped<'s, F> {
    pub(crate) rows: Rows<'s>,
    pub(crate) make: F,
}

impl<T, F: FnMut(&Row<'_>) -> Result<T>> Iterator for Mapped<'_, F> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        let Self { rows, make } = self;
        rows.next().transpose().map(|row| row.and_then(|row| make(&row)))
    }
}

/// What can be in a column.
pub(crate) trait FromColumn: Sized {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Self>;

    /// `None` if it is something else.
    fn of_cell(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! columns {
    ($($type:ty: $pattern:pat => $made:expr;)*) => { $(
        impl FromColumn for $type {
            fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Self> {
                row.get(column)
            }

            fn of_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $pattern => $made,
                    _ => None,
                }
            }
        }
    )* };
}
columns! {
    i64: Cell::Integer(number) => Some(number);
    u64: Cell::Integer(number) => number.try_into().ok();
    u32: Cell::Integer(number) => number.try_into().ok();
    u8: Cell::Integer(number) => number.try_into().ok();
    bool: Cell::Integer(number) => Some(number != 0);
    f64: Cell::Real(number) => Some(number);
    String: Cell::Text(text) => Some(text.to_owned());
    Vec<u8>: Cell::Bytes(bytes) => Some(bytes.to_owned());
}

impl<T: FromColumn + rusqlite::types::FromSql> FromColumn for Option<T> {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Self> {
        row.get(column)
    }

    fn of_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::of_cell(cell).map(Some),
        }
    }
}
