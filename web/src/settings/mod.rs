//! The settings of the web server.

pub(crate) mod time_zone;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use daemon_runtime::MqttSettings;
use jiff::tz::TimeZone;
use meter_figures::{Holiday, TariffSettings};
use meter_ledger::LedgerHome;
use serde::Deserialize;
use site_settings::{MeterSettings, NoteSettings, PublicMeters, SiteSettings, Store, USUAL_FOLDER};
use web_http::{BasePath, Network};

use crate::access::AccessSettings;

/// `/etc/powerpi/powerpi-web.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// The sub-path that a proxy serves the site under, like `/power`; it may be
    /// taken off by the proxy or not.
    pub base_path: BasePath,
    /// Proxies whose `X-Forwarded-For`, `-Host`, `-Proto` and `-Prefix` are believed.
    pub trusted_proxies: Vec<Network>,
    /// The recorder's ledger: a file, or a database as `postgresql://…`.
    pub ledger: LedgerHome,
    /// The recorder's folder of RRD files; where the ledger is a database, the pages make them in `state_dir`.
    pub rrd_dir: PathBuf,
    /// The zone of the site's days and months; the system's where none is given.
    pub time_zone: Option<Zone>,
    /// The store of what people say of the site on top of this, unless the ledger is a database: then it is there.
    pub settings_dir: PathBuf,
    /// The folder of what the pages keep for themselves: what sessions need, and RRD files of their own.
    pub state_dir: PathBuf,
    /// Where open invitations lie, for the first page.
    pub invitations_dir: PathBuf,
    /// The currency of prices.
    pub currency: Option<String>,
    /// What energy costs.
    pub tariff: Vec<TariffSettings>,
    /// The days on which prices for holidays hold.
    pub holidays: Option<Vec<Holiday>>,
    /// What is to be said of meters.
    pub meter: Vec<MeterSettings>,
    /// What people want to remember.
    pub note: Vec<NoteSettings>,
    /// Browsers connected at the same time; a further one gets the place of one that is idle.
    pub max_connections: usize,
    /// Meters whose values of now are kept in mind, of all sites; shared out like the recorder's.
    pub max_meters: usize,
    /// The JSON in which a hackerspace says what SpaceAPI asks for; `/spaceapi.json` adds the power of public meters.
    pub spaceapi: Option<PathBuf>,
    /// Who may see what.
    pub access: AccessSettings,
    /// The broker.
    pub mqtt: MqttSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_path: BasePath::default(),
            trusted_proxies: vec![
                IpAddr::from(Ipv4Addr::LOCALHOST).into(),
                IpAddr::from(Ipv6Addr::LOCALHOST).into(),
            ],
            ledger: LedgerHome::File("/var/lib/powerpi/recorder/ledger.sqlite".into()),
            rrd_dir: "/var/lib/powerpi/recorder/rrd".into(),
            time_zone: None,
            settings_dir: USUAL_FOLDER.into(),
            state_dir: "/var/lib/powerpi/web".into(),
            invitations_dir: pairing::SHOWN.into(),
            currency: None,
            tariff: Vec::new(),
            holidays: None,
            meter: Vec::new(),
            note: Vec::new(),
            max_connections: 2_000,
            max_meters: 1_000,
            spaceapi: None,
            access: AccessSettings::default(),
            mqtt: MqttSettings::default(),
        }
    }
}

impl Settings {
    /// What is read at the start only, in words to compare it by; secrets are not among them.
    pub(crate) fn at_start_only(&self) -> Vec<(&'static str, String)> {
        vec![
            ("listen", self.listen.to_string()),
            ("base_path", format!("{:?}", self.base_path)),
            ("trusted_proxies", format!("{:?}", self.trusted_proxies)),
            ("state_dir", self.state_dir.display().to_string()),
            ("time_zone", format!("{:?}", self.zone().iana_name())),
            ("max_connections", self.max_connections.to_string()),
            ("max_meters", self.max_meters.to_string()),
            ("[mqtt]", format!("{:?}", self.mqtt)),
        ]
    }

    /// What of it is the site's, and goes before the store.
    pub(crate) fn of_site(&self) -> SiteSettings {
        SiteSettings {
            currency: self.currency.clone(),
            holidays: self.holidays.clone(),
            tariff: self.tariff.clone(),
            meter: self.meter.clone(),
            access: PublicMeters { public_meters: self.access.public_meters.clone() },
            alarm: Vec::new(),
            note: self.note.clone(),
        }
    }

    /// The store.
    pub(crate) fn store(&self) -> Store {
        Store::beside(&self.ledger, &self.settings_dir)
    }

    /// The zone of days, months and pictures.
    pub fn zone(&self) -> TimeZone {
        self.time_zone.as_ref().map_or_else(TimeZone::system, |zone| zone.0.clone())
    }
}

/// A time zone by its IANA name.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(pub(crate) TimeZone);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let zone = TimeZone::get(&name);
        zone.map(Self).map_err(|_| format!("unknown time zone \"{name}\"; write one like Europe/Berlin"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_does_not_exist_is_named() {
        let error = daemon_runtime::parse::<Settings>("time_zone = \"Mars/Olympus\"").unwrap_err();
        assert_eq!(
            error.to_string(),
            "settings: time_zone: unknown time zone \"Mars/Olympus\"; write one like Europe/Berlin"
        );
    }

    #[test]
    fn every_key_may_be_set_or_left_out() {
        let all = "listen = \"[::1]:0\"\nledger = \"l\"\nrrd_dir = \"r\"\ntime_zone = \"Asia/Kathmandu\"\n\
                   max_connections = 5\n[mqtt]\nhost = \"h\"\nport = 1\nkeep_alive_s = 5";
        let settings: Settings = daemon_runtime::parse(all).unwrap();
        assert_eq!(settings.zone().iana_name(), Some("Asia/Kathmandu"));
        let none: Settings = daemon_runtime::parse("").unwrap();
        assert_eq!(none.listen.to_string(), "127.0.0.1:8080");
    }

    #[test]
    fn the_sample_in_deploy_is_understood() {
        daemon_runtime::parse::<Settings>(include_str!("../../../deploy/powerpi-web.toml")).unwrap();
    }
}
