//! Where Home Assistant is, and who may change its statistics.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use daemon_runtime::Secret;
use serde::Deserialize;

/// What the settings are called, without their ending.
const NAME: &str = "powerpi-home-assistant";

/// Where the token lies unless the settings say otherwise; systemd hands it over from there.
const USUAL_TOKEN: &str = "/etc/credstore/powerpi-home-assistant.token";

/// `/etc/powerpi/powerpi-home-assistant.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// Where it answers, like `http://homeassistant.local:8123`.
    pub(super) url: String,
    token_file: Option<PathBuf>,
    /// The CA of its certificate, if the system does not know it.
    pub(super) ca_file: Option<PathBuf>,
}

impl Settings {
    /// Reads them from below the root of a server.
    ///
    /// # Errors
    /// If something is wrong with them, or nobody has written where Home Assistant is.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let file = root.join(format!("etc/powerpi/{NAME}.toml"));
        let settings: Self =
            daemon_runtime::load(NAME, Some(&file).filter(|file| file.is_file()).map(PathBuf::as_path))?;
        if settings.url.is_empty() {
            bail!(
                "nobody has said where Home Assistant is: write url = \"http://HOST:8123\" into {}",
                file.display()
            );
        }
        Ok(settings)
    }

    /// The token that an administrator has made in Home Assistant.
    ///
    /// # Errors
    /// If its file is not there, or empty.
    pub(super) fn token(&self) -> anyhow::Result<Secret> {
        let handed_over = std::env::var_os("CREDENTIALS_DIRECTORY")
            .map(|folder| Path::new(&folder).join("token"))
            .filter(|path| path.is_file());
        let path = self.token_file.clone().or(handed_over).unwrap_or_else(|| USUAL_TOKEN.into());
        let advice = || {
            format!(
                "{}: make a token in Home Assistant, in your profile under Security, \"Long-lived access tokens\", and \
                 write it into this file, which only root may read",
                path.display()
            )
        };
        let token = Secret::read(&path).with_context(advice)?;
        if token.reveal().trim().is_empty() {
            bail!(advice());
        }
        Ok(token)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_understood() {
        let sample = include_str!("../../../deploy/powerpi-home-assistant.toml");
        let as_it_is: Settings = daemon_runtime::parse(sample).unwrap();
        assert_eq!(as_it_is.url, "", "who installs the package has said nothing yet");
        let filled = sample
            .replace("# url", "url")
            .replace("# token_file", "token_file")
            .replace("# ca_file", "ca_file");
        let filled: Settings = daemon_runtime::parse(&filled).unwrap();
        assert!(filled.url.starts_with("http") && filled.token_file.is_some() && filled.ca_file.is_some());
    }
}
