//! The settings of one publisher: its site, its broker and its meters.

use std::path::PathBuf;

use daemon_runtime::{MqttSettings, SettingsError};
use meter_messages::{Info, MAX_COUNT, MeterId, PulsesPerKwh, SiteId};
use serde::Deserialize;

use crate::bounce_filter::BounceSettings;
use crate::pulse_source::{cdev, simulated, sysfs};

/// `/etc/powerpi/pi-publisher.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The name of this publisher on the wire.
    pub site: SiteId,
    /// Where the outbox lies.
    pub state_dir: PathBuf,
    /// A folder in a tmpfs: what is counted and not on disk yet survives a kill
    /// there. It is made where it is missing.
    pub runtime_dir: PathBuf,
    /// How long delivered minutes are kept, so that a lost server can be
    /// filled again, in days.
    pub keep_days: u32,
    /// Whether minutes wait until the clock is synchronised. A machine without
    /// NTP whose clock is right all the same says no here.
    pub wait_for_clock: bool,
    /// Whether Home Assistant shall find the meters by itself.
    pub home_assistant: bool,
    /// The broker.
    pub mqtt: MqttSettings,
    /// The counters; at least one.
    pub meter: Vec<MeterSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site: "home".parse().expect("a site's name"),
            state_dir: "/var/lib/powerpi/publisher".into(),
            runtime_dir: "/run/powerpi/publisher".into(),
            keep_days: 366,
            wait_for_clock: true,
            home_assistant: true,
            mqtt: MqttSettings::default(),
            meter: Vec::new(),
        }
    }
}

impl Settings {
    /// What serde cannot check: meters there are, each once.
    ///
    /// # Errors
    /// A [`SettingsError`] that says what to write.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.mqtt.check()?;
        let Some(first) = self.meter.first() else {
            return Err(SettingsError::new(
                "no meter is set up; add a [[meter]] with id, pulses_per_kwh and source",
            ));
        };
        for meter in &self.meter {
            meter.check()?;
        }
        let mut seen = vec![&first.id];
        for meter in &self.meter[1..] {
            if seen.contains(&&meter.id) {
                return Err(SettingsError::new(format!("two meters have the id \"{}\"", meter.id)));
            }
            seen.push(&meter.id);
        }
        Ok(())
    }
}

/// One counter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterSettings {
    /// Its name on the wire and in file names.
    pub id: MeterId,
    /// Its name for people; the id where none is given.
    #[serde(default)]
    pub name: Option<String>,
    /// The meter constant printed on it.
    pub pulses_per_kwh: PulsesPerKwh,
    /// The meter's reading when counting begins, in pulses; used once, for a
    /// new outbox.
    #[serde(default)]
    pub initial_total: u64,
    /// The highest power that can flow through the meter, in W. Nothing is done with
    /// more but told by `check`: it is interference, or a wrong meter constant.
    #[serde(default = "three_phases_of_63_a")]
    pub max_power_w: u32,
    /// What a pulse must look like.
    #[serde(default)]
    pub bounce: BounceSettings,
    /// Where its pulses come from.
    pub source: SourceSettings,
}

/// A house connection in Europe: 3 × 63 A at 230 V.
fn three_phases_of_63_a() -> u32 {
    43_470
}

impl MeterSettings {
    /// Refuses what a recorder would refuse.
    fn check(&self) -> Result<(), SettingsError> {
        let longest = Info::LONGEST_NAME;
        if self.name.as_ref().is_some_and(|name| name.is_empty() || name.len() > longest) {
            let said = format!("the name of meter \"{}\" must have 1 to {longest} bytes", self.id);
            return Err(SettingsError::new(said));
        }
        if self.initial_total > MAX_COUNT / 2 {
            let said = format!("initial_total of meter \"{}\" is more than {}", self.id, MAX_COUNT / 2);
            return Err(SettingsError::new(said));
        }
        Ok(())
    }
}

/// A choice of source, by `kind`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceSettings {
    /// The kernel's GPIO character device.
    Cdev(cdev::CdevSettings),
    /// The older `/sys/class/gpio`.
    Sysfs(sysfs::SysfsSettings),
    /// A household that exists only on paper.
    Simulated(simulated::SimulatedSettings),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_in_deploy_is_understood() {
        let settings: Settings =
            daemon_runtime::parse(include_str!("../../deploy/pi-publisher.toml")).unwrap();
        settings.check().unwrap();
    }
}
