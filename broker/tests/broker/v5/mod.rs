//! MQTT 5, packet by packet, and with mosquitto's clients.

pub(crate) mod client;
mod connecting;
mod hostile;
mod lasting;
mod messages;
mod mosquitto;
mod subscribing;
mod wills;
