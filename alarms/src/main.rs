//! Sends notices when a meter needs attention.
//!
//! Start reading at [`alarms::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::Daemon;

/// Sends notices by MQTT, e-mail and webhook when a meter needs attention.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Settings file [default: /etc/powerpi/powerpi-alarms.toml, if there]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.config.as_deref();
    Daemon { name: "powerpi-alarms", version: env!("CARGO_PKG_VERSION"), config, worker_threads: 1 }
        .run(alarms::run)
}
