//! Sends notices when a meter needs attention.
//!
//! Start reading at [`alarms::run`].

use std::process::ExitCode;

use alarms::settings::Settings;
use daemon_runtime::{Arguments, Daemon, Files, warn_if_others_can_read};

const NAME: &str = "powerpi-alarms";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Sends notices by MQTT, e-mail and webhook when a meter needs attention";

fn main() -> ExitCode {
    let arguments = Arguments::read(NAME, VERSION, ABOUT);
    let config = arguments.config();
    let daemon = Daemon { name: NAME, version: VERSION, config, worker_threads: 1, files: Files::OfUser };
    daemon.run(|settings: Settings, shutdown| async {
        if settings.has_secrets() {
            warn_if_others_can_read(&daemon.settings_file());
        }
        let reloads = daemon.reloads()?;
        alarms::run(settings, reloads, shutdown).await
    })
}
