//! The settings file of the publisher, as joining changes it. What a person wrote stays: comments, order, all other keys.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use daemon_runtime::{Address, parse};
use pairing::Invitation;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::options::MeterAtPin;
use super::place::Place;
use crate::settings::Settings;

/// What the package brings along: it describes nobody's meter.
const SAMPLE: &str = include_str!("../../../deploy/pi-publisher.toml");

/// The settings as text.
#[derive(Debug, Clone)]
pub(super) struct Paper {
    document: DocumentMut,
    is_of_nobody: bool,
}

impl Paper {
    /// Reads the file, or starts with the sample if there is none.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => SAMPLE.to_owned(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        Self::parse(&text).with_context(|| format!("reading {}", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let document: DocumentMut = text.parse()?;
        let has_meter = document.get("meter").is_some();
        Ok(Self { document, is_of_nobody: !has_meter || text == SAMPLE })
    }

    /// Whether nobody has described a meter.
    pub(super) fn is_of_nobody(&self) -> bool {
        self.is_of_nobody
    }

    /// Its text now.
    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }

    /// The settings that it is.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        let settings: Settings = parse(&self.text())?;
        settings.check()?;
        Ok(settings)
    }

    /// Describes the first meter.
    pub(super) fn set_meter(&mut self, meter: &MeterAtPin) {
        let meters =
            self.document.entry("meter").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(meters) = meters.as_array_of_tables_mut() else { return };
        if meters.is_empty() {
            meters.push(Table::new());
        }
        let Some(first) = meters.get_mut(0) else { return };
        first["id"] = value(meter.id.as_str());
        for other in ["wh_per_pulse", "pulses_per_m3", "litres_per_pulse", "medium"] {
            first.remove(other);
        }
        let whole = meter.constant as i64;
        first["pulses_per_kwh"] =
            if whole as f64 == meter.constant { value(whole) } else { value(meter.constant) };
        let mut source = InlineTable::new();
        source.insert("kind", "cdev".into());
        source.insert("line", format!("pin {}", meter.pin).into());
        first["source"] = value(source);
    }

    /// Names the site and its broker.
    pub(super) fn set_broker(&mut self, invitation: &Invitation, place: &Place) {
        self.document["site"] = value(invitation.site.as_str());
        let mqtt = self.document.entry("mqtt").or_insert_with(|| Item::Table(Table::new()));
        let Some(mqtt) = mqtt.as_table_like_mut() else { return };
        for other in ["host", "port", "certificate_file", "key_file"] {
            mqtt.remove(other);
        }
        let hosts: Array = invitation.addresses.iter().map(Address::to_string).collect();
        mqtt.insert("hosts", value(hosts));
        mqtt.insert("tls", value(true));
        mqtt.insert("ca_file", value(place.authority().display().to_string()));
        mqtt.insert("user", value(invitation.site.as_str()));
        mqtt.insert("password_file", value(place.password().display().to_string()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use pairing::{InvitationId, InvitationSecret};

    use super::*;

    fn joined(text: &str, meter: Option<&MeterAtPin>) -> (Paper, Settings) {
        let invitation = Invitation {
            addresses: vec!["server.lan:8883".to_owned().try_into().unwrap()],
            site: "attic".parse().unwrap(),
            id: InvitationId::random(),
            secret: InvitationSecret::random(),
            authority: pairing::Fingerprint::of(b"x"),
        };
        let place = Place::of("/etc/powerpi/pi-publisher.toml".as_ref(), &invitation).unwrap();
        let mut paper = Paper::parse(text).unwrap();
        if let Some(meter) = meter {
            paper.set_meter(meter);
        }
        paper.set_broker(&invitation, &place);
        let settings = paper.settings().unwrap();
        (paper, settings)
    }

    #[test]
    fn the_sample_becomes_a_sites_settings_and_keeps_its_comments() {
        assert!(Paper::parse(SAMPLE).unwrap().is_of_nobody() && Paper::parse("").unwrap().is_of_nobody());
        for text in [SAMPLE, ""] {
            let meter = MeterAtPin { id: "solar".parse().unwrap(), pin: 13, constant: 187.5 };
            let (paper, settings) = joined(text, Some(&meter));
            assert_eq!((settings.site.as_str(), settings.meter[0].id.as_str()), ("attic", "solar"));
            assert_eq!(settings.mqtt.to_string(), "broker server.lan:8883 (TLS)");
            assert_eq!(settings.mqtt.password_file.unwrap(), Path::new("/etc/powerpi/attic.password"));
            let said = paper.text();
            assert!(said.contains("pulses_per_kwh = 187.5") && said.contains("\"pin 13\""), "{said}");
            let comments = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
            assert_eq!(comments(&said), comments(text), "{said}");
        }
    }

    #[test]
    fn a_meter_that_somebody_has_described_stays() {
        let text = "keep_days = 9\n[[meter]]\nid = 'gas'\nmedium = 'gas'\npulses_per_m3 = 100\n\
                    source = { kind = 'cdev', line = 4 }\n[mqtt]\nhost = 'old'\nport = 7\nkeep_alive_s = 30\n";
        assert!(!Paper::parse(text).unwrap().is_of_nobody());
        let (_, settings) = joined(text, None);
        assert_eq!((settings.keep_days, settings.mqtt.keep_alive_s, settings.mqtt.host), (9, 30, None));
        assert_eq!(settings.meter[0].id.as_str(), "gas");
    }
}
