//! A program as a process.

use std::io::Read;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How many lines of a log are shown after a failure.
const LAST_LINES: usize = 200;

/// A program that was built beside the tests.
pub fn binary(name: &str) -> PathBuf {
    // …/target/debug/deps/test-1234 → …/target/debug/name
    let test = std::env::current_exe().unwrap();
    let beside = |folder: &Path| Some(folder.join(name)).filter(|path| path.is_file());
    test.ancestors()
        .skip(1)
        .take(3)
        .find_map(beside)
        .unwrap_or_else(|| panic!("{name} is not built; run `cargo build --workspace` before these tests"))
}

/// A running program; killed when it is dropped.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a daemon in `folder` with the settings `<name>.toml` there, and
    /// waits until it says that it is ready.
    pub fn start(name: &'static str, folder: &Path) -> Self {
        Self::start_with(name, folder, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`start`](Self::start), with more in its environment; returns the end of its log
    /// if it ends instead or is not ready within a minute.
    pub fn start_with(
        name: &'static str,
        folder: &Path,
        environment: &[(&str, &Path)],
    ) -> Result<Self, String> {
        let socket = folder.join(format!("{name}.ready"));
        let _ = std::fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).unwrap();
        ready.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let arguments = ["--config".into(), folder.join(format!("{name}.toml")).display().to_string()];
        let environment = [environment, &[("NOTIFY_SOCKET", socket.as_path())]].concat();
        let mut program = Self::spawn(name, folder, &arguments, &environment);
        let began = Instant::now();
        let mut said = [0; 64];
        loop {
            match ready.recv(&mut said) {
                Ok(length) if said[..length].starts_with(b"READY=1") => return Ok(program),
                Ok(length) => return Err(format!("{name} said {:?}", &said[..length])),
                Err(_) if program.ended().is_none() && began.elapsed() < Duration::from_secs(60) => {}
                Err(_) => return Err(format!("{name} is not ready:\n{}", program.last_words())),
            }
        }
    }

    /// Starts a program; its standard error goes to `<name>.log` in `folder`.
    pub fn spawn(
        name: &'static str,
        folder: &Path,
        arguments: &[String],
        environment: &[(&str, &Path)],
    ) -> Self {
        Self::spawn_file(name, &binary(name), folder, arguments, environment)
    }

    /// Starts any program, by its file.
    pub fn spawn_file(
        name: &'static str,
        file: &Path,
        folder: &Path,
        arguments: &[String],
        environment: &[(&str, &Path)],
    ) -> Self {
        let log = folder.join(format!("{name}.log"));
        let written = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let child = Command::new(file)
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(written.try_clone().unwrap())
            .stderr(written)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Self { name, child, log }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it by SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended by itself, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    /// What it wrote so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to stop, as systemd would, and fails if it ends badly, or
    /// not within half a minute: it takes at most 5 s by itself, and a loaded machine more.
    pub fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(Duration::from_secs(30));
        assert!(status.success(), "{} ended with {status}:\n{}", self.name, self.log());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub fn wait(&mut self, at_most: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < at_most, "{} still runs after {at_most:?}:\n{}", self.name, self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {} ---\n{}", self.name, self.last_words());
        }
    }
}

/// Runs a program that is to end by itself within a minute.
pub fn run_to_end(name: &str, folder: &Path, arguments: &[&str]) -> Output {
    let mut child = Command::new(binary(name))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("{name} {arguments:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    child.stdout.unwrap().read_to_end(&mut stdout).unwrap();
    child.stderr.unwrap().read_to_end(&mut stderr).unwrap();
    Output { status, stdout, stderr }
}
