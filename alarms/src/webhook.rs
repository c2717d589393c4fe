//! Notices to a web address, in the form that is wanted there.

mod form;
mod hidden;
mod own_body;
mod settings;

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use foreign_text::foreign;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use self::form::Form;
use self::hidden::hidden;
pub use self::settings::{Template, WebhookSettings, one_or_several};
use crate::notice::Notice;

/// How long the server may take.
const WITHIN: Duration = Duration::from_secs(30);

/// So much of what a server says against a notice is read, in bytes.
const MOST_READ: usize = 4096;

/// An address to send to.
#[derive(Debug)]
pub struct Webhook {
    /// What it is called.
    pub name: String,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    form: Form,
    headers: HeaderMap,
    /// What nobody is to read in the log, should a server repeat it.
    hidden: Vec<String>,
}

impl Webhook {
    /// All that the settings name.
    ///
    /// # Errors
    /// Two of the same name; what is wrong with one.
    pub fn all(settings: &[WebhookSettings]) -> anyhow::Result<Vec<Self>> {
        let mut names = HashSet::new();
        if let Some(twice) = settings.iter().find(|settings| !names.insert(settings.name())) {
            bail!(twice.wrong("there are two of this name; give each a name of its own"));
        }
        settings.iter().map(Self::new).collect()
    }

    /// Loads the system's CAs, and what lies in files.
    ///
    /// # Errors
    /// Not an address, or none that can be read; no CA; what does not go together.
    pub fn new(settings: &WebhookSettings) -> anyhow::Result<Self> {
        let connector =
            HttpsConnectorBuilder::new().with_native_roots()?.https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (address, login) = (settings.address()?, credentials(settings)?);
        let hidden = hidden(settings, &address, login.as_ref().map(|(_, value)| value.as_str()));
        let form = Form::of(settings, address)?;
        Ok(Self {
            name: settings.name().to_owned(),
            client,
            form,
            headers: headers(settings, login)?,
            hidden,
        })
    }

    /// Sends a notice; anything but 2xx is a failure, redirects included.
    ///
    /// # Errors
    /// No answer in time, or a status other than 2xx, with what the server says of it.
    pub async fn send(&self, notice: &Notice) -> anyhow::Result<()> {
        let mut request = Request::builder();
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        let request = self.form.request(notice, request)?;
        let asked = async {
            let answer = self.client.request(request).await?;
            if answer.status().is_success() { Ok(()) } else { Err(self.refusal(answer).await) }
        };
        tokio::time::timeout(WITHIN, asked).await.context("no answer in time")?
    }

    /// What a server says against a notice.
    async fn refusal(&self, answer: Response<Incoming>) -> anyhow::Error {
        let status = answer.status();
        let said = Limited::new(answer.into_body(), MOST_READ).collect().await;
        let said = said.map(|said| said.to_bytes()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let is_told = !said.trim().is_empty() && !self.hidden.iter().any(|hidden| said.contains(hidden));
        match is_told {
            true => anyhow!("the server answered {status}: {}", foreign(said.trim())),
            false => anyhow!("the server answered {status}"),
        }
    }
}

/// What each request has.
fn headers(settings: &WebhookSettings, login: Option<(HeaderName, String)>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &settings.headers {
        let wrong = || settings.wrong(&format!("{} cannot be a header", foreign(name)));
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        headers.insert(name, value.reveal().parse().map_err(|_| wrong())?);
    }
    let agent = concat!("powerpi-alarms/", env!("CARGO_PKG_VERSION"));
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(agent));
    if let Some((name, value)) = login {
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| settings.wrong("its token or password has letters that no header may have"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

/// The header that says who sends, and its value.
fn credentials(settings: &WebhookSettings) -> anyhow::Result<Option<(HeaderName, String)>> {
    let usual = match settings.template {
        Some(Template::Gotify) => Some("x-gotify-key"),
        _ => None,
    };
    match (&settings.token_file, &settings.user, &settings.password_file) {
        (None, None, None) => Ok(None),
        (Some(file), None, None) => {
            let token = settings.secret(file)?;
            let token = token.reveal().trim();
            Ok(Some(match settings.token_header.as_deref().or(usual) {
                Some(name) => {
                    let wrong = |_| settings.wrong("token_header cannot be a header");
                    (name.parse().map_err(wrong)?, token.to_owned())
                }
                None => (header::AUTHORIZATION, format!("Bearer {token}")),
            }))
        }
        (None, Some(user), Some(file)) => {
            let password = settings.secret(file)?;
            let login = STANDARD.encode(format!("{user}:{}", password.reveal()));
            Ok(Some((header::AUTHORIZATION, format!("Basic {login}"))))
        }
        _ => bail!(settings.wrong("write either token_file, or user and password_file")),
    }
}

#[cfg(test)]
mod tests;
