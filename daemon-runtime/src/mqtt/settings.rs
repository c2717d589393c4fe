//! How a daemon reaches its broker: address, user, TLS.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::Address;
use super::trust::TrustWithoutClock;
use crate::secrets::Secret;
use crate::settings::SettingsError;

const PLAIN_PORT: u16 = 1883;
const TLS_PORT: u16 = 8883;

/// The systemd credential that is the password where `password_file` is not set.
const CREDENTIAL: &str = "mqtt-password";

/// The broker where none is named: the one on this machine.
const USUAL_HOST: &str = "127.0.0.1";

/// The section `[mqtt]` of a daemon that is a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttSettings {
    /// Name or address; 127.0.0.1 where none is given.
    pub host: Option<String>,
    /// TCP port; 1883, or 8883 with TLS, where none is given.
    pub port: Option<u16>,
    /// Instead of the two: several addresses, tried in this order.
    pub hosts: Option<Vec<Address>>,
    /// Seconds between signs of life.
    pub keep_alive_s: u16,
    /// The client's name at the broker; each program has a usual one.
    pub client_id: Option<String>,
    /// The user at the broker.
    pub user: Option<String>,
    /// The file whose first line is the password. Without it systemd's credential `mqtt-password`
    /// is taken, if there is one.
    pub password_file: Option<PathBuf>,
    /// Whether to speak TLS.
    pub tls: bool,
    /// The CAs to trust, in PEM; the system's where none are given. As long as the kernel does not consider the clock
    /// right, the dates of certificates of these CAs are not checked.
    pub ca_file: Option<PathBuf>,
    /// A client certificate, in PEM.
    pub certificate_file: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key_file: Option<PathBuf>,
}

impl Default for MqttSettings {
    fn default() -> Self {
        Self {
            host: None,
            port: None,
            hosts: None,
            keep_alive_s: 20,
            client_id: None,
            user: None,
            password_file: None,
            tls: false,
            ca_file: None,
            certificate_file: None,
            key_file: None,
        }
    }
}

impl MqttSettings {
    /// Where to connect to, in the order of trying; each with its port.
    pub fn addresses(&self) -> Vec<Address> {
        let one = || {
            let host = self.host.clone().unwrap_or_else(|| USUAL_HOST.to_owned());
            vec![Address { host, port: self.port }]
        };
        let usual_port = if self.tls { TLS_PORT } else { PLAIN_PORT };
        let with_port = |address: Address| Address { port: address.port.or(Some(usual_port)), ..address };
        self.hosts.clone().unwrap_or_else(one).into_iter().map(with_port).collect()
    }

    /// What serde cannot check.
    ///
    /// # Errors
    /// A [`SettingsError`] that says what to write.
    pub fn check(&self) -> Result<(), SettingsError> {
        let refuse = |said: &str| Err(SettingsError::new(format!("mqtt: {said}")));
        if self.hosts.is_some() && (self.host.is_some() || self.port.is_some()) {
            return refuse("write either host and port, or hosts");
        }
        if self.hosts.as_ref().is_some_and(Vec::is_empty) {
            return refuse("hosts names no broker; write it like hosts = [\"server.lan:1883\"]");
        }
        let of_tls = [&self.ca_file, &self.certificate_file, &self.key_file];
        if !self.tls && of_tls.iter().any(|file| file.is_some()) {
            return refuse("ca_file, certificate_file and key_file need tls = true");
        }
        if self.certificate_file.is_some() != self.key_file.is_some() {
            return refuse("certificate_file and key_file belong together");
        }
        if self.password_file.is_some() && self.user.is_none() {
            return refuse("password_file needs a user");
        }
        if self.client_id.as_deref() == Some("") {
            return refuse("client_id must not be empty; leave it out for the default");
        }
        Ok(())
    }

    /// Options for one connection. Files are read again each time, so that a changed password or
    /// certificate counts from the next connection on.
    ///
    /// # Errors
    /// If a file cannot be read or does not hold what it should; the error names it.
    pub(super) fn options(&self, client_id: &str, address: &Address) -> anyhow::Result<MqttOptions> {
        let mut options = MqttOptions::new(client_id, &address.host, address.port.unwrap_or(PLAIN_PORT));
        options.set_keep_alive(Duration::from_secs(self.keep_alive_s.into()));
        if let Some(user) = &self.user {
            options.set_credentials(user, self.password()?);
        }
        if self.tls {
            let config = TlsConfiguration::Rustls(Arc::new(self.tls_config()?));
            options.set_transport(Transport::Tls(config));
        }
        Ok(options)
    }

    fn password(&self) -> anyhow::Result<String> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|folder| Path::new(&folder).join(CREDENTIAL))
            .filter(|path| path.is_file());
        let Some(path) = self.password_file.clone().or(credential) else {
            // A client certificate may be enough.
            return Ok(String::new());
        };
        let password =
            Secret::read(&path).with_context(|| format!("reading the password in {}", path.display()))?;
        Ok(password.reveal().to_owned())
    }

    fn tls_config(&self) -> anyhow::Result<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .context("choosing TLS versions")?
            .dangerous()
            .with_custom_certificate_verifier(self.trust()?);
        let (Some(certificate), Some(key)) = (&self.certificate_file, &self.key_file) else {
            return Ok(builder.with_no_client_auth());
        };
        let key_der = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("mqtt.key_file {}: no private key in PEM format", key.display()))?;
        builder
            .with_client_auth_cert(certificates(certificate)?, key_der)
            .with_context(|| format!("mqtt.certificate_file {}", certificate.display()))
    }

    /// Whom to believe to be the broker.
    fn trust(&self) -> anyhow::Result<Arc<dyn ServerCertVerifier>> {
        let provider = Arc::new(ring::default_provider());
        let checks = WebPkiServerVerifier::builder_with_provider(Arc::new(self.roots()?), provider);
        let checks = checks.build().context("preparing to check certificates")?;
        Ok(match self.ca_file {
            Some(_) => Arc::new(TrustWithoutClock::new(checks)),
            None => checks,
        })
    }

    fn roots(&self) -> anyhow::Result<RootCertStore> {
        let found = match &self.ca_file {
            Some(path) => certificates(path)?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut roots = RootCertStore::empty();
        // The system's may hold some that nobody can use.
        let (usable, _) = roots.add_parsable_certificates(found);
        if usable == 0 {
            bail!("no CA to trust; install ca-certificates, or set mqtt.ca_file");
        }
        Ok(roots)
    }
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let said = || format!("{}: no certificate in PEM format", path.display());
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .with_context(said)?
        .collect::<Result<_, _>>()
        .with_context(said)?;
    if chain.is_empty() {
        bail!(said());
    }
    Ok(chain)
}

/// As in "broker server:8883 (TLS)".
impl fmt::Display for MqttSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses: Vec<String> = self.addresses().iter().map(Address::to_string).collect();
        write!(f, "broker {}{}", addresses.join(", "), if self.tls { " (TLS)" } else { "" })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (toml, says) in [
            ("ca_file = 'x'", "tls = true"),
            ("tls = true\ncertificate_file = 'x'", "belong together"),
            ("password_file = 'x'", "needs a user"),
            ("client_id = ''", "client_id"),
            ("host = 'a'\nhosts = ['b']", "either host and port, or hosts"),
            ("port = 1\nhosts = ['b']", "either host and port, or hosts"),
            ("hosts = []", "names no broker"),
        ] {
            let settings: MqttSettings = crate::parse(toml).unwrap();
            let said = settings.check().unwrap_err().to_string();
            assert!(said.contains(says), "{said}");
        }
        crate::parse::<MqttSettings>("").unwrap().check().unwrap();
        let said = crate::parse::<MqttSettings>("hosts = ['a', 'fd00::1']").unwrap_err().to_string();
        assert!(said.contains("hosts.2") && said.contains("[fd00::1]"), "{said}");
    }

    #[test]
    fn the_port_follows_tls() {
        for (toml, shown) in [
            ("", "broker 127.0.0.1:1883"),
            ("tls = true", "broker 127.0.0.1:8883 (TLS)"),
            ("host = 'a'\ntls = true\nport = 1", "broker a:1 (TLS)"),
            ("hosts = ['a', 'b:1', '[fd00::1]']", "broker a:1883, b:1, [fd00::1]:1883"),
        ] {
            assert_eq!(crate::parse::<MqttSettings>(toml).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn the_password_is_read_and_not_shown() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "top secret").unwrap();
        let toml = format!("user = 'me'\npassword_file = '{}'", file.path().display());
        let settings: MqttSettings = crate::parse(&toml).unwrap();
        let options = |settings: &MqttSettings| settings.options("x", &settings.addresses()[0]);
        let login = options(&settings).unwrap().credentials().unwrap();
        assert_eq!((login.username.as_str(), login.password.as_str()), ("me", "top secret"));
        assert!(!format!("{settings:?} {settings}").contains("secret"));
        let missing: MqttSettings = crate::parse("user = 'me'\npassword_file = '/nowhere'").unwrap();
        assert!(format!("{:#}", options(&missing).unwrap_err()).contains("/nowhere"));
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_named() {
        let settings: MqttSettings = crate::parse("tls = true\nca_file = '/dev/null'").unwrap();
        assert!(
            format!("{:#}", settings.options("x", &settings.addresses()[0]).unwrap_err())
                .contains("/dev/null")
        );
    }
}
