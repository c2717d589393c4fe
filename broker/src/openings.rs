//! What the settings leave open to others, said in the log at the start.

use std::net::SocketAddr;

use daemon_runtime::warn_if_others_can_read;

use crate::access::{Access, Entrance};
use crate::settings::Settings;

/// Says who could come in or read along at these addresses, and which secrets others can read.
pub(crate) fn warn(settings: &Settings, access: &Access, entrances: &[(SocketAddr, Entrance)]) {
    for (address, entrance) in entrances.iter().filter(|(_, entrance)| !entrance.loopback) {
        if access.admits_anonymous(*entrance) {
            let role = settings.access.anonymous_role;
            tracing::warn!(%address, %role, "whoever can reach this address comes in without a password");
        }
        if !entrance.tls && access.has_passwords() {
            tracing::warn!(
                %address,
                "passwords come to this address in clear text; set a certificate under [tls], \
                 or listen on 127.0.0.1"
            );
        }
    }
    let files = [&settings.access.users, &settings.tls.key];
    files.into_iter().flatten().for_each(|file| warn_if_others_can_read(file));
}
