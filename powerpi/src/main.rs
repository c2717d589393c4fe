//! The operator's command.

mod daemons;
mod demo;
mod history;
mod span;

use std::process::ExitCode;

use clap::Parser;
use daemon_runtime::exit_code;

/// PowerPi: what your electricity meter did, pulse by pulse.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Shows all of PowerPi on this machine, with a simulated household
    Demo(demo::Options),
}

fn main() -> ExitCode {
    let Command::Demo(options) = Arguments::parse().command;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(demo::run(&options)));
    if let Err(error) = &outcome {
        eprintln!("powerpi: {error:#}");
    }
    exit_code(&outcome)
}
