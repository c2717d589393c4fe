//! What a failing or hanging owner does to its process: each case in a process of its own, which is
//! this test program once more.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use daemon_runtime::{Daemon, Files, Owner, OwnerThread, ready};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

/// Names the case that the process is started for.
const CASE: &str = "DAEMON_RUNTIME_CASE";
/// A process whose owner has failed has ended within this, whatever the rest of it does.
const ENDED_WITHIN: Duration = Duration::from_secs(2);
/// For what comes for sure, on a busy machine.
const PATIENTLY: Duration = Duration::from_secs(60);
/// What a watchdog waits for in these tests.
const PATIENCE: Duration = Duration::from_millis(600);

#[derive(Debug, Deserialize)]
struct Settings {}

/// Not a test of its own: the process that the tests start.
#[test]
fn process() {
    let Ok(case_of_process) = std::env::var(CASE) else { return };
    let daemon = Daemon {
        name: "daemon-runtime-test",
        version: "1",
        config: None,
        worker_threads: 1,
        files: Files::OfUser,
    };
    let code = daemon.run(|_: Settings, shutdown| case(case_of_process, shutdown));
    let code = (0..=255).find(|known| ExitCode::from(*known) == code).unwrap();
    std::process::exit(code.into());
}

async fn case(case: String, shutdown: CancellationToken) -> anyhow::Result<()> {
    match case.as_str() {
        "panic" => {
            let (owner, _thread) = Owner::spawn("shelf", vec![1])?;
            owner.ask(|shelf| shelf[1]).await?;
        }
        // Nobody of the async runtime notices anything any more.
        "panic while the runtime is stuck" => {
            let _thread = OwnerThread::spawn("line", |_| panic!("unplugged"))?;
            block_for_ever();
        }
        "error while the runtime is stuck" => {
            let _thread = OwnerThread::spawn("line", |_| anyhow::bail!("unplugged"))?;
            block_for_ever();
        }
        // The others put away what they have, as on SIGTERM.
        "error" => {
            let _line = OwnerThread::spawn("line", |_| anyhow::bail!("unplugged"))?;
            let (owner, thread) = Owner::spawn("shelf", ())?;
            shutdown.cancelled().await;
            owner.ask(|()| tracing::info!("put away")).await?;
            drop(owner);
            thread.join().await?;
        }
        "stop" => {
            let (owner, thread) = Owner::spawn("shelf", ())?;
            ready();
            shutdown.cancelled().await;
            owner.ask(|()| tracing::info!("put away")).await?;
            drop(owner);
            thread.join().await?;
        }
        "hang" => {
            let (owner, _thread) = Owner::spawn("shelf", ())?;
            ready();
            tokio::time::sleep(3 * PATIENCE).await;
            tracing::info!("hanging");
            owner.ask(|()| block_for_ever()).await?;
        }
        "long work" => {
            let _work = OwnerThread::spawn("work", |alive| {
                loop {
                    std::thread::sleep(PATIENCE / 10);
                    alive.step();
                }
            })?;
            ready();
            shutdown.cancelled().await;
        }
        "stuck runtime" => {
            ready();
            tokio::time::sleep(3 * PATIENCE).await;
            block_for_ever();
        }
        other => panic!("there is no case {other:?}"),
    }
    Ok(())
}

fn block_for_ever() {
    loop {
        std::thread::park();
    }
}

/// A process of a case, and what its watchdog hears.
struct Process {
    child: Child,
    told: UnixDatagram,
    _folder: tempfile::TempDir,
}

impl Process {
    fn start(case: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("notify");
        let told = UnixDatagram::bind(&socket).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process", "--nocapture"])
            .env(CASE, case)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", PATIENCE.as_micros().to_string())
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, told, _folder: folder }
    }

    /// Its exit code and its log, once it has ended by itself: soon after it said that an owner failed.
    fn ends(mut self) -> (Option<i32>, String) {
        let (mut log, mut failed) = (String::new(), None);
        for line in BufReader::new(self.child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            if line.contains("ERROR") {
                failed.get_or_insert_with(Instant::now);
            }
            log += &format!("{line}\n");
        }
        let status = self.child.wait().unwrap();
        let took = failed.map(|failed| failed.elapsed());
        assert!(took.is_none_or(|took| took < ENDED_WITHIN), "it took {took:?} to end:\n{log}");
        (status.code(), log)
    }

    /// Waits until it says that it serves.
    fn is_ready(&self) {
        self.told.set_read_timeout(Some(PATIENTLY)).unwrap();
        let mut told = [0; 64];
        while let Ok(length) = self.told.recv(&mut told) {
            if told[..length].starts_with(b"READY=1") {
                return;
            }
        }
        panic!("it is not ready");
    }

    /// What it says once it is killed.
    fn killed(mut self) -> String {
        self.child.kill().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }

    /// Whether a watchdog hears of it within `wait`.
    fn feeds(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut told = [0; 64];
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.told.set_read_timeout(Some(left)).unwrap();
            let Ok(length) = self.told.recv(&mut told) else { return false };
            if told[..length].starts_with(b"WATCHDOG=1") {
                return true;
            }
        }
        false
    }

    /// Waits until a watchdog hears nothing more.
    fn falls_silent(&self) {
        let began = Instant::now();
        while self.feeds(4 * PATIENCE) {
            assert!(began.elapsed() < PATIENTLY, "the watchdog is still fed");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a log that say what went wrong.
fn errors(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("ERROR")).collect()
}

#[test]
fn a_panic_ends_the_process_with_one_line() {
    let (code, log) = Process::start("panic").ends();
    assert_eq!(code, Some(1), "{log}");
    let [line] = errors(&log)[..] else { panic!("{log}") };
    assert!(line.contains("the thread \"shelf\" panicked at daemon-runtime/tests/owners.rs:"), "{line}");
    assert!(line.contains("index out of bounds: the len is 1 but the index is 1"), "{line}");
}

#[test]
fn a_stuck_runtime_keeps_nobody_from_ending() {
    for how in ["panic", "error"] {
        let (code, log) = Process::start(&format!("{how} while the runtime is stuck")).ends();
        assert_eq!(code, Some(1), "{log}");
        let [line] = errors(&log)[..] else { panic!("{log}") };
        assert!(line.contains("the thread \"line\"") && line.contains("unplugged"), "{line}");
    }
}

#[test]
fn after_an_error_the_others_put_away_what_they_have() {
    let (code, log) = Process::start("error").ends();
    assert_eq!(code, Some(1), "{log}");
    let [line] = errors(&log)[..] else { panic!("{log}") };
    assert!(line.contains("the thread \"line\" ended: unplugged"), "{line}");
    assert!(log.contains("put away"), "{log}");
}

#[test]
fn a_stop_drains_and_is_no_failure() {
    let process = Process::start("stop");
    process.is_ready();
    kill_process(Pid::from_raw(process.child.id() as i32).unwrap(), Signal::TERM).unwrap();
    let (code, log) = process.ends();
    assert_eq!((code, errors(&log).len()), (Some(0), 0), "{log}");
    assert!(log.contains("put away"), "{log}");
}

#[test]
fn a_watchdog_is_fed_only_while_owners_and_runtime_go_on() {
    let (hanging, stuck, working) =
        (Process::start("hang"), Process::start("stuck runtime"), Process::start("long work"));
    for process in [&hanging, &stuck, &working] {
        process.is_ready();
        assert!(process.feeds(PATIENTLY));
    }
    hanging.falls_silent();
    stuck.falls_silent();
    // One that waits for nothing and works on says so; all it ever told is older than this.
    while working.feeds(Duration::from_millis(1)) {}
    assert!(working.feeds(PATIENTLY));
    let log = hanging.killed();
    let [line] = errors(&log)[..] else { panic!("{log}") };
    assert!(line.contains("the thread \"shelf\" has not answered for 600ms"), "{line}");
}
