//! A PostgreSQL server for tests: Debian's, in a folder of its own, reached by a Unix socket only, and ended when the test
//! program ends, however that ends.
#![allow(clippy::unwrap_used)]

mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls, SimpleQueryMessage};

use process::Process;

/// How long a server may take to start, also beside other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether what is committed is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    /// It is, as everywhere but in tests.
    Yes,
    /// It need not be: the server is not killed.
    No,
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    syncs: Syncs,
    process: Option<Process>,
}

impl Server {
    /// One for all tests of a program, which they share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Syncs::No))
    }

    /// One of a test's own.
    pub fn start(syncs: Syncs) -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        process::give_away(&folder);
        let data = folder.join("data");
        let arguments = ["-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = process::command("initdb").arg("-D").arg(&data).args(arguments).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { folder, syncs, process: None };
        server.start_again();
        server.client_of("postgres").batch_execute("CREATE DATABASE powerpi").unwrap();
        server
    }

    /// Starts it after it was killed.
    pub fn start_again(&mut self) {
        let mut command = process::command("postgres");
        let fsync = if self.syncs == Syncs::Yes { "fsync=on" } else { "fsync=off" };
        command.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        for setting in ["listen_addresses=", "shared_buffers=64MB", "max_connections=200", fsync] {
            command.args(["-c", setting]);
        }
        self.process = Some(Process::start(&command, &self.folder));
        let began = Instant::now();
        while let Err(error) = Client::connect(&self.url("postgres", ""), NoTls) {
            assert!(began.elapsed() < PATIENCE, "PostgreSQL does not start: {error}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills it as a power cut would end it, but for what the kernel has not brought to the disk yet.
    pub fn kill(&mut self) {
        let pid = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().to_owned();
        // Its children, too: they would go on for a moment, and none may come meanwhile.
        process::signal("-STOP", std::slice::from_ref(&pid));
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        let all: Vec<String> = children.split_whitespace().map(str::to_owned).chain([pid]).collect();
        process::signal("-9", &all);
        while all.iter().any(|pid| process::is_alive(pid)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process.take().unwrap().wait();
    }

    /// The address of a ledger of its own, by a name of small letters, digits and `_`.
    pub fn address(&self, name: &str) -> String {
        let of_client = self.url("powerpi", "");
        let mut client = Client::connect(&of_client, NoTls).unwrap();
        client.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {name}")).unwrap();
        self.url("powerpi", &format!("&options=-csearch_path%3D{name}"))
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn url(&self, database: &str, more: &str) -> String {
        format!("postgresql:///{database}?host={}&user=tester{more}", self.folder.display())
    }

    fn client_of(&self, database: &str) -> Client {
        Client::connect(&self.url(database, ""), NoTls).unwrap()
    }
}

/// Executes statements at an address.
pub fn execute(address: &str, sql: &str) {
    Client::connect(address, NoTls).unwrap().batch_execute(sql).unwrap();
}

/// The rows that a query finds at an address, as text; nothing is "".
pub fn rows(address: &str, sql: &str) -> Vec<Vec<String>> {
    let found = Client::connect(address, NoTls).unwrap().simple_query(sql).unwrap();
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
