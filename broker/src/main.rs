//! Carries messages from publishers to subscribers, over MQTT 3.1.1 and MQTT 5.
//!
//! Start reading at [`broker::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::Daemon;

/// Carries messages from publishers to subscribers, over MQTT 3.1.1 and MQTT 5.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// Settings file [default: /etc/powerpi/powerpi-broker.toml, if there]
    #[arg(long, short, value_name = "FILE")]
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
    daemon.run(|settings, shutdown| async {
        let reloads = daemon.reloads()?;
        broker::run(settings, reloads, shutdown).await
    })
}
