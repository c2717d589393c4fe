//! How PowerPi opens a SQLite file: the broker's store, the outbox and the ledger.
//!
//! A file is checked before anything about it changes, so that a wrong path harms no other
//! program's file. Only then it is set up (WAL, `synchronous=FULL`: what is committed is on disk)
//! and brought to the newest format: a copy of the older file is kept beside it.

mod copy;
mod error;
mod header;
mod kind;
mod opening;
mod progress;

pub use copy::{CopyError, copy_to, integrity_check};
pub use error::{OpenError, Reason};
pub use kind::{FileKind, Step};
pub use progress::Progress;
