//! Lines on standard error; `RUST_LOG` chooses.
//!
//! Whatever is logged stays one line: control characters are escaped here, so that nobody's text can
//! look like a line of ours. And nobody can fill the log: lines are [counted](limit) by where they
//! come from, and those that are too many are left out, which is said in their place.

mod limit;

use std::fmt::{self, Debug, Write};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use foreign_text::{Escaping, foreign};
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::logging::limit::Limited;

/// Without `RUST_LOG`. rumqttd tells of every subscription; tokio-modbus of every byte of noise on a line, of which we say
/// ourselves what it means.
const USUAL: &str = "info,rumqttd=warn,tokio_modbus=off";

/// How often it is said how many lines were left out.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// Starts logging. The journal stamps lines itself, so under systemd they carry
/// no time of their own.
pub(crate) fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .fmt_fields(fields());
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let lines = if journal { lines.without_time().boxed() } else { lines.boxed() };
    // A second start in one process (tests) keeps the first one's logging.
    let _ = tracing_subscriber::registry().with(lines).with(filter).with(Limited).try_init();
}

/// Says from time to time what was left out. Never returns.
pub(crate) async fn say_what_is_left_out() {
    let mut ticks = tokio::time::interval(SAID_EVERY);
    loop {
        ticks.tick().await;
        say_left_out_now();
    }
}

/// Says what was left out since it was last said.
pub(crate) fn say_left_out_now() {
    for limit::LeftOut { lines, first } in limit::left_out(Instant::now()) {
        tracing::warn!(target: limit::TARGET, "too many lines of a kind; left out: {lines} × {first}");
    }
}

/// How the message and the fields of a line are written.
fn fields() -> impl for<'writer> FormatFields<'writer> + Clone + 'static {
    debug_fn(write_field).delimited(" ")
}

fn write_field(to: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    match field.name() {
        "message" => {}
        // Those of the crate `log` stand in the line already.
        name if name.starts_with("log.") => return Ok(()),
        name if to.has_ansi_escapes() => write!(to, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
        name => write!(to, "{}=", name.trim_start_matches("r#"))?,
    }
    write!(Escaping(to), "{value:?}")
}

/// A line's message and fields, as text that is cut.
fn text_of(event: &tracing::Event<'_>) -> String {
    let mut text = String::new();
    // Only a value that cannot be shown fails, and the rest of the line is there.
    let _ = fields().format_fields(Writer::new(&mut text), event);
    foreign(&text).to_string()
}
