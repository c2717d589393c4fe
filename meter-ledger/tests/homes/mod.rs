//! Where a test's ledger lives: in a file, or in PostgreSQL where the test is one of the program `postgresql`.
#![allow(dead_code)]

use std::path::Path;

use meter_ledger::LedgerHome;
use postgres_for_tests::{Server, name_of};
use rusqlite::Connection;
use rusqlite::types::Value;

/// Whether it is PostgreSQL.
pub(crate) const IS_DATABASE: bool = matches!(env!("CARGO_CRATE_NAME").as_bytes(), b"postgresql");

/// How many cases a test of properties tries: a database is slower than a file, and the code above it is the same.
pub(crate) fn cases(of_file: u32) -> u32 {
    if IS_DATABASE { of_file.div_ceil(4) } else { of_file }
}

/// The home of the ledger that belongs to a folder.
pub(crate) fn home(folder: &Path) -> LedgerHome {
    if IS_DATABASE { address(folder).parse().unwrap() } else { file(folder).into() }
}

fn address(folder: &Path) -> String {
    Server::shared().address(&name_of(folder))
}

fn file(folder: &Path) -> std::path::PathBuf {
    folder.join("ledger.sqlite")
}

/// Executes statements as somebody does who changes a ledger by hand.
pub(crate) fn by_hand(folder: &Path, sql: &str) {
    if IS_DATABASE {
        // As in a file, rows may refer to nothing then.
        let sql = format!("SET session_replication_role = replica; {sql}");
        return postgres_for_tests::execute(&address(folder), &sql);
    }
    let sql = format!("PRAGMA foreign_keys = OFF; {sql}");
    Connection::open(file(folder)).unwrap().execute_batch(&sql).unwrap();
}

/// The rows that other programs find, as text; nothing is "".
pub(crate) fn rows(folder: &Path, sql: &str) -> Vec<Vec<String>> {
    if IS_DATABASE {
        return postgres_for_tests::rows(&address(folder), sql);
    }
    let file = Connection::open(file(folder)).unwrap();
    let mut statement = file.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|column| row.get(column).map(text)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// The number that other programs find.
pub(crate) fn number(folder: &Path, sql: &str) -> i64 {
    rows(folder, sql)[0][0].parse().unwrap()
}

fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text,
        Value::Blob(bytes) => format!("{bytes:?}"),
    }
}
