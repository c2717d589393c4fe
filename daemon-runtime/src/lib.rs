//! What all daemons do alike: read their command line and settings, log, stop on a signal, say when
//! they are ready and how they do, own what blocks, be a client of a broker, and turn their end
//! into an exit code.
//!
//! Start reading at [`Daemon::run`].

mod arguments;
mod clock;
mod daemon;
#[cfg(feature = "endpoint")]
mod endpoint;
mod log_pace;
mod logging;
mod manual;
#[cfg(feature = "metrics")]
mod metrics;
mod mqtt;
mod open_files;
mod owner;
mod owner_names;
mod places;
mod random;
mod reloads;
mod replacing;
mod secrets;
mod settings;
mod shares;
mod shutdown;
mod trusted_clock;
mod watchdog;

pub use arguments::Arguments;
pub use clock::{Clocks, monotonic_ns, now, utc_offset_ns};
pub use daemon::{Daemon, EXIT_FAILURE, EXIT_SETTINGS, block_on, exit_code, ready};
#[cfg(feature = "endpoint")]
pub use endpoint::{Endpoint, EndpointSettings, Health, Tells};
pub use log_pace::LogPace;
pub use manual::read_command_line;
#[cfg(feature = "metrics")]
pub use metrics::{Durations, MetricLabels, MetricUnit, Metrics, MetricsForm};
pub use mqtt::{Address, Connection, MqttSession, MqttSettings, is_this_machine, shown_certificates};
pub use open_files::allow_open_files;
pub use owner::{Alive, Owner, OwnerEnded, OwnerThread};
pub use owner_names::OwnerNames;
pub use places::{NoPlace, Occupant, Places, customer_of, most_of_network, network_of};
pub use random::random_id;
pub use reloads::Reloads;
pub use replacing::replace_file;
pub use secrets::{Files, Secret, warn_if_others_can_read};
pub use settings::{SettingsError, UnknownName, load, parse, unknown_names};
pub use shares::Shares;
pub use shutdown::on_signal;
pub use trusted_clock::TrustedClock;
