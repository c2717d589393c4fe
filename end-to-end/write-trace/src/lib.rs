//! Writes down every write to a folder's files and every sync, for tests that ask what the disk
//! would hold if power went at some moment.
//!
//! Loaded into a program by `LD_PRELOAD` it stands before the C library's functions that change
//! files; each does its system call and then appends an [`event`] to this process's own trace.
//! SQLite and Rust's standard library go through these functions. What does not (a shared memory
//! mapping, such as SQLite's WAL index) is not traced, and so counts as not written: on the safe
//! side.
//!
//! `WRITE_TRACE_FOLDER` names the folder that is watched, `WRITE_TRACE_LOG` the folder that
//! traces go to; both absolute.

pub mod event;
mod interposed;
mod trace;
