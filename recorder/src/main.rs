//! Records pulse counts from MQTT into the ledger and one RRD file per meter.
//!
//! Start reading at [`recorder::run`].

use std::process::ExitCode;

use daemon_runtime::{Arguments, Daemon, Files};

const NAME: &str = "powerpi-recorder";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Records pulse counts from MQTT into the ledger and one RRD file per meter";

fn main() -> ExitCode {
    let arguments = Arguments::read(NAME, VERSION, ABOUT);
    let config = arguments.config();
    Daemon { name: NAME, version: VERSION, config, worker_threads: 0, files: Files::OfGroup }
        .run(recorder::run)
}
