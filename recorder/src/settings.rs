//! The settings of the recorder.

use std::path::PathBuf;

use daemon_runtime::{EndpointSettings, MqttSettings};
use meter_ledger::LedgerHome;
use serde::Deserialize;

/// `/etc/powerpi/powerpi-recorder.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The ledger's file, whose folder must be there; or a database, `postgresql://…`.
    pub ledger: LedgerHome,
    /// The folder of the RRD files; made where it is missing.
    pub rrd_dir: PathBuf,
    /// Meters that are recorded, of all sites. Half of them are shared out: each site gets a fiftieth for
    /// itself; the other half is for whoever comes first.
    pub max_meters: usize,
    /// Meters that have an RRD file, of 4.2 MB, for pictures drawn by librrd. Shared out in the same way.
    pub max_rrd_files: usize,
    /// Whether minutes are judged by this machine's clock only once that is synchronised; else always.
    pub wait_for_sync: bool,
    /// Where Prometheus finds the figures.
    pub metrics: EndpointSettings,
    /// The broker.
    pub mqtt: MqttSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ledger: LedgerHome::File("/var/lib/powerpi/recorder/ledger.sqlite".into()),
            rrd_dir: "/var/lib/powerpi/recorder/rrd".into(),
            max_meters: 1000,
            max_rrd_files: 1000,
            wait_for_sync: true,
            metrics: EndpointSettings::default(),
            mqtt: MqttSettings::default(),
        }
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
