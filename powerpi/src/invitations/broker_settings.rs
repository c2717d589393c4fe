//! The broker's settings, as letting Pis in needs them. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml_edit::{DocumentMut, Item, Table, value};

/// The port of MQTT by TLS, where the settings name none.
const TLS: u16 = 8883;

/// Where the broker listens without TLS, where the settings do not say it.
const PLAIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1883);

/// The broker's settings, and what was added to them.
#[derive(Debug, Clone)]
pub(super) struct BrokerSettings {
    document: DocumentMut,
    /// What was not set before and is now, as in `tls.certificate`.
    pub(super) added: Vec<&'static str>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl BrokerSettings {
    /// Reads the text of its settings.
    ///
    /// # Errors
    /// If that is no TOML.
    pub(super) fn read(text: &str) -> anyhow::Result<Self> {
        Ok(Self { document: text.parse().context("the broker's settings are no TOML")?, added: Vec::new() })
    }

    /// Its text now.
    pub(super) fn text(&self) -> String {
        self.document.to_string()
    }

    fn text_of(&self, section: &str, key: &str) -> Option<&str> {
        self.document.get(section)?.get(key)?.as_str()
    }

    fn add(&mut self, section: &str, key: &str, name: &'static str, said: &str) {
        let section = self.document.entry(section).or_insert_with(|| Item::Table(Table::new()));
        section[key] = value(said);
        self.added.push(name);
    }

    /// The users file; `usual` is set where there is none yet. Clients on the broker's own machine needed no user
    /// until then, and need none from then on.
    pub(super) fn users(&mut self, usual: &Path) -> PathBuf {
        if let Some(users) = self.text_of("access", "users") {
            return users.into();
        }
        self.add("access", "users", "access.users", &usual.to_string_lossy());
        if self.text_of("access", "anonymous").is_none() {
            self.add("access", "anonymous", "access.anonymous", "loopback");
        }
        usual.to_owned()
    }

    /// The certificate that it shows, if it has one.
    ///
    /// # Errors
    /// If only one of the two files is named.
    pub(super) fn certificate(&self) -> anyhow::Result<Option<CertificateFiles>> {
        match (self.text_of("tls", "certificate"), self.text_of("tls", "key")) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some(CertificateFiles { certificate: certificate.into(), key: key.into() }))
            }
            _ => bail!("[tls] of the broker's settings needs both certificate and key"),
        }
    }

    /// Names the certificate that it shall show.
    pub(super) fn show(&mut self, files: &CertificateFiles) {
        self.add("tls", "certificate", "tls.certificate", &files.certificate.to_string_lossy());
        self.add("tls", "key", "tls.key", &files.key.to_string_lossy());
    }

    /// The port at which it speaks TLS.
    ///
    /// # Errors
    /// If `tls.listen` is no address with a port.
    pub(super) fn tls_port(&self) -> anyhow::Result<u16> {
        let Some(listen) = self.text_of("tls", "listen") else { return Ok(TLS) };
        let address: SocketAddr = listen.parse().context("tls.listen of the broker's settings")?;
        Ok(address.port())
    }

    /// Where programs on this machine reach it without TLS.
    ///
    /// # Errors
    /// If `mqtt.listen` is no address with a port.
    pub(super) fn plain_address(&self) -> anyhow::Result<SocketAddr> {
        let Some(listen) = self.text_of("mqtt", "listen") else { return Ok(PLAIN) };
        let mut address: SocketAddr = listen.parse().context("mqtt.listen of the broker's settings")?;
        if address.ip().is_unspecified() {
            let here =
                if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address.set_ip(here);
        }
        Ok(address)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn own() -> CertificateFiles {
        CertificateFiles {
            certificate: "/etc/powerpi/tls/own.pem".into(),
            key: "/etc/powerpi/tls/own.key".into(),
        }
    }

    #[test]
    fn what_is_missing_is_added_and_all_else_stays() {
        let sample = include_str!("../../../deploy/powerpi-broker.toml");
        for text in ["", sample] {
            let mut settings = BrokerSettings::read(text).unwrap();
            assert_eq!(
                settings.users("/etc/powerpi/users.toml".as_ref()),
                Path::new("/etc/powerpi/users.toml")
            );
            assert_eq!(settings.certificate().unwrap(), None);
            settings.show(&own());
            assert_eq!(settings.added, ["access.users", "access.anonymous", "tls.certificate", "tls.key"]);
            let mut again = BrokerSettings::read(&settings.text()).unwrap();
            assert_eq!(again.certificate().unwrap(), Some(own()));
            assert_eq!(again.users("/elsewhere".as_ref()), Path::new("/etc/powerpi/users.toml"));
            assert!(again.added.is_empty());
            assert_eq!((again.tls_port().unwrap(), again.plain_address().unwrap()), (8883, PLAIN));
            for line in text.lines() {
                assert!(settings.text().contains(line), "{line}");
            }
        }
    }

    #[test]
    fn what_a_person_has_set_is_kept() {
        let text = "[access]\nusers = 'u'\n[tls]\nlisten = '[::]:9'\ncertificate = 'c'\nkey = 'k'\n[mqtt]\nlisten = '0.0.0.0:7'\n";
        let mut settings = BrokerSettings::read(text).unwrap();
        assert_eq!(settings.users("/etc/powerpi/users.toml".as_ref()), Path::new("u"));
        assert_eq!(settings.certificate().unwrap().unwrap().key, Path::new("k"));
        assert_eq!(
            (settings.tls_port().unwrap(), settings.plain_address().unwrap().to_string()),
            (9, "127.0.0.1:7".into())
        );
        assert!(settings.added.is_empty() && settings.text() == text);
        let never = "[access]\nanonymous = 'never'\n";
        let mut settings = BrokerSettings::read(never).unwrap();
        settings.users("u".as_ref());
        assert_eq!(settings.added, ["access.users"], "who may come in without a user is not changed");
        assert!(BrokerSettings::read("[tls]\nkey = 'k'\n").unwrap().certificate().is_err());
    }
}
