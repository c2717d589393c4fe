//! Notices to a web address, as JSON.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use daemon_runtime::{Secret, SettingsError, is_this_machine, warn_if_others_can_read};
use http_body_util::Full;
use hyper::{Request, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

use crate::notice::Notice;

/// How long the server may take.
const WITHIN: Duration = Duration::from_secs(30);

/// `[webhook]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The address, `https://…` or `http://…`, to which each notice is posted. Whoever knows it may
    /// be able to post as well, so it is not shown.
    pub url: Option<Secret>,
    /// Instead of it: the file whose first line is the address.
    pub url_file: Option<PathBuf>,
}

impl WebhookSettings {
    fn address(&self) -> anyhow::Result<Uri> {
        let address = match (&self.url, &self.url_file) {
            (Some(url), None) => url.clone(),
            (None, Some(file)) => {
                warn_if_others_can_read(file);
                Secret::read(file).with_context(|| format!("webhook: reading {}", file.display()))?
            }
            _ => bail!(SettingsError::new("webhook: write either url or url_file")),
        };
        let wrong = || SettingsError::new("webhook: its address must be like https://… or http://…");
        let uri: Uri = address.reveal().trim().parse().map_err(|_| wrong())?;
        match (uri.scheme_str(), uri.host()) {
            (Some("https"), Some(_)) => {}
            (Some("http"), Some(host)) if is_this_machine(host) => {}
            (Some("http"), Some(host)) => {
                tracing::warn!("notices go to the webhook at {host} in clear text; use https");
            }
            _ => bail!(wrong()),
        }
        Ok(uri)
    }
}

/// An address to send to.
pub struct Webhook {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
}

impl Webhook {
    /// Loads the system's CAs.
    ///
    /// # Errors
    /// Not an address, or none that can be read; no CA.
    pub fn new(settings: &WebhookSettings) -> anyhow::Result<Self> {
        let uri = settings.address()?;
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), uri })
    }

    /// Sends a notice; anything but 2xx is a failure, redirects included.
    ///
    /// # Errors
    /// No answer in time, or a status other than 2xx.
    pub async fn send(&self, notice: &Notice) -> anyhow::Result<()> {
        let request = Request::post(self.uri.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("powerpi-alarms/", env!("CARGO_PKG_VERSION")))
            .body(Full::from(notice.to_json()))?;
        let answer = tokio::time::timeout(WITHIN, self.client.request(request))
            .await
            .context("no answer in time")??;
        if !answer.status().is_success() {
            bail!("the server answered {}", answer.status());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> WebhookSettings {
        daemon_runtime::parse(toml).unwrap()
    }

    #[test]
    fn the_address_stands_in_the_settings_or_in_a_file() {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("webhook");
        std::fs::write(&file, "https://example.org/hooks/token\nmore\n").unwrap();
        let in_file = format!("url_file = '{}'", file.display());
        for toml in ["url = 'https://example.org/hooks/token'", &in_file] {
            assert_eq!(settings(toml).address().unwrap(), "https://example.org/hooks/token", "{toml}");
        }
        for toml in ["", &format!("url = 'https://example.org'\n{in_file}")] {
            let said = format!("{:#}", settings(toml).address().unwrap_err());
            assert!(said.contains("either url or url_file"), "{said}");
        }
    }

    #[test]
    fn it_is_never_shown() {
        for url in [
            "https://example.org/token",
            "ftp://example.org/token",
            "token",
            "https:///token",
            "ht tp://token",
        ] {
            let settings = settings(&format!("url = '{url}'"));
            assert!(!format!("{settings:?}").contains("token"));
            if let Err(error) = settings.address() {
                assert!(!format!("{error:?}").contains("token"), "{error:?}");
            }
        }
    }
}
