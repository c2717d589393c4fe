//! Lines on standard error; `RUST_LOG` chooses, `info` without it.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging. The journal stamps lines itself, so under systemd they carry
/// no time of their own.
pub(crate) fn init() {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy();
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    // A second start in one process (tests) keeps the first one's logging.
    let _ = if journal { lines.without_time().try_init() } else { lines.try_init() };
}
