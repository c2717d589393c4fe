//! `[[webhook]]`: where notices are posted, and in which form.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use daemon_runtime::{Secret, SettingsError, is_this_machine, warn_if_others_can_read};
use hyper::Uri;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// One `[[webhook]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookSettings {
    /// What it is called in the log and the state file; `webhook` unless there are several.
    pub name: Option<String>,
    /// Whose form its messages have.
    pub template: Option<Template>,
    /// The address, `https://…` or `http://…`. Whoever knows it may be able to post as well, so it is not shown.
    pub url: Option<Secret>,
    /// Instead of it: the file whose first line is the address.
    pub url_file: Option<PathBuf>,
    /// The file whose first line is the token.
    pub token_file: Option<PathBuf>,
    /// The header that carries it; `Authorization: Bearer …` unless set.
    pub token_header: Option<String>,
    /// Instead of a token: a user.
    pub user: Option<String>,
    /// The file whose first line is the user's password.
    pub password_file: Option<PathBuf>,
    /// The room that messages go to, like `!abc:example.org`: of Matrix.
    pub room: Option<String>,
    /// The message in a form of one's own, with words in braces. It may have a token in it.
    pub body: Option<Secret>,
    /// The type of `body`; `application/json` unless set.
    pub content_type: Option<String>,
    /// Further headers. Some services want their token in one.
    pub headers: BTreeMap<String, Secret>,
}

/// Whose form messages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Template {
    /// ntfy; the address is that of a topic.
    Ntfy,
    /// Gotify; the address is that of the server.
    Gotify,
    /// Matrix; the address is that of the homeserver.
    Matrix,
    /// What Slack takes, and many others like it: Mattermost, Rocket.Chat, Google Chat.
    Slack,
}

impl WebhookSettings {
    /// What it is called.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("webhook")
    }

    /// Whether something that may be a secret stands in the settings themselves.
    pub fn has_secrets(&self) -> bool {
        self.url.is_some() || self.body.is_some() || !self.headers.is_empty()
    }

    /// The address; a file is read each time.
    pub(super) fn address(&self) -> anyhow::Result<Uri> {
        let address = match (&self.url, &self.url_file) {
            (Some(url), None) => url.clone(),
            (None, Some(file)) => self.secret(file)?,
            _ => bail!(self.wrong("write either url or url_file")),
        };
        let wrong = || self.wrong("its address must be like https://… or http://…");
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

    /// The first line of a file that is nobody else's business.
    pub(super) fn secret(&self, file: &Path) -> anyhow::Result<Secret> {
        warn_if_others_can_read(file);
        Secret::read(file).with_context(|| format!("webhook \"{}\": reading {}", self.name(), file.display()))
    }

    /// What is wrong with it.
    pub(super) fn wrong(&self, what: &str) -> SettingsError {
        SettingsError::new(format!("webhook \"{}\": {what}", self.name()))
    }
}

/// One of them as `[webhook]`, or several as `[[webhook]]`.
///
/// # Errors
/// What is wrong with one of them.
pub fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<WebhookSettings>, D::Error> {
    struct OneOrSeveral;
    impl<'de> Visitor<'de> for OneOrSeveral {
        type Value = Vec<WebhookSettings>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("[[webhook]] sections")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            WebhookSettings::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, all: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(all))
        }
    }
    deserializer.deserialize_any(OneOrSeveral)
}
