//! Who may come in, and what for: users and their rights, anonymous clients, client certificates.

mod gate;
mod refusals;
mod rights;

use std::net::{IpAddr, SocketAddr};

use broker_users::{Role, User, UserName, Users};
use daemon_runtime::SettingsError;

pub(crate) use crate::access::gate::{Gate, Login, LoginRefused};
pub(crate) use crate::access::refusals::Refusals;
pub(crate) use crate::access::rights::Rights;
use crate::access::rights::valid_pattern;
use crate::settings::{AccessSettings, Anonymous};

/// The way a client has come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entrance {
    pub(crate) tls: bool,
    pub(crate) web_socket: bool,
    /// Whether only this machine can come this way.
    pub(crate) loopback: bool,
}

impl Entrance {
    pub(crate) fn new(listens_on: SocketAddr, tls: bool, web_socket: bool) -> Entrance {
        Entrance { tls, web_socket, loopback: listens_on.ip().to_canonical().is_loopback() }
    }
}

/// The users and what clients without a user may do; as the files said when it was read.
#[derive(Debug)]
pub(crate) struct Access {
    users: Users,
    anonymous: Anonymous,
    anonymous_user: User,
    /// Users for whom publishers wait, besides those with the recorder's role.
    publishers_wait_for: Vec<UserName>,
}

impl Access {
    /// Reads the users file, if one is set.
    pub(crate) fn read(settings: &AccessSettings) -> anyhow::Result<Access> {
        let users = match &settings.users {
            Some(path) => Users::read(path)?,
            None => Users::default(),
        };
        for (name, user) in &users.user {
            let mut filters = user.publish_filters().chain(user.subscribe_filters());
            if let Some(wrong) = filters.find(|filter| !valid_pattern(filter)) {
                let said = format!("user \"{name}\": \"{wrong}\" is not a valid topic filter");
                return Err(SettingsError::new(said).into());
            }
        }
        let usual = if settings.users.is_some() { Anonymous::Never } else { Anonymous::Loopback };
        let role = Some(settings.anonymous_role);
        Ok(Access {
            users,
            anonymous: settings.anonymous.unwrap_or(usual),
            anonymous_user: User { password: None, role, publish: Vec::new(), subscribe: Vec::new() },
            publishers_wait_for: settings.publishers_wait_for.clone(),
        })
    }

    /// Whether anybody at all could come in this way.
    pub(crate) fn is_open(&self, entrance: Entrance) -> bool {
        self.admits_anonymous(entrance) || !self.users.user.is_empty()
    }

    /// Whether anybody logs in by password.
    pub(crate) fn has_passwords(&self) -> bool {
        self.users.user.values().any(|user| user.password.is_some())
    }

    /// A page that a browser shows can reach this machine's WebSockets, so coming from here is
    /// no sign of trust there.
    pub(crate) fn admits_anonymous(&self, entrance: Entrance) -> bool {
        match self.anonymous {
            Anonymous::Never => false,
            Anonymous::Loopback => entrance.loopback && !entrance.web_socket,
            Anonymous::Everywhere => true,
        }
    }

    fn user(&self, name: &str) -> Option<(&UserName, &User)> {
        self.users.user.get_key_value(name)
    }

    /// The first of a certificate's names that is a user's.
    fn certified<'a>(&self, names: &'a [String]) -> Option<&'a str> {
        names.iter().map(String::as_str).find(|name| self.user(name).is_some())
    }

    fn rights_of(&self, name: &str, client_id: &str) -> Option<Rights> {
        let (name, user) = self.user(name)?;
        let mut rights = Rights::new(Some(name), user, client_id);
        rights.succeeds_anonymous = self.anonymous == Anonymous::Never;
        rights.holds_publishers =
            user.role == Some(Role::Recorder) || self.publishers_wait_for.contains(name);
        Some(rights)
    }

    /// A recorder on the broker's own machine may well have no user.
    fn anonymous_rights(&self, client_id: &str, address: IpAddr) -> Rights {
        let mut rights = Rights::new(None, &self.anonymous_user, client_id);
        let may_record = matches!(self.anonymous_user.role, Some(Role::Admin | Role::Recorder));
        rights.holds_publishers = may_record && address.to_canonical().is_loopback();
        rights
    }
}

impl Default for AccessSettings {
    fn default() -> Self {
        AccessSettings {
            users: None,
            anonymous: None,
            anonymous_role: Role::Admin,
            publishers_wait_for: Vec::new(),
        }
    }
}
