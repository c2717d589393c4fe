//! Who may come in, and what for: users and their rights, anonymous clients, client certificates.

mod entrance;
mod gate;
mod refusals;
mod rights;

use std::net::IpAddr;

use broker_users::{Role, User, UserName, Users};
use daemon_runtime::SettingsError;

pub(crate) use crate::access::entrance::Entrance;
pub(crate) use crate::access::gate::{Gate, Login, LoginRefused};
pub(crate) use crate::access::refusals::Refusals;
use crate::access::rights::valid_pattern;
pub(crate) use crate::access::rights::{Credential, Rights};
use crate::account::Owner;
use crate::settings::{AccessSettings, Anonymous};

/// The users and what clients without a user may do; as the files said when it was read.
#[derive(Debug)]
pub(crate) struct Access {
    /// How often it has changed which clients' certificates are good.
    pub(crate) client_trust: u64,
    users: Users,
    has_users_file: bool,
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
            client_trust: 0,
            users,
            has_users_file: settings.users.is_some(),
            anonymous: settings.anonymous.unwrap_or(usual),
            anonymous_user: User {
                password: None,
                role,
                publish: Vec::new(),
                subscribe: Vec::new(),
                invitation: None,
            },
            publishers_wait_for: settings.publishers_wait_for.clone(),
        })
    }

    /// Whether anybody at all could come in this way, now or once a reload brings users.
    pub(crate) fn is_open(&self, entrance: Entrance) -> bool {
        self.admits_anonymous(entrance) || self.has_users_file
    }

    /// Whether there are users.
    pub(crate) fn has_users(&self) -> bool {
        !self.users.user.is_empty()
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

    fn rights_of(&self, name: &str, client_id: &str, credential: Credential) -> Option<Rights> {
        let (name, user) = self.user(name)?;
        let mut rights = Rights::new(Some(name), user, client_id, credential);
        rights.succeeds_anonymous = self.anonymous == Anonymous::Never;
        rights.holds_publishers =
            user.role == Some(Role::Recorder) || self.publishers_wait_for.contains(name);
        Some(rights)
    }

    /// A recorder on the broker's own machine may well have no user.
    pub(crate) fn anonymous_rights(&self, client_id: &str, entrance: Entrance, address: IpAddr) -> Rights {
        let credential = Credential::Nothing(entrance, address);
        let mut rights = Rights::new(None, &self.anonymous_user, client_id, credential);
        let may_record = matches!(self.anonymous_user.role, Some(Role::Admin | Role::Recorder));
        rights.holds_publishers = may_record && address.to_canonical().is_loopback();
        rights
    }

    /// The rights that a client has now; `None` if it would not come in any more, as it has come in.
    pub(crate) fn renew(&self, rights: &Rights) -> Option<Rights> {
        let Rights { user, client_id, credential, .. } = rights;
        match (user, credential) {
            (Some(name), Credential::Password(hash)) => {
                let (_, user) = self.user(name.as_str())?;
                let same = user.password.as_ref() == Some(hash);
                same.then(|| self.rights_of(name.as_str(), client_id, credential.clone()))?
            }
            (Some(name), Credential::Certificate(trust)) if *trust == self.client_trust => {
                self.rights_of(name.as_str(), client_id, credential.clone())
            }
            (Some(_), _) => None,
            (None, Credential::Nothing(entrance, address)) => {
                let admitted = self.admits_anonymous(*entrance);
                admitted.then(|| self.anonymous_rights(client_id, *entrance, *address))
            }
            (None, _) => None,
        }
    }

    /// The rights that an absent client would have, by its [session's name](Rights::session_name);
    /// `None` if it could not come back.
    pub(crate) fn rights_of_session(&self, name: &str) -> Option<Rights> {
        match name.split_once('\0') {
            Some((client_id, user)) => {
                self.rights_of(user, client_id, Credential::Certificate(self.client_trust))
            }
            None if self.anonymous == Anonymous::Never => None,
            None => Some(Rights::new(
                None,
                &self.anonymous_user,
                name,
                Credential::Certificate(self.client_trust),
            )),
        }
    }

    /// Whether a client of theirs may publish under a topic, with whatever client id.
    pub(crate) fn may_owner_publish(&self, owner: &Owner, topic: &str) -> bool {
        let (name, user) = match owner {
            Owner::User(name) => match self.user(name) {
                Some((name, user)) => (Some(name), user),
                None => return false,
            },
            Owner::Address(_) if self.anonymous == Anonymous::Never => return false,
            Owner::Address(_) => (None, &self.anonymous_user),
        };
        user.publish_filters().any(|filter| filter.contains("%c"))
            || Rights::new(name, user, "", Credential::Certificate(self.client_trust)).may_publish(topic)
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
