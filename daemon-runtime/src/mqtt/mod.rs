//! The way to a broker: its settings, a session over all its connections, and one connection.

mod address;
mod chain;
mod connection;
mod openings;
mod session;
mod settings;
mod tries;
mod trust;

pub use address::Address;
pub use chain::shown_certificates;
pub use connection::Connection;
pub use openings::is_this_machine;
pub use session::MqttSession;
pub use settings::MqttSettings;
