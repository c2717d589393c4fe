//! The real program, with its store in a folder of its own, to be killed and started again.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rumqttc::Connect;
use tempfile::TempDir;

use crate::common::Client;

/// How long the program may take until it listens, and until it has ended.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_powerpi-broker");

/// The program's settings and store, which last while the program comes and goes.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) address: SocketAddr,
    health: SocketAddr,
}

/// A port that nobody uses, and no other test gets.
pub(crate) fn free_address() -> SocketAddr {
    // Below the range from which the kernel takes ports for connections. What is free now has to
    // be free a moment later, also from tests that run beside this one: each port has a name among
    // the sockets of the same network, which is held until this process ends.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = (std::process::id() % 1000) as u16 * 11;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let name = UnixAddress::from_abstract_name(format!("powerpi-test-port-{port}")).unwrap();
        let Ok(held) = UnixListener::bind_addr(&name) else { continue };
        // Not by listening: what another thread begins just then would hold the port for a moment longer.
        if TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::mem::forget(held);
            return SocketAddr::from(([127, 0, 0, 1], port));
        }
    }
}

impl Home {
    /// With the store in the same folder, and nothing else set.
    pub(crate) fn new() -> Home {
        let home = Home::with("");
        let store = home.path().join("store.sqlite");
        home.write(&format!("[store]\npath = '{}'\n", store.display()));
        home
    }

    /// With these settings behind `[mqtt] listen`.
    pub(crate) fn with(settings: &str) -> Home {
        let folder = TempDir::new().unwrap();
        let [address, health] = [(); 2].map(|()| free_address());
        let home = Home { folder, address, health };
        home.write(settings);
        home
    }

    pub(crate) fn write(&self, settings: &str) {
        let (address, health) = (self.address, self.health);
        let text = format!("[mqtt]\nlisten = '{address}'\n{settings}\n[health]\nlisten = '{health}'\n");
        std::fs::write(self.settings(), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path().join("store.sqlite")
    }

    /// What the program has logged, in all its lives.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap()
    }

    fn settings(&self) -> PathBuf {
        self.path().join("powerpi-broker.toml")
    }

    /// Starts the program and waits until it listens.
    pub(crate) fn start(&self) -> Running {
        self.start_by(Command::new(PROGRAM))
    }

    /// Starts the program by a command that takes the program's arguments, and waits until it listens everywhere: to
    /// the health endpoint it does last.
    pub(crate) fn start_by(&self, mut command: Command) -> Running {
        let log = File::options().create(true).append(true).open(self.path().join("log")).unwrap();
        let child =
            command.arg("--config").arg(self.settings()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let running = Running { child };
        let start = Instant::now();
        while TcpStream::connect(self.health).is_err() {
            assert!(start.elapsed() < PATIENCE, "the broker does not listen:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    /// Status and body of the health endpoint's answer.
    pub(crate) fn health(&self) -> (u16, serde_json::Value) {
        let mut stream = TcpStream::connect(self.health).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head["HTTP/1.1 ".len()..][..3].parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    /// Waits until the health endpoint answers with this status; returns the store's state.
    pub(crate) fn wait_for_health(&self, status: u16) -> String {
        let start = Instant::now();
        loop {
            let (found, told) = self.health();
            if found == status {
                return told["store"]["state"].as_str().unwrap().to_owned();
            }
            assert!(start.elapsed() < PATIENCE, "{found} {told}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A connected client with a lasting session, and whether there was one.
    pub(crate) fn lasting(&self, client_id: &str) -> (Client, bool) {
        let mut connect = Connect::new(client_id);
        connect.clean_session = false;
        Client::connect(self.address, connect)
    }

    pub(crate) fn client(&self, client_id: &str) -> Client {
        Client::connect(self.address, Connect::new(client_id)).0
    }

    /// One of mosquitto's clients, for this broker.
    pub(crate) fn mosquitto(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]).args(arguments);
        command
    }
}

impl Drop for Home {
    /// A test that fails says what the broker has said.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.path().join("log")).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(20).collect();
            let last: Vec<_> = last.into_iter().rev().collect();
            eprintln!("the broker's last lines:\n{}", last.join("\n"));
        }
    }
}

/// The running program; killed if it still runs at the end.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the kernel says of its memory, `VmRSS` or `VmHWM`, in KiB.
    pub(crate) fn memory_kib(&self, which: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGHUP.
    pub(crate) fn reload(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let start = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "the broker does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, after a kill or a stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
