//! Letting Pis in: invitations, who answers them, and the certificate by which the broker is known.
//!
//! An invitation is a user in the broker's users file that may do nothing but ask, once. The same save of that file
//! that uses an invitation up makes its site a user: whatever ends in the middle, one of the two is there.

mod answering;
mod authority;
mod broker_settings;
mod certificate;
mod control;
mod decision;
mod inviting;
mod own_names;
mod sites;

use std::path::{Path, PathBuf};

pub(crate) use answering::{Options as PairOptions, run as pair};
pub(crate) use certificate::{Options as RenewOptions, run as renew};
pub(crate) use inviting::{Options as InviteOptions, run as invite};
pub(crate) use sites::{RevokeOptions, SitesOptions, revoke, sites};

use self::control::Control;

/// Where the server's settings are, and how its services are told that they have changed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Server {
    /// The folder of the server's settings
    #[arg(long, value_name = "DIR", default_value = "/etc/powerpi")]
    settings: PathBuf,
    /// The program that starts and reloads services: it is called with "reload", "restart" or "start" and their name
    #[arg(long, value_name = "PROGRAM", default_value = "systemctl")]
    control: PathBuf,
}

impl Server {
    fn broker_toml(&self) -> PathBuf {
        self.settings.join("powerpi-broker.toml")
    }

    fn control(&self) -> Control<'_> {
        Control(&self.control)
    }

    fn folder(&self) -> &Path {
        &self.settings
    }
}
