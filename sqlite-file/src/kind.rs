//! What tells one kind of file from all others.

use std::time::Duration;

use rusqlite::Transaction;

use crate::progress::Progress;

/// What brings a file from one format to the next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Statements.
    Sql(&'static str),
    /// What cannot be said in SQL, or takes so long that it is to be seen how far it is.
    Code(fn(&Transaction<'_>, &mut Progress) -> rusqlite::Result<()>),
}

/// What tells one kind of file from all others, and how it is opened.
#[derive(Debug)]
pub struct FileKind {
    /// What people call it, for messages: `ledger`.
    pub name: &'static str,
    /// The program that makes the file and brings it up to date.
    pub writer: &'static str,
    /// The setting that says where the file is.
    pub setting: &'static str,
    /// SQLite's `application_id`, not 0.
    pub application_id: i32,
    /// From each format to the next one: the first makes the tables in an empty file, which is then of
    /// format 1. All that a file needs are one transaction.
    pub steps: &'static [Step],
    /// How long to wait while another process holds the file.
    pub patience: Duration,
    /// Whether nobody else may have the file open, not even for reading.
    pub exclusive: bool,
    /// Whether a new file can give back what it no longer needs a few pages at a time, while others write. For that,
    /// SQLite keeps a page in a thousand more, and has to write it, too, where a page is new or free.
    pub incremental_vacuum: bool,
}
