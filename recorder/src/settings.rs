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
    /// Where several recorders share a ledger: up to so many sites, each subscribes to the minutes of its own alone. If it is not
    /// set, 500, for which our broker has room, and none where the broker has several addresses.
    pub max_site_filters: Option<usize>,
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
            max_site_filters: None,
            wait_for_sync: true,
            metrics: EndpointSettings::default(),
            mqtt: MqttSettings::default(),
        }
    }
}

/// Filters take room at our broker (some 6 KB each), which has it for 10,000 in all and 1,000 of a session.
const SITE_FILTERS: usize = 500;

impl Settings {
    /// How many sites' minutes are subscribed to one by one. A broker of several nodes is NATS, where a filter is a consumer with
    /// a log of its own on three nodes, and where it was seen that a consumer breaks.
    pub fn site_filters(&self) -> usize {
        let usual = if self.mqtt.addresses().len() > 1 { 0 } else { SITE_FILTERS };
        self.max_site_filters.unwrap_or(usual)
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
