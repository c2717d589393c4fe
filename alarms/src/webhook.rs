//! Notices to a web address, as JSON.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// The address, `https://…` or `http://…`, to which each notice is posted.
    pub url: String,
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
    /// Not an address; no CA.
    pub fn new(settings: &WebhookSettings) -> anyhow::Result<Self> {
        let uri: Uri =
            settings.url.parse().with_context(|| format!("webhook: {} is not an address", settings.url))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            bail!("webhook: {} must begin with https:// or http://", settings.url);
        }
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
