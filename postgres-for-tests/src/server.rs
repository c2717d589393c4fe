//! One server.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use crate::process::{self, Process};

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
    pub(crate) folder: PathBuf,
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
        let mut server = Self { syncs, ..Self::nothing() };
        let data = server.folder.join("data");
        let arguments = ["-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        let made = process::command("initdb").arg("-D").arg(&data).args(arguments).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.start_again();
        server.client_of("postgres").batch_execute("CREATE DATABASE powerpi").unwrap();
        server
    }

    /// One that has nothing yet, and does not run.
    pub(crate) fn nothing() -> Self {
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap().keep();
        process::give_away(&folder);
        Self { folder, syncs: Syncs::Yes, process: None }
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
        let pid = self.pid();
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

    /// Stops all its processes for a while, or lets them go on.
    pub fn pause(&self, is_paused: bool) {
        let pid = self.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let all: Vec<String> = children.split_whitespace().map(str::to_owned).chain([pid]).collect();
        process::signal(if is_paused { "-STOP" } else { "-CONT" }, &all);
    }

    fn pid(&self) -> String {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().to_owned()
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

    /// Executes one statement in the database of ledgers.
    pub(crate) fn say(&self, sql: &str) {
        self.client_of("powerpi").batch_execute(sql).unwrap();
    }
}
