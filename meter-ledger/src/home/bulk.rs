//! Statements of which many come one after the other, such as a row for each minute.

/// A statement whose parameters are whole numbers, or none. PostgreSQL is given many of them at once: each costs it a way
/// there and back, which SQLite has not.
#[derive(Debug)]
pub(crate) struct Bulk {
    /// For one row.
    pub(crate) one: &'static str,
    /// For many rows in PostgreSQL: its parameters are the columns, as arrays. They are unpacked in the list of columns: a
    /// server keeps a copy of all rows for what stands behind FROM.
    pub(crate) many: &'static str,
}
