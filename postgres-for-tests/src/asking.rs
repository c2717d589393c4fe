//! What a database says.

use std::path::Path;

use postgres::{Client, NoTls, SimpleQueryMessage};

/// Executes statements at an address.
pub fn execute(address: &str, sql: &str) {
    Client::connect(address, NoTls).unwrap().batch_execute(sql).unwrap();
}

/// The rows that a query finds at an address, as text; nothing is "".
pub fn rows(address: &str, sql: &str) -> Vec<Vec<String>> {
    in_words(&Client::connect(address, NoTls).unwrap().simple_query(sql).unwrap())
}

/// The same, or `None` where the server does not answer, or there are no tables yet.
pub fn try_rows(address: &str, sql: &str) -> Option<Vec<Vec<String>>> {
    Some(in_words(&Client::connect(address, NoTls).ok()?.simple_query(sql).ok()?))
}

fn in_words(found: &[SimpleQueryMessage]) -> Vec<Vec<String>> {
    let of_row = |row: &postgres::SimpleQueryRow| -> Vec<String> {
        (0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect()
    };
    let rows = found.iter().filter_map(|said| match said {
        SimpleQueryMessage::Row(row) => Some(of_row(row)),
        _ => None,
    });
    rows.collect()
}

/// A name for a ledger that belongs to a folder.
pub fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap().to_string_lossy();
    name.bytes().fold("t".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}
