//! Carries messages from publishers to subscribers, over MQTT 3.1.1 and MQTT 5.
//!
//! Start reading at [`broker::run`].

use std::process::ExitCode;

use daemon_runtime::{Arguments, Daemon, Files};

const NAME: &str = "powerpi-broker";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Carries messages from publishers to subscribers, over MQTT 3.1.1 and MQTT 5";

fn main() -> ExitCode {
    let arguments = Arguments::read(NAME, VERSION, ABOUT);
    let daemon = Daemon {
        name: NAME,
        version: VERSION,
        config: arguments.config(),
        worker_threads: 2,
        files: Files::OfUser,
    };
    daemon.run(|settings, shutdown| async {
        let reloads = daemon.reloads()?;
        broker::run(settings, reloads, shutdown).await
    })
}
