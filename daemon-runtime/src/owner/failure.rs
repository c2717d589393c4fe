//! What the failure of an owner does to its program.

use std::cell::OnceCell;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::EXIT_FAILURE;

/// How long the rest of a program may take to put away what it has, after an owner ended by error.
pub(crate) const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Stops the program, where the process is one that is supervised.
static STOP: OnceLock<CancellationToken> = OnceLock::new();
/// Whether an owner has failed.
static FAILED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The name of the owner whose thread this is.
    static OWNER: OnceCell<String> = const { OnceCell::new() };
}

/// From now on a panic of an owner ends the process, and every other one is a line in the log.
///
/// The hook and not the end of the thread, so that nothing of a state that may be half changed is
/// dropped (written, waited for) before: it is as after `kill -9`, for which every program is made.
pub(crate) fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let (place, why) = (place(panic), why(panic));
        let owner = OWNER.try_with(|owner| owner.get().cloned()).ok().flatten();
        let Some(owner) = owner else {
            tracing::error!("a task panicked at {place}: {why}");
            return;
        };
        FAILED.store(true, Ordering::Relaxed);
        tracing::error!(
            "the thread {owner:?} panicked at {place}: {why}; the program exits, so that it is restarted"
        );
        std::process::exit(EXIT_FAILURE.into());
    }));
}

/// From now on `stop` is cancelled when an owner ends by error.
pub(crate) fn stop_on_error(stop: CancellationToken) {
    // A second daemon in one process (tests) is stopped with the first.
    let _ = STOP.set(stop);
}

/// Whether an owner has failed: the process ends with [`EXIT_FAILURE`].
pub(crate) fn has_failed() -> bool {
    FAILED.load(Ordering::Relaxed)
}

/// This thread is that owner's from now on.
pub(super) fn watched(owner: &str) {
    OWNER.with(|name| {
        let _ = name.set(owner.to_owned());
    });
}

/// Stops the program as on SIGTERM, and ends it if that takes long.
pub(super) fn ended_by_error(owner: &str, error: &anyhow::Error) {
    let Some(stop) = STOP.get() else { return };
    // The first one is the cause; others may end because it is gone.
    if FAILED.swap(true, Ordering::Relaxed) {
        return;
    }
    tracing::error!("the thread {owner:?} ended: {error:#}; the program exits, so that it is restarted");
    stop.cancel();
    let end = || {
        std::thread::sleep(DRAIN_WITHIN);
        std::process::exit(EXIT_FAILURE.into());
    };
    if std::thread::Builder::new().spawn(end).is_err() {
        std::process::exit(EXIT_FAILURE.into());
    }
}

fn place(panic: &PanicHookInfo<'_>) -> String {
    panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string)
}

fn why<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
