//! Where the server's settings are, and how its services are told that they have changed.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::broker_settings::BrokerSettings;
use super::control::Control;
use crate::web_settings::WebSettings;

/// A server's settings, as options name them.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The folder of the server's settings
    #[arg(long, value_name = "DIR", default_value = "/etc/powerpi")]
    settings: PathBuf,
}

/// The same of a server whose services are told something.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ToldPlace {
    #[command(flatten)]
    place: Place,
    /// The program that starts and reloads services: it is called with "reload", "restart" or "start", their name, and
    /// --no-block where nobody waits
    #[arg(long, value_name = "PROGRAM", default_value = "systemctl")]
    control: PathBuf,
}

/// The same of a server that shows its invitations of Pis, or takes them away.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct InvitingPlace {
    #[command(flatten)]
    told: ToldPlace,
    /// Where open invitations lie for the server's first page
    #[arg(long, value_name = "DIR", default_value = pairing::SHOWN)]
    invitations: PathBuf,
}

impl Place {
    /// The folder of its settings.
    pub(crate) fn folder(&self) -> &Path {
        &self.settings
    }

    /// The settings file of the pages.
    pub(crate) fn web_toml(&self) -> PathBuf {
        self.settings.join("powerpi-web.toml")
    }

    /// Reads the settings of the pages.
    pub(crate) fn web(&self) -> anyhow::Result<WebSettings> {
        let path = self.web_toml();
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("reading {}: are the pages on this machine, and are you root?", path.display())
        })?;
        WebSettings::read(&text).with_context(|| path.display().to_string())
    }

    /// The broker's settings file.
    pub(super) fn broker_toml(&self) -> PathBuf {
        self.settings.join("powerpi-broker.toml")
    }

    /// The users file that is set where none is set yet.
    pub(super) fn usual_users(&self) -> PathBuf {
        self.settings.join("users.toml")
    }

    /// Reads the broker's settings.
    pub(super) fn broker(&self) -> anyhow::Result<BrokerSettings> {
        let path = self.broker_toml();
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("reading {}: is the broker on this machine, and are you root?", path.display())
        })?;
        BrokerSettings::read(&text)
    }

    /// The broker's users file, if its settings name one.
    pub(crate) fn brokers_users(&self) -> anyhow::Result<Option<PathBuf>> {
        let mut settings = self.broker()?;
        let users = settings.users("".as_ref());
        Ok(settings.added.is_empty().then_some(users))
    }
}

impl ToldPlace {
    /// What tells its services.
    pub(crate) fn control(&self) -> Control<'_> {
        Control(&self.control)
    }
}

impl Deref for ToldPlace {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl InvitingPlace {
    /// Where its pages find open invitations.
    pub(super) fn shown(&self) -> &Path {
        &self.invitations
    }
}

impl Deref for InvitingPlace {
    type Target = ToldPlace;

    fn deref(&self) -> &ToldPlace {
        &self.told
    }
}

/// The folder in which the pages keep what is theirs.
///
/// # Errors
/// If it is not there yet.
pub(crate) fn folder_of_pages(settings: &WebSettings) -> anyhow::Result<PathBuf> {
    let folder = settings.folder();
    if !folder.is_dir() {
        let folder = folder.display();
        bail!("{folder} is not there: start powerpi-web once, or set state_dir in powerpi-web.toml");
    }
    Ok(folder)
}
