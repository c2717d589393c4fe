//! How a ledger in PostgreSQL is opened, and what is refused.

use std::collections::BTreeSet;

use meter_ledger::{Ledger, LedgerHome};
use postgres_for_tests::{Server, execute, rows};
use tempfile::TempDir;

fn database(name: &str) -> (String, LedgerHome) {
    let address = Server::shared().address(name);
    (address.clone(), address.parse().unwrap())
}

fn refusal(opened: Result<Ledger, meter_ledger::LedgerError>) -> String {
    opened.unwrap_err().to_string()
}

#[test]
fn only_a_writer_makes_tables_and_only_the_newest_format_is_read() {
    let (address, home) = database("formats");
    let said = refusal(Ledger::open_read_only(&home));
    assert!(said.contains("/powerpi is empty; start powerpi-recorder"), "{said}");
    assert_eq!(rows(&address, "SELECT to_regclass('meter')"), [[""]]);
    drop(Ledger::open(&home).unwrap());
    assert!(Ledger::open_read_only(&home).is_ok());
    for (format, words) in [("3", "start the new powerpi-recorder"), ("9999", "install a newer PowerPi")] {
        execute(&address, &format!("UPDATE ledger SET format = {format}"));
        let said = refusal(Ledger::open_read_only(&home));
        assert!(said.contains(words), "{said}");
    }
    let said = refusal(Ledger::open(&home));
    assert!(said.contains("has format 9999"), "{said}");
    assert_eq!(rows(&address, "SELECT format FROM ledger"), [["9999"]]);
}

#[test]
fn those_who_open_an_empty_database_at_once_make_one_ledger() {
    let (address, home) = database("at_once");
    std::thread::scope(|scope| {
        let open = || assert_eq!(Ledger::open(&home).unwrap().meters().unwrap(), []);
        (0..4).for_each(|_| _ = scope.spawn(open));
    });
    assert_eq!(rows(&address, "SELECT count(*) FROM ledger"), [["1"]]);
}

#[test]
fn tables_of_another_program_are_left_as_they_are() {
    let (address, home) = database("foreign_tables");
    execute(&address, "CREATE TABLE meter (id INTEGER)");
    let said = refusal(Ledger::open(&home));
    assert!(said.contains("\"meter\" already exists"), "{said}");
    assert_eq!(rows(&address, "SELECT to_regclass('ledger'), to_regclass('outbox')"), [["", ""]]);
}

#[test]
fn who_cannot_be_reached_is_named_with_what_to_do_and_without_a_password() {
    let home: LedgerHome = "postgresql://recorder:secret@127.0.0.1:1/powerpi".parse().unwrap();
    let said = refusal(Ledger::open(&home));
    assert!(said.starts_with("cannot open the ledger postgresql://127.0.0.1/powerpi: "), "{said}");
    assert!(said.contains("make sure that the server runs") && !said.contains("secret"), "{said}");
}

/// Of a home: each table with its columns, and what may be missing in them.
fn columns(found: Vec<Vec<String>>) -> BTreeSet<String> {
    found.into_iter().map(|row| row.join(" ")).collect()
}

/// A new format needs a step in both homes.
#[test]
fn both_homes_have_the_same_tables_and_the_same_format() {
    let (address, home) = database("both_homes");
    drop(Ledger::open(&home).unwrap());
    let folder = TempDir::new().unwrap();
    drop(Ledger::open(&folder.path().join("ledger.sqlite")).unwrap());
    let file = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
    let mut of_file = file
        .prepare(
            "SELECT tables.name, columns.name, columns.\"notnull\" OR columns.pk > 0 FROM sqlite_schema AS tables
             JOIN pragma_table_info(tables.name) AS columns
             WHERE tables.type IN ('table', 'view') AND tables.name NOT LIKE 'sqlite%'",
        )
        .unwrap();
    let of_file = of_file.query_map([], |row| {
        let is_needed: bool = row.get(2)?;
        Ok(vec![row.get(0)?, row.get(1)?, if is_needed { "NO" } else { "YES" }.to_owned()])
    });
    let of_file = columns(of_file.unwrap().collect::<Result<_, _>>().unwrap());
    let of_database = columns(rows(
        &address,
        "SELECT table_name, column_name, is_nullable FROM information_schema.columns
         WHERE table_schema = current_schema() AND table_name NOT IN ('ledger', 'recorder', 'lease', 'writer', 'alarm_watch', 'settings_version')
         AND column_name <> 'rowid'",
    ));
    assert!(of_file.len() > 100, "{of_file:?}");
    assert_eq!(of_file, of_database);
    let format: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(rows(&address, "SELECT format FROM ledger"), [[format.to_string()]]);
}
