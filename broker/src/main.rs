//! Carries messages from publishers to subscribers, over MQTT 3.1.1.
//!
//! Start reading at [`broker::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::Daemon;

/// The MQTT broker of PowerPi.
#[derive(Parser)]
#[command(name = "powerpi-broker", version)]
struct Arguments {
    /// Settings file; without it /etc/powerpi/powerpi-broker.toml, if there is one.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let daemon = Daemon {
        name: "powerpi-broker",
        version: env!("CARGO_PKG_VERSION"),
        config: arguments.config.as_deref(),
        worker_threads: 2,
    };
    daemon.run(broker::run)
}
