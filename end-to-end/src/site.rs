//! A site: a folder, ports, and settings for the four programs.

use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use meter_ledger::{Ledger, RecordedMeter};
use meter_messages::{Meter, Minute};
use pi_publisher::outbox::Outbox;
use tempfile::TempDir;

use crate::program::Program;

/// A folder with settings for the four programs, and their ports.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    /// The broker's port.
    pub mqtt: u16,
    /// The web server's port.
    pub web: u16,
}

impl Site {
    /// Writes the settings; `meters` is TOML, the publisher's `[[meter]]`s.
    pub fn new(meters: &str) -> Self {
        let site = Self { folder: TempDir::new().unwrap(), mqtt: free_port(), web: free_port() };
        let connect = format!("[mqtt]\nport = {}\n", site.mqtt);
        let files = "ledger = 'ledger.sqlite'\nrrd_dir = 'rrd'\n";
        let broker = format!("[mqtt]\nlisten = '127.0.0.1:{}'\n[store]\npath = 'broker.sqlite'\n", site.mqtt);
        site.write("powerpi-broker", &broker);
        site.write("powerpi-recorder", &format!("{files}{connect}"));
        let web = format!("listen = '127.0.0.1:{}'\ntime_zone = 'Europe/Berlin'\n{files}{connect}", site.web);
        let tariff = "[[tariff]]\nprice_per_kwh = 0.31\nbase_fee_per_month = 11.9\nco2_g_per_kwh = 363\n";
        let budget = "[[meter]]\nid = 'hq/main'\ncolour = 'violet'\nbudget_kwh_per_month = 250\n";
        site.write("powerpi-web", &(web + tariff + budget));
        site.set_meters(meters);
        site
    }

    /// Replaces the publisher's settings, for its next start.
    pub fn set_meters(&self, meters: &str) {
        self.set_publisher(".", meters);
    }

    /// The same, with the outbox in another folder.
    pub fn set_publisher(&self, state_dir: &str, meters: &str) {
        let settings = format!(
            "site = 'hq'\nstate_dir = '{state_dir}'\nruntime_dir = 'run'\n[mqtt]\nport = {}\n{meters}",
            self.mqtt
        );
        self.write("pi-publisher", &settings);
    }

    /// Adds settings of a program, before its tables.
    pub fn prepend(&self, name: &str, settings: &str) {
        let written = std::fs::read_to_string(self.path().join(format!("{name}.toml"))).unwrap();
        self.write(name, &format!("{settings}{written}"));
    }

    /// Adds tables to the settings of a program.
    pub fn append(&self, name: &str, settings: &str) {
        let written = std::fs::read_to_string(self.path().join(format!("{name}.toml"))).unwrap();
        self.write(name, &format!("{written}{settings}"));
    }

    /// Replaces a part of a program's settings, which is there.
    pub fn replace(&self, name: &str, part: &str, by: &str) {
        let written = std::fs::read_to_string(self.path().join(format!("{name}.toml"))).unwrap();
        assert!(written.contains(part), "{part} is not in {written}");
        self.write(name, &written.replacen(part, by, 1));
    }

    fn write(&self, name: &str, settings: &str) {
        std::fs::write(self.path().join(format!("{name}.toml")), settings).unwrap();
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts one of the programs and does not wait.
    pub fn spawn(&self, name: &'static str) -> Program {
        self.spawn_with(name, &[])
    }

    /// The same, with more in its environment.
    pub fn spawn_with(&self, name: &'static str, environment: &[(&str, &Path)]) -> Program {
        let settings = self.path().join(format!("{name}.toml"));
        Program::spawn(name, self.path(), &["--config".into(), settings.display().to_string()], environment)
    }

    /// Starts one of the programs and waits until it is ready.
    pub fn start(&self, name: &'static str) -> Program {
        Program::start(name, self.path())
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> Ledger {
        Ledger::open_read_only(&self.path().join("ledger.sqlite")).unwrap()
    }

    /// A meter in the ledger, once it is there.
    pub fn meter(&self, meter: &str) -> Option<RecordedMeter> {
        let meter: Meter = meter.parse().unwrap();
        if !self.path().join("ledger.sqlite").is_file() {
            return None;
        }
        self.ledger().meter(&meter).unwrap()
    }

    /// Every recorded minute and its pulses.
    pub fn recorded(&self, meter: &str) -> Vec<(Minute, u32)> {
        let Some(known) = self.meter(meter) else { return Vec::new() };
        let all = Minute::nearest(i64::MIN)..Minute::nearest(i64::MAX);
        let minutes = self.ledger().minutes(&known, all).unwrap();
        minutes.iter().map(|minute| (minute.minute, minute.pulses)).collect()
    }

    /// How many minutes of a meter the publisher has put into its outbox.
    pub fn counted(&self, meter: &str) -> u64 {
        let outbox = Outbox::open_read_only(self.path()).unwrap();
        let account = outbox.existing_account(&meter.parse().unwrap()).unwrap();
        account.map_or(0, |account| account.last_seq)
    }

    /// The RRD file of a meter.
    pub fn rrd(&self, meter: &str) -> PathBuf {
        self.path().join("rrd").join(format!("{meter}.rrd"))
    }

    /// The address of a page.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.web)
    }
}

/// A TCP port of 127.0.0.1 that nobody uses, and no other test gets.
pub fn free_port() -> u16 {
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

/// Waits until a condition holds, and fails after a minute.
pub fn wait_until(what: &str, holds: impl FnMut() -> bool) {
    wait_for(what, Duration::from_secs(60), holds);
}

/// The same, for as long as is said.
pub fn wait_for(what: &str, longest: Duration, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < longest, "waited {longest:?} until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
