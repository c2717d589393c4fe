//! Files of ledgers. To make and open one, and to prepare its statements, takes longer than most histories: the next
//! history of a thread takes the file of the last one.

use std::cell::RefCell;
use std::path::PathBuf;

use meter_ledger::Ledger;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

thread_local! {
    /// Those that nobody uses now.
    static IDLE: RefCell<Vec<LedgerFile>> = const { RefCell::new(Vec::new()) };
}

/// An open ledger, and a second connection to its file.
pub(super) struct LedgerFile {
    /// None while it is somebody's.
    pub(super) ledger: Option<Ledger>,
    pub(super) connection: Connection,
    pub(super) tables: Vec<String>,
    _folder: TempDir,
}

/// All rows of all tables.
pub(super) type Contents = Vec<Vec<Vec<Value>>>;

impl LedgerFile {
    /// One that holds nothing.
    pub(super) fn take() -> Self {
        let idle = IDLE.with_borrow_mut(Vec::pop).filter(|idle| idle.ledger.is_some());
        let file = idle.unwrap_or_else(|| Self::create().unwrap());
        file.put(&vec![Vec::new(); file.tables.len()]).unwrap();
        file
    }

    /// Leaves it to the next one.
    pub(super) fn give_back(self) {
        IDLE.with_borrow_mut(|idle| idle.push(self));
    }

    fn create() -> rusqlite::Result<Self> {
        // Each commit is flushed to disk; a file system in memory makes that quick.
        let memory = PathBuf::from("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
        let path = folder.path().join("ledger.sqlite");
        let ledger = Some(Ledger::open(&path).unwrap());
        let connection = Connection::open(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.pragma_update(None, "foreign_keys", false)?;
        connection.pragma_update(None, "synchronous", "off")?;
        let tables =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name";
        let tables =
            connection.prepare(tables)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        Ok(Self { ledger, connection, tables, _folder: folder })
    }

    pub(super) fn contents(&self) -> rusqlite::Result<Contents> {
        let rows_of = |table: &String| -> rusqlite::Result<Vec<Vec<Value>>> {
            let mut rows = self.connection.prepare_cached(&format!("SELECT * FROM {table}"))?;
            let columns = rows.column_count();
            let rows = rows.query_map([], |row| {
                (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()
            })?;
            rows.collect()
        };
        self.tables.iter().map(rows_of).collect()
    }

    /// Puts these in the place of what is there, as another program would.
    pub(super) fn put(&self, contents: &[Vec<Vec<Value>>]) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        for (table, rows) in self.tables.iter().zip(contents) {
            transaction.prepare_cached(&format!("DELETE FROM {table}"))?.execute([])?;
            for row in rows {
                let places = vec!["?"; row.len()].join(", ");
                let insert = format!("INSERT INTO {table} VALUES ({places})");
                transaction.prepare_cached(&insert)?.execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()
    }
}
