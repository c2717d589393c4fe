//! Lines on standard error; `RUST_LOG` chooses.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Without `RUST_LOG`. rumqttd tells of every subscription.
const USUAL: &str = "info,rumqttd=warn";

/// Starts logging. The journal stamps lines itself, so under systemd they carry
/// no time of their own.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    // A second start in one process (tests) keeps the first one's logging.
    let _ = if journal { lines.without_time().try_init() } else { lines.try_init() };
}
