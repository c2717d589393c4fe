//! What of a client's settings lets others in, or read along.

use std::net::IpAddr;

use super::MqttSettings;
use crate::secrets::warn_if_others_can_read;

impl MqttSettings {
    /// Says in the log what is open: a password that goes over the network in clear text, files with
    /// secrets that every user of the machine can read.
    pub fn warn_of_openings(&self) {
        let beyond = self.addresses().into_iter().find(|address| !is_this_machine(&address.host));
        if let Some(address) = beyond.filter(|_| self.user.is_some() && !self.tls) {
            tracing::warn!("the password for the broker goes to {address} in clear text; set mqtt.tls");
        }
        let files = [self.password_file.as_deref(), self.key_file.as_deref()];
        files.into_iter().flatten().for_each(warn_if_others_can_read);
    }
}

/// Whether what is sent there does not leave this machine.
pub fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
