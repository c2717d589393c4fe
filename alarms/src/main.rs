//! Sends notices when a meter needs attention.
//!
//! Start reading at [`alarms::run`].

use std::process::ExitCode;

use daemon_runtime::{Arguments, Daemon};

const NAME: &str = "powerpi-alarms";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Sends notices by MQTT, e-mail and webhook when a meter needs attention";

fn main() -> ExitCode {
    let arguments = Arguments::read(NAME, VERSION, ABOUT);
    let config = arguments.config();
    Daemon { name: NAME, version: VERSION, config, worker_threads: 1 }.run(alarms::run)
}
