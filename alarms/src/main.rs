//! Sends notices when a meter needs attention.
//!
//! Start reading at [`alarms::run`].

use std::path::Path;
use std::process::ExitCode;

use alarms::settings::Settings;
use clap::Parser;
use daemon_runtime::{Daemon, Files, block_on, exit_code, load, warn_if_others_can_read};

const NAME: &str = "powerpi-alarms";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Sends notices by MQTT, e-mail and webhook when a meter needs attention";

#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    daemon: daemon_runtime::Arguments,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Sends a notice by e-mail and each webhook now, and says whether it was accepted
    SendTest,
}

fn main() -> ExitCode {
    let arguments: Arguments = daemon_runtime::Arguments::read_within(NAME, ABOUT);
    let config = arguments.daemon.config();
    if let Some(Command::SendTest) = arguments.command {
        return send_test(config);
    }
    let daemon = Daemon { name: NAME, version: VERSION, config, worker_threads: 1, files: Files::OfUser };
    daemon.run(|settings: Settings, shutdown| async {
        if settings.has_secrets() {
            warn_if_others_can_read(&daemon.settings_file());
        }
        let reloads = daemon.reloads()?;
        alarms::run(settings, reloads, shutdown).await
    })
}

fn send_test(config: Option<&Path>) -> ExitCode {
    let outcome = load::<Settings>(NAME, config).map_err(Into::into).and_then(|settings| {
        block_on(0, async |_| alarms::trying::send_test(&settings, &mut std::io::stdout()).await)
    });
    if let Err(error) = &outcome {
        eprintln!("{NAME}: {error:#}");
    }
    exit_code(&outcome)
}
