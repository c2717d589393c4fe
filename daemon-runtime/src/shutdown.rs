//! Which signals stop a program, and which do not concern it.
//!
//! Left to the kernel are SIGKILL, and those by which it, or systemd's watchdog, says that the program is at fault.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A signal, and its name for the log.
type Named = (SignalKind, &'static str);

/// What stops every program.
const STOPPING: [Named; 3] = [
    (SignalKind::terminate(), "SIGTERM"),
    (SignalKind::interrupt(), "SIGINT"),
    (SignalKind::quit(), "SIGQUIT"),
];

/// A token for a command in a terminal: it is cancelled by the first SIGTERM, SIGINT or SIGQUIT, and when the
/// terminal is closed. No other signal ends the command, as far as it can help that.
///
/// # Errors
/// If signals cannot be waited for.
pub fn on_signal() -> io::Result<CancellationToken> {
    let [terminate, interrupt, quit] = STOPPING;
    cancelled_by(&[terminate, interrupt, quit, (SignalKind::hangup(), "SIGHUP")])
}

/// The same for a daemon, which reads its settings again on SIGHUP.
pub(crate) fn of_daemon() -> io::Result<CancellationToken> {
    cancelled_by(&STOPPING)
}

fn cancelled_by(stopping: &[Named]) -> io::Result<CancellationToken> {
    outlive_the_rest()?;
    let shutdown = CancellationToken::new();
    for &(kind, name) in stopping {
        tokio::spawn(cancel(shutdown.clone(), signal(kind)?, name));
    }
    Ok(shutdown)
}

async fn cancel(shutdown: CancellationToken, mut signals: Signal, name: &'static str) {
    if signals.recv().await.is_some() && !shutdown.is_cancelled() {
        tracing::info!("stopping on {name}");
        shutdown.cancel();
    }
}

/// Whatever else would end a program that does not expect it. A handler that is installed stays.
fn outlive_the_rest() -> io::Result<()> {
    let named = [
        libc::SIGUSR1,
        libc::SIGUSR2,
        libc::SIGALRM,
        libc::SIGVTALRM,
        libc::SIGPROF,
        libc::SIGIO,
        libc::SIGPWR,
        libc::SIGSTKFLT,
        libc::SIGXCPU,
        libc::SIGXFSZ,
    ];
    for number in named.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
        drop(signal(SignalKind::from_raw(number))?);
    }
    Ok(())
}
