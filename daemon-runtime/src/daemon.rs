//! From `main` to the exit code.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::owner::failure;
use crate::reloads::{self, Reloads};
use crate::secrets::Files;
use crate::settings::{self, SettingsError};
use crate::{logging, shutdown, watchdog};

/// The exit code of a program whose settings are wrong: starting it again will
/// not help before somebody has mended them.
pub const EXIT_SETTINGS: u8 = 2;

/// The exit code of every other failure.
pub const EXIT_FAILURE: u8 = 1;

/// How long a daemon may take to stop after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// A daemon about to run.
pub struct Daemon<'a> {
    /// Its name, as in `powerpi-broker`; the settings lie in
    /// `/etc/powerpi/<name>.toml` unless `config` says otherwise.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// A settings file named on the command line; it must exist.
    pub config: Option<&'a Path>,
    /// Threads of the async runtime besides the main one; 1 suits whatever mostly waits, 0 what never blocks.
    pub worker_threads: usize,
    /// Who may read the files that it creates.
    pub files: Files,
}

impl Daemon<'_> {
    /// Loads the settings, prepares logging and signals and runs `run` until it
    /// ends. `run` ends by itself soon after its token is cancelled.
    ///
    /// The error that ends a daemon goes to the log as one line. It also ends, with
    /// [`EXIT_FAILURE`], when one of its [`Owner`](crate::Owner)s fails, and tells systemd's watchdog
    /// that it goes on while all of them do.
    pub fn run<S, R>(&self, run: impl FnOnce(S, CancellationToken) -> R) -> ExitCode
    where
        S: DeserializeOwned + Debug,
        R: Future<Output = anyhow::Result<()>>,
    {
        self.files.keep_private();
        logging::init();
        failure::end_on_panic();
        let outcome = settings::load_with_keys::<S>(self.name, self.config).map_err(Into::into).and_then(
            |(settings, keys)| {
                tracing::info!(version = self.version, ?settings, "{} starting", self.name);
                block_on(self.worker_threads, |shutdown| async {
                    let running = run(settings, shutdown);
                    tokio::select! {
                        outcome = running => outcome,
                        never = reloads::compare_only::<S>(self.name, self.config, &keys) => never,
                    }
                })
            },
        );
        logging::say_left_out_now();
        if failure::has_failed() {
            return EXIT_FAILURE.into();
        }
        match &outcome {
            Ok(()) => tracing::info!("{} stopped", self.name),
            Err(error) => tracing::error!("{}: {error:#}", self.name),
        }
        exit_code(&outcome)
    }

    /// Where its settings are read from, if there is such a file.
    pub fn settings_file(&self) -> PathBuf {
        settings::file(self.name, self.config)
    }

    /// The settings at each SIGHUP from now on. To be called by what [`run`](Daemon::run) runs.
    ///
    /// # Errors
    /// If the signal cannot be waited for.
    pub fn reloads<S: DeserializeOwned>(&self) -> anyhow::Result<Reloads<S>> {
        let config = self.config.map(Path::to_owned);
        Reloads::new(self.name, config).context("installing the SIGHUP handler")
    }
}

/// Runs `run` in an async runtime of so many threads besides this one until it ends, which it does soon after its
/// token is cancelled by SIGTERM, SIGINT or SIGQUIT.
///
/// # Errors
/// What `run` ends with; that it did not end in time.
pub fn block_on<R>(worker_threads: usize, run: impl FnOnce(CancellationToken) -> R) -> anyhow::Result<()>
where
    R: Future<Output = anyhow::Result<()>>,
{
    let mut builder = match worker_threads {
        // Without hops from one thread to another.
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if worker_threads > 0 {
        builder.worker_threads(worker_threads);
    }
    let runtime = builder.enable_all().build().context("starting the async runtime")?;
    let outcome = runtime.block_on(async {
        let shutdown = shutdown::of_daemon().context("installing signal handlers")?;
        failure::stop_on_error(shutdown.clone());
        let overdue = async {
            shutdown.cancelled().await;
            tokio::time::sleep(STOP_WITHIN).await;
        };
        tokio::select! {
            outcome = run(shutdown.clone()) => outcome,
            () = watchdog::feed() => Ok(()),
            () = logging::say_what_is_left_out() => Ok(()),
            () = overdue => anyhow::bail!("did not stop within {STOP_WITHIN:?}"),
        }
    });
    // A thread that blocks (on a disk, on a line) must not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    outcome
}

/// 0, [`EXIT_SETTINGS`] for a [`SettingsError`] anywhere in the chain, or
/// [`EXIT_FAILURE`].
pub fn exit_code(outcome: &anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.chain().any(|cause| cause.is::<SettingsError>()) => EXIT_SETTINGS.into(),
        Err(_) => EXIT_FAILURE.into(),
    }
}

/// Tells the parent (systemd, or `powerpi demo`) that the program is ready.
pub fn ready() {
    if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Ready]) {
        tracing::warn!(%error, "could not notify systemd that the program is ready");
    }
}
