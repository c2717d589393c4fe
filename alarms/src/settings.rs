//! The settings of the alarms.

use std::path::PathBuf;

use daemon_runtime::{MqttSettings, SettingsError};
use jiff::tz::TimeZone;
use meter_ledger::LedgerHome;
use serde::Deserialize;
use site_settings::{AlarmSettings, SiteSettings, Store, USUAL_FOLDER};

use crate::email::EmailSettings;
use crate::texts::NoticeLanguage;
use crate::webhook::{WebhookSettings, one_or_several};

/// `/etc/powerpi/powerpi-alarms.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The recorder's ledger, a file or a database (`postgresql://…`): budgets are calculated from it.
    pub ledger: LedgerHome,
    /// The file of the alarms' states and unsent notices, whose folder must exist, unless the ledger is a database: then they
    /// are there.
    pub state_file: PathBuf,
    /// The language of the notices.
    pub language: NoticeLanguage,
    /// The time zone of months and times; the system's by default.
    pub time_zone: Option<String>,
    /// The pages' address, so that a notice can link to its meter.
    pub pages: Option<String>,
    /// The broker.
    pub mqtt: MqttSettings,
    /// The store of the site's settings, unless the ledger is a database: then it is there. Alarms that stand in it are
    /// watched, too.
    pub settings_dir: PathBuf,
    /// What to watch.
    pub alarm: Vec<AlarmSettings>,
    /// Notices by e-mail.
    pub email: Option<EmailSettings>,
    /// Notices to web addresses.
    #[serde(deserialize_with = "one_or_several")]
    pub webhook: Vec<WebhookSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ledger: LedgerHome::File("/var/lib/powerpi/recorder/ledger.sqlite".into()),
            state_file: "/var/lib/powerpi/alarms/alarms.json".into(),
            language: NoticeLanguage::default(),
            time_zone: None,
            pages: None,
            mqtt: MqttSettings::default(),
            settings_dir: USUAL_FOLDER.into(),
            alarm: Vec::new(),
            email: None,
            webhook: Vec::new(),
        }
    }
}

impl Settings {
    /// What of it is the site's, and goes before the store.
    pub fn of_site(&self) -> SiteSettings {
        SiteSettings { alarm: self.alarm.clone(), ..SiteSettings::default() }
    }

    /// The store.
    pub fn store(&self) -> Store {
        Store::beside(&self.ledger, &self.settings_dir)
    }

    /// Whether something that may be a secret stands in the settings themselves.
    pub fn has_secrets(&self) -> bool {
        self.webhook.iter().any(WebhookSettings::has_secrets)
    }

    /// The zone of months and times.
    ///
    /// # Errors
    /// An unknown zone.
    pub fn zone(&self) -> Result<TimeZone, SettingsError> {
        let Some(name) = &self.time_zone else { return Ok(TimeZone::system()) };
        TimeZone::get(name).map_err(|_| {
            SettingsError::new(format!("unknown time zone \"{name}\"; write one like Europe/Berlin"))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use site_settings::alarms;

    use super::*;

    #[test]
    fn the_sample_in_deploy_is_understood_with_all_it_shows() {
        let sample = include_str!("../../deploy/powerpi-alarms.toml");
        assert!(daemon_runtime::parse::<Settings>(sample).unwrap().alarm.is_empty());
        let shown: String = sample
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.contains(" = ") => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let settings = daemon_runtime::parse::<Settings>(&shown).unwrap();
        assert_eq!(alarms(&settings.alarm).unwrap().len(), 6, "{shown}");
        assert!(settings.email.is_some());
        assert_eq!(settings.webhook.len(), 6, "{shown}");
    }
}
