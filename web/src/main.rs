//! Shows meters in a browser: pages, pictures, an API and the value of now.
//!
//! Start reading at [`web::run`].

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::Daemon;

/// Shows what the meters did, in a browser.
#[derive(Parser)]
#[command(name = "powerpi-web", version)]
struct Arguments {
    /// The settings file, instead of /etc/powerpi/powerpi-web.toml.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    web::adopt_time_zone(arguments.config.as_deref());
    let daemon = Daemon {
        name: "powerpi-web",
        version: env!("CARGO_PKG_VERSION"),
        config: arguments.config.as_deref(),
        worker_threads: 2,
    };
    daemon.run(|settings, shutdown| async {
        let reloads = daemon.reloads()?;
        web::run(settings, reloads, shutdown).await
    })
}
