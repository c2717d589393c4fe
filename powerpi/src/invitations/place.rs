//! Where the server's settings are, and how its services are told that they have changed.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::broker_settings::BrokerSettings;
use super::control::Control;

/// A server, as options name it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The folder of the server's settings
    #[arg(long, value_name = "DIR", default_value = "/etc/powerpi")]
    settings: PathBuf,
    /// The program that starts and reloads services: it is called with "reload", "restart" or "start" and their name
    #[arg(long, value_name = "PROGRAM", default_value = "systemctl")]
    control: PathBuf,
    /// Where open invitations lie for the server's first page
    #[arg(long, value_name = "DIR", default_value = pairing::SHOWN)]
    invitations: PathBuf,
}

impl Place {
    /// The folder of its settings.
    pub(crate) fn folder(&self) -> &Path {
        &self.settings
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

    /// Where its pages find open invitations.
    pub(super) fn shown(&self) -> &Path {
        &self.invitations
    }

    /// What tells its services.
    pub(crate) fn control(&self) -> Control<'_> {
        Control(&self.control)
    }
}
