//! The door: logins and what they come in as.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use broker_users::{LoginError, Logins, Pace};

use crate::access::{Access, Credential, Entrance, Refusals, Rights};

/// What a client shows at the door.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) entrance: Entrance,
    pub(crate) address: IpAddr,
    /// The names in its verified certificate.
    pub(crate) certified: &'a [String],
    /// How often it had changed which certificates are good when it was verified.
    pub(crate) client_trust: u64,
    /// User name and password.
    pub(crate) password: Option<(&'a str, &'a [u8])>,
    pub(crate) client_id: &'a str,
}

/// Why a client does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LoginRefused {
    #[error("wrong user name or password")]
    WrongLogin,
    #[error("no user name was given, and anonymous clients are not admitted here")]
    Anonymous,
    #[error("the user may not publish this will")]
    Will,
    #[error("too many logins are waiting")]
    Busy,
}

/// The door: who is known, and who has tried in vain.
#[derive(Debug)]
pub(crate) struct Gate {
    access: RwLock<Arc<Access>>,
    pub(crate) refusals: Arc<Refusals>,
    logins: Logins,
}

impl Gate {
    pub(crate) fn new(access: Access) -> anyhow::Result<Gate> {
        Ok(Gate {
            access: RwLock::new(Arc::new(access)),
            refusals: Arc::default(),
            logins: Logins::new(Pace::Waits, Duration::MAX)?,
        })
    }

    /// From now on other users may come in. Who is in already is up to the exchange.
    pub(crate) fn replace(&self, access: Access) {
        let access = Arc::new(access);
        let before = std::mem::replace(
            &mut *self.access.write().unwrap_or_else(PoisonError::into_inner),
            access.clone(),
        );
        access.users.news_since(&before.users).iter().for_each(|news| tracing::info!("users: {news}"));
        self.logins.forget();
    }

    /// Who may come in now, and what for.
    pub(crate) fn access(&self) -> Arc<Access> {
        Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many users there are.
    pub(crate) fn users(&self) -> usize {
        self.access().users.user.len()
    }

    /// The rights of a client, or why it is refused.
    pub(crate) async fn admit(&self, login: Login<'_>) -> Result<Rights, LoginRefused> {
        let access = self.access();
        let certified = access.certified(login.certified);
        let (name, credential) = match (login.password, certified) {
            // The certificate says as much as a password.
            (Some((user, _)), Some(certified)) if user == certified => {
                (certified, Credential::Certificate(login.client_trust))
            }
            // Where nobody has a password, one is not wrong: many devices offer one, whatever they are told.
            (Some(_), None) if !access.has_users() && access.admits_anonymous(login.entrance) => {
                return Ok(access.anonymous_rights(login.client_id, login.entrance, login.address));
            }
            (None, Some(certified)) => (certified, Credential::Certificate(login.client_trust)),
            (Some((user, password)), _) => (user, self.check(&access, login.address, user, password).await?),
            (None, None) if access.admits_anonymous(login.entrance) => {
                return Ok(access.anonymous_rights(login.client_id, login.entrance, login.address));
            }
            (None, None) => return Err(LoginRefused::Anonymous),
        };
        access.rights_of(name, login.client_id, credential).ok_or(LoginRefused::WrongLogin)
    }

    async fn check(
        &self,
        access: &Access,
        address: IpAddr,
        user: &str,
        password: &[u8],
    ) -> Result<Credential, LoginRefused> {
        let hash = access.user(user).and_then(|(_, user)| user.password.clone());
        self.logins.check(address, hash.clone(), password).await.map_err(|error| match error {
            LoginError::Wrong => LoginRefused::WrongLogin,
            LoginError::Busy | LoginError::TooMany(_) => LoginRefused::Busy,
        })?;
        hash.map(Credential::Password).ok_or(LoginRefused::WrongLogin)
    }
}
