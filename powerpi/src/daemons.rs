//! The four programs as child processes: each is started when the one before is
//! ready; they are stopped in reverse order.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a program may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a program may take to stop. Its own limit is 5 s.
const STOP_WITHIN: Duration = Duration::from_secs(7);

/// How much of a log is shown of a program that failed.
const LAST_LINES: usize = 5;

/// A running program.
struct Running {
    name: &'static str,
    settings: PathBuf,
    child: Child,
    log: PathBuf,
}

/// The programs that were started, in their order.
pub(crate) struct Daemons {
    running: Vec<Running>,
    dir: PathBuf,
}

impl Daemons {
    /// No programs yet; logs and sockets go to `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { running: Vec::new(), dir: dir.to_owned() }
    }

    /// Starts a program from the same folder as this one, with a settings file, and
    /// waits until it is ready.
    ///
    /// # Errors
    /// The end of its log, if it ends instead.
    pub(crate) async fn start(&mut self, name: &'static str, settings: &Path) -> anyhow::Result<()> {
        let program = std::env::current_exe()?.with_file_name(name);
        if !program.is_file() {
            bail!("{} does not exist; it must be in the same folder as this program", program.display());
        }
        let run = settings.file_stem().map_or(name.into(), |stem| stem.to_string_lossy());
        let log = self.dir.join(format!("{run}.log"));
        let written = std::fs::File::create(&log).with_context(|| format!("writing {}", log.display()))?;
        // systemd's readiness protocol, which all daemons use.
        let socket = self.dir.join(format!("{run}.ready"));
        let _ = std::fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).with_context(|| format!("making {}", socket.display()))?;
        let child = Command::new(&program)
            .arg("--config")
            .arg(settings)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(written)
            // Ctrl-C is for this program; it stops the others itself.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let mut running = Running { name, settings: settings.to_owned(), child, log };
        let outcome = wait_until_ready(&ready, &mut running).await;
        let _ = std::fs::remove_file(&socket);
        self.running.push(running);
        outcome
    }

    /// Waits until one of them ends, which none should; says which and why.
    pub(crate) async fn first_to_end(&mut self) -> anyhow::Error {
        loop {
            for running in &mut self.running {
                match running.child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => return running.ended(status),
                    Err(error) => return error.into(),
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Stops the one that runs with these settings.
    pub(crate) async fn stop_one(&mut self, settings: &Path) -> anyhow::Result<()> {
        let Some(place) = self.running.iter().position(|running| running.settings == settings) else {
            return Ok(());
        };
        self.running.remove(place).stop().await
    }

    /// Stops them in reverse order.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        for mut running in std::mem::take(&mut self.running).into_iter().rev() {
            outcome = outcome.and(running.stop().await);
        }
        outcome
    }
}

impl Running {
    async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(id) = self.child.id() else { return Ok(()) };
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).with_context(|| format!("stopping {}", self.name))?;
        }
        match timeout(STOP_WITHIN, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(ExitStatus::success) => Ok(()),
            Ok(status) => Err(self.ended(status?)),
            Err(_) => {
                self.child.kill().await?;
                bail!("{} did not stop and was killed", self.name)
            }
        }
    }

    /// The error for a program that ended.
    fn ended(&self, status: ExitStatus) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        anyhow::anyhow!("{} ended ({status}); the end of its log:\n  {last}", self.name)
    }
}

async fn wait_until_ready(ready: &UnixDatagram, running: &mut Running) -> anyhow::Result<()> {
    let mut said = [0; 256];
    loop {
        tokio::select! {
            received = timeout(READY_WITHIN, ready.recv(&mut said)) => {
                let length = received.with_context(|| format!("{} is not ready after {READY_WITHIN:?}", running.name))??;
                if said[..length].split(|byte| *byte == b'\n').any(|line| line == b"READY=1") {
                    return Ok(());
                }
            }
            status = running.child.wait() => return Err(running.ended(status?)),
        }
    }
}
