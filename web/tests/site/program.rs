//! The real program as a process, over the same minutes.

use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    process: Child,
    dir: TempDir,
}

impl Server {
    /// Over a recorded meter, without a broker; `settings` is TOML.
    pub(crate) fn start(settings: &str) -> Self {
        Self::start_with(settings, 1)
    }

    /// The same with a broker.
    pub(crate) fn start_with(settings: &str, mqtt_port: u16) -> Self {
        let dir = TempDir::new().unwrap();
        super::record(dir.path(), "Hauptzähler");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = dir.path().join("powerpi-web.toml");
        let text = format!(
            "listen = '{address}'\nledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\ntime_zone = '{}'\n{settings}\n\
             [mqtt]\nport = {mqtt_port}\n",
            super::ZONE
        );
        std::fs::write(&file, text).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_powerpi-web"))
            .arg("--config")
            .arg(file)
            .current_dir(dir.path())
            .stderr(Stdio::from(std::fs::File::create(dir.path().join("log")).unwrap()))
            .spawn()
            .unwrap();
        let server = Self { address, process, dir };
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    /// How many files and connections it has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// The most memory that it had so far.
    pub(crate) fn memory_kib(&self) -> i64 {
        self.status_kib("VmHWM:")
    }

    /// The memory that it has now.
    pub(crate) fn memory_kib_now(&self) -> i64 {
        self.status_kib("VmRSS:")
    }

    fn status_kib(&self, which: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A TCP port of 127.0.0.1 that nobody uses, and no other test gets.
pub(crate) fn free_port() -> u16 {
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
            return port;
        }
    }
}

/// Lets this process open as many files as the machine permits, and says how many.
pub(crate) fn raise_open_files() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    maximum.unwrap_or(u64::MAX)
}
