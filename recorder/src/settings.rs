//! The settings of the recorder.

use std::path::PathBuf;

use serde::Deserialize;

/// `/etc/powerpi/powerpi-recorder.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The ledger's file; its folder must be there.
    pub ledger: PathBuf,
    /// The folder of the RRD files; made where it is missing.
    pub rrd_dir: PathBuf,
    /// The broker.
    pub mqtt: MqttSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ledger: "/var/lib/powerpi/recorder/ledger.sqlite".into(),
            rrd_dir: "/var/lib/powerpi/recorder/rrd".into(),
            mqtt: MqttSettings::default(),
        }
    }
}

/// How to reach the broker.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttSettings {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Seconds between signs of life.
    pub keep_alive_s: u16,
    /// The session's name at the broker; two recorders need two.
    pub client_id: String,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self { host: "127.0.0.1".into(), port: 1883, keep_alive_s: 20, client_id: "powerpi-recorder".into() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_in_deploy_is_understood() {
        daemon_runtime::parse::<Settings>(include_str!("../../deploy/powerpi-recorder.toml")).unwrap();
    }
}
