//! Shows meters in a browser: pages, pictures, an API and the value of now.
//!
//! Start reading at [`web::run`].

use std::process::ExitCode;

use daemon_runtime::{Arguments, Daemon, Files};

const NAME: &str = "powerpi-web";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const ABOUT: &str = "Shows in a browser what the meters did";

fn main() -> ExitCode {
    let arguments = Arguments::read(NAME, VERSION, ABOUT);
    web::adopt_time_zone(arguments.config());
    let daemon = Daemon {
        name: NAME,
        version: VERSION,
        config: arguments.config(),
        worker_threads: 2,
        files: Files::OfUser,
    };
    daemon.run(|settings, shutdown| async {
        let reloads = daemon.reloads()?;
        web::run(settings, reloads, shutdown).await
    })
}
