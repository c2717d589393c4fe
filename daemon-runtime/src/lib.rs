//! What all daemons do alike: read settings, log, stop on a signal, say when
//! they are ready, connect again, and turn their end into an exit code.
//!
//! Start reading at [`Daemon::run`].

mod daemon;
mod logging;
mod reconnect;
mod settings;
mod shutdown;

pub use daemon::{Daemon, EXIT_FAILURE, EXIT_SETTINGS, exit_code, ready};
pub use reconnect::reconnect;
pub use settings::{SettingsError, load, parse};
pub use shutdown::on_signal;
