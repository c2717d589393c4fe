//! The way to a broker.

mod session;
mod settings;

pub use session::reconnect;
pub use settings::MqttSettings;
