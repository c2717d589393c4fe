//! Records pulse counts from MQTT into the ledger and one RRD file per meter.
//!
//! Start reading at [`recorder::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::Daemon;

/// Records pulse counts from MQTT into the ledger and one RRD file per meter.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Settings file [default: /etc/powerpi/powerpi-recorder.toml, if there]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = arguments.config.as_deref();
    Daemon { name: "powerpi-recorder", version: env!("CARGO_PKG_VERSION"), config, worker_threads: 1 }
        .run(recorder::run)
}
