//! How programs end, and that they do not. A thread that owns something that blocks, and fails: its program ends soon, with
//! one line that says which and why, and goes on after a restart; while one hangs, systemd's watchdog hears nothing. Signals
//! stop a program cleanly or not at all.
#![allow(clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use end_to_end::torture::Simulation;
use end_to_end::{Program, Site, wait_until};
use rustix::process::Signal;

/// A program whose thread has failed has ended within this.
const ENDED_WITHIN: Duration = Duration::from_secs(2);

/// The programs in the order of their starts, and the threads that own what blocks in them.
const OWNERS: [(&str, &[&str]); 5] = [
    ("powerpi-broker", &["exchange"]),
    ("powerpi-recorder", &["ledger", "pictures"]),
    ("pi-publisher", &["meter m0", "outbox", "checkpoints"]),
    ("powerpi-web", &["ledger", "pictures"]),
    ("powerpi-alarms", &["ledger"]),
];

/// All programs of a site.
struct Running {
    site: Site,
    programs: Vec<Program>,
    /// Threads fail when this file comes.
    now: PathBuf,
}

impl Running {
    fn start() -> Self {
        let site = Site::new(&Simulation::new(1, 1, 10).settings(None));
        let alarms = format!(
            "ledger = 'ledger.sqlite'\nstate_file = 'alarms.json'\n[mqtt]\nport = {}\n\
             [[alarm]]\nname = 'budget'\nmeter = 'hq/m0'\nbudget_kwh_per_month = 0.5\n",
            site.mqtt
        );
        std::fs::write(site.path().join("powerpi-alarms.toml"), alarms).unwrap();
        let programs = OWNERS.iter().map(|(name, _)| site.start(name)).collect();
        let now = site.path().join("now");
        Self { site, programs, now }
    }

    /// Has a thread of a program panic, and looks how it ends.
    fn panic(&mut self, place: usize, owner: &str) {
        let (name, _) = OWNERS[place];
        self.programs.remove(place).stop();
        // That of the alarms is asked once a minute, and first at the start.
        let when = if name == "powerpi-alarms" { Path::new("1") } else { &self.now };
        let fault = PathBuf::from(format!("panic,{owner},{}", when.display()));
        let program = Program::start_with(name, self.site.path(), &[("POWERPI_FAULT", &fault)]);
        self.programs.insert(place, program.unwrap_or_else(|error| panic!("{error}")));
        std::fs::write(&self.now, "").unwrap();
        wait_until(&format!("{owner} of {name} panics"), || {
            self.ask();
            self.log(place).contains(&format!("the thread {owner:?} panicked at "))
        });
        let status = self.programs[place].wait(ENDED_WITHIN);
        assert_eq!(status.code(), Some(1), "{name}: {owner}");
        std::fs::remove_file(&self.now).unwrap();
    }

    fn log(&self, place: usize) -> String {
        self.programs[place].log()
    }

    /// Gives the threads something to do that only do what browsers ask for. Whoever answers may end.
    fn ask(&self) {
        for page in ["/m/hq/m0", "/m/hq/m0/day.svg"] {
            let asked = TcpStream::connect(("127.0.0.1", self.site.web)).and_then(|mut stream| {
                stream.set_read_timeout(Some(Duration::from_secs(5)))?;
                write!(stream, "GET {page} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
                stream.read_to_end(&mut Vec::new())
            });
            drop(asked);
        }
    }

    fn recorded(&self) -> usize {
        self.site.recorded("hq/m0").len()
    }
}

#[test]
fn a_panic_of_each_owner_ends_its_program_which_goes_on_after_a_restart() {
    let mut running = Running::start();
    wait_until("the first minutes are recorded", || running.recorded() > 2);
    for (place, (name, owners)) in OWNERS.into_iter().enumerate() {
        for (before, owner) in owners.iter().enumerate() {
            running.panic(place, owner);
            let log = running.log(place);
            assert_eq!(log.matches("panicked").count(), before + 1, "more than one line:\n{log}");
            running.programs[place] = running.site.start(name);
            let recorded = running.recorded();
            wait_until("the recording goes on", || running.recorded() > recorded);
        }
    }
    running.programs.into_iter().rev().for_each(Program::stop);
}

/// Whatever ends a program that does not expect it, with one that is for real time; SIGHUP has the settings read again.
const OUTLIVED: [&str; 13] =
    ["HUP", "USR1", "USR2", "PIPE", "ALRM", "VTALRM", "PROF", "IO", "PWR", "STKFLT", "XCPU", "XFSZ", "40"];

#[test]
fn no_signal_but_a_kill_ends_a_program_with_anything_but_success() {
    let mut running = Running::start();
    for (place, (name, _)) in OWNERS.into_iter().enumerate() {
        let process = running.programs[place].id().to_string();
        for signal in OUTLIVED {
            let sent = std::process::Command::new("kill").args(["-s", signal, &process]).status().unwrap();
            assert!(sent.success(), "{signal}");
        }
        wait_until("it has read its settings again", || running.log(place).contains("SIGHUP"));
        let recorded = running.recorded();
        wait_until("the recording goes on", || running.recorded() > recorded);
        assert_eq!(running.programs[place].ended(), None, "{name}");
        for stopping in [Signal::QUIT, Signal::INT] {
            running.programs[place].signal(stopping);
            let status = running.programs[place].wait(Duration::from_secs(30));
            assert!(status.success(), "{name} ended with {status} on {stopping:?}");
            running.programs[place] = running.site.start(name);
        }
    }
    running.programs.into_iter().rev().for_each(Program::stop);
}

/// The others take over what they can; their own tests look at that.
#[test]
fn what_takes_effect_after_a_restart_is_named_at_a_reload() {
    let running = Running::start();
    for (place, setting) in [(1, "max_meters = 7"), (2, "keep_days = 300")] {
        let (name, _) = OWNERS[place];
        let reload = |settings: &str, says: &str| {
            running.site.prepend(name, settings);
            running.programs[place].signal(Signal::HUP);
            wait_until(says, || running.log(place).contains(says));
        };
        reload("", "SIGHUP: the settings are as they were");
        let key = setting.split(' ').next().unwrap();
        let named = format!("SIGHUP: these settings are different, and take effect after a restart: {key}\n");
        reload(&format!("{setting}\n"), &named);
        reload("nonsense = 1\n", "SIGHUP: nothing was changed, and a restart would fail");
    }
    running.programs.into_iter().rev().for_each(Program::stop);
}

#[test]
fn a_meter_whose_line_is_looked_at_no_more_leaves_the_watchdog_unfed() {
    let site = Site::new(&Simulation::new(1, 1, 10).settings(None));
    let (socket, now) = (site.path().join("notify"), site.path().join("now"));
    let told = UnixDatagram::bind(&socket).unwrap();
    let hears = |wait: Duration, what: &str| {
        told.set_read_timeout(Some(wait)).unwrap();
        let mut said = [0; 256];
        loop {
            match told.recv(&mut said) {
                Ok(length) if said[..length].starts_with(what.as_bytes()) => return true,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    println!("{what} is not heard: {error}");
                    return false;
                }
            }
        }
    };
    let fault = PathBuf::from(format!("hang,meter m0,{}", now.display()));
    let environment = [
        ("NOTIFY_SOCKET", socket.as_path()),
        ("WATCHDOG_USEC", Path::new("1000000")),
        ("POWERPI_FAULT", fault.as_path()),
    ];
    let publisher = site.spawn_with("pi-publisher", &environment);
    assert!(hears(Duration::from_secs(60), "READY=1"));
    assert!((0..5).all(|_| hears(Duration::from_secs(60), "WATCHDOG=1")));
    std::fs::write(&now, "").unwrap();
    wait_until("the watchdog hears nothing for three times as long as it waits", || {
        !hears(Duration::from_secs(3), "WATCHDOG=1")
    });
    assert!(
        publisher.log().contains("the thread \"meter m0\" has not answered for 1s"),
        "{}",
        publisher.log()
    );
}

/// What systemd is to do about a program that fails, hangs or grows.
#[test]
fn every_unit_says_what_becomes_of_a_program_that_fails() {
    for (name, _) in OWNERS {
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../deploy/systemd/{name}.service"));
        let unit = std::fs::read_to_string(unit).unwrap();
        let value = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        assert_eq!((value("Type"), value("Restart")), (Some("notify"), Some("always")), "{name}");
        // Nothing takes over the right to speak to systemd.
        assert_eq!(value("NotifyAccess"), None, "{name}");
        assert_eq!(value("ExecReload"), Some("kill -HUP $MAINPID"), "{name}");
        for key in ["WatchdogSec", "MemoryMax", "TasksMax", "TimeoutStopSec"] {
            assert!(value(key).is_some(), "{name} has no {key}=");
        }
    }
}
