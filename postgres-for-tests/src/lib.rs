//! A PostgreSQL server for tests: Debian's, in a folder of its own, reached by a Unix socket only, and ended when the test
//! program ends, however that ends.
#![allow(clippy::unwrap_used)]

mod asking;
mod process;
mod server;
mod standby;

pub use asking::{execute, name_of, rows, try_rows};
pub use server::{Server, Syncs};
pub use standby::Pair;
