//! MQTT 5, packet by packet, and with mosquitto's clients.

pub(crate) mod client;
mod connecting;
mod hostile;
mod identifiers;
mod lasting;
mod messages;
mod mosquitto;
mod recovering;
mod rights;
mod subscribing;
mod wills;
