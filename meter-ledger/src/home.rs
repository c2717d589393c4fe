//! Where a ledger lives, and the thin edge under all that is asked of it: a SQLite file or a PostgreSQL database. The
//! rest of the crate says its SQL once, in what both understand, with parameters as `?1`, and knows neither.

mod address;
mod answers;
mod bulk;
mod cell;
mod connection;
mod error;
mod password_file;
mod postgres;
mod rows;
mod savepoint;
mod server;
mod session;
mod statement;
mod tls;
mod transaction;
mod value;

pub use address::{Address, AsLedgerHome, LedgerHome};
pub(crate) use bulk::Bulk;
pub(crate) use connection::Connection;
pub use error::SqlError;
pub(crate) use error::{OptionalRow, Result};
pub(crate) use postgres::{Connect, Postgres};
pub(crate) use rows::Row;
pub(crate) use session::Session;
pub(crate) use statement::Statement;
pub(crate) use transaction::Transaction;
pub(crate) use value::{ToValue, Value, params};
