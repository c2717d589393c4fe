//! Who may see which meter, and who may type in readings: the users, and the meters that are
//! public. Without users everybody sees everything.
//!
//! A program sends name and password with each request (HTTP basic authentication), and a password that fitted is
//! recognised for some minutes without its hash. Somebody at a browser says both once, in a form, and it keeps a
//! session: the only cookie there is.

mod credentials;
mod origin;
mod session;
mod sessions;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use broker_users::{LoginError, Logins, Pace, PagesRight, PasswordHash, UserName, Users};
use daemon_runtime::SettingsError;
use hyper::HeaderMap;
use meter_messages::Meter;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::access::credentials::Credentials;
pub(crate) use crate::access::origin::is_ours as comes_from_our_page;
use crate::access::session::Claim;
pub(crate) use crate::access::session::no_cookie;
use crate::access::sessions::Sessions;

/// How long a password that fitted is recognised without its hash.
const RECOGNISED_FOR: Duration = Duration::from_secs(600);

/// `[access]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessSettings {
    /// The users file; without one everybody sees everything.
    pub users: Option<PathBuf>,
    /// The meters that everybody may see all the same, as `site/meter`.
    pub public_meters: Option<Vec<Meter>>,
}

/// Who asks, and what that lets them see and do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Visitor {
    user: Option<(UserName, PagesRight)>,
    /// The meters there are for a visitor who has not said who they are; `None` for all.
    only: Option<Arc<BTreeSet<Meter>>>,
    /// Whether they have said it in the form, and so can end it.
    by_session: bool,
}

impl Visitor {
    /// Whether a meter is there for this visitor.
    pub(crate) fn may_see(&self, meter: &Meter) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(meter))
    }

    /// Whether any meter could be.
    pub(crate) fn may_see_some(&self) -> bool {
        self.only.as_ref().is_none_or(|only| !only.is_empty())
    }

    /// Whether every meter is, and what is said of the server.
    pub(crate) fn may_see_all(&self) -> bool {
        self.only.is_none()
    }

    /// Whether what is there for this visitor was said to be public: without users everybody sees everything, but nobody
    /// has said that it is for the world.
    pub(crate) fn sees_what_is_public(&self) -> bool {
        self.user.is_none() && self.only.is_some()
    }

    /// Whether what the broker keeps for whom is shown: to admins, and where everybody sees everything.
    pub(crate) fn may_administer(&self) -> bool {
        match &self.user {
            Some((_, right)) => *right >= PagesRight::Administer,
            None => self.may_see_all(),
        }
    }

    /// The name of a user who may type in readings.
    pub(crate) fn may_enter(&self) -> Option<&UserName> {
        let (name, right) = self.user.as_ref()?;
        (*right >= PagesRight::EnterReadings).then_some(name)
    }

    /// The name of a user who may say that a time was counted wrongly.
    pub(crate) fn may_correct(&self) -> Option<&UserName> {
        let (name, right) = self.user.as_ref()?;
        (*right >= PagesRight::Administer).then_some(name)
    }

    /// Whether the visitor has signed in by the form.
    pub(crate) fn may_sign_out(&self) -> bool {
        self.by_session
    }

    /// The user's name, if the visitor has said who they are.
    pub(crate) fn name(&self) -> Option<&UserName> {
        self.user.as_ref().map(|(name, _)| name)
    }
}

/// Why a visitor does not come in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// Name or password.
    #[error("wrong user name or password")]
    WrongLogin,
    /// Too many logins of the address have failed.
    #[error("too many failed logins")]
    TooMany(Duration),
    /// The user is one of the broker's only.
    #[error("this user may not see the pages")]
    NoRight,
}

/// What the settings and the users file say.
#[derive(Debug, Default)]
struct Rules {
    users: Option<Users>,
    public: Arc<BTreeSet<Meter>>,
}

impl Rules {
    fn read(settings: &AccessSettings) -> anyhow::Result<Self> {
        let public: Arc<BTreeSet<Meter>> =
            Arc::new(settings.public_meters.iter().flatten().cloned().collect());
        let Some(path) = &settings.users else {
            if !public.is_empty() {
                let said = "access: without users every meter is public; public_meters needs users";
                return Err(SettingsError::new(said.to_owned()).into());
            }
            return Ok(Self::default());
        };
        let users = Users::read(path)?;
        let may_come = |user: &broker_users::User| user.password.is_some() && right_of(user).is_some();
        if public.is_empty() && !users.user.values().any(may_come) {
            let said = format!(
                "access: no user in {} may see the pages; `powerpi passwd --file {} --role look NAME` adds a user",
                path.display(),
                path.display()
            );
            return Err(SettingsError::new(said).into());
        }
        Ok(Self { users: Some(users), public })
    }
}

fn right_of(user: &broker_users::User) -> Option<PagesRight> {
    user.role?.pages()
}

/// The door.
#[derive(Debug)]
pub(crate) struct Access {
    rules: RwLock<Arc<Rules>>,
    /// Of the server, and of these rules within it: cancelled when it stops, or other rules apply.
    terms: RwLock<(CancellationToken, CancellationToken)>,
    logins: Logins,
    sessions: Arc<Sessions>,
}

impl Access {
    /// Reads the users file, if one is set. What sessions need is kept in `folder`.
    pub(crate) fn read(settings: &AccessSettings, folder: &Path) -> anyhow::Result<Self> {
        let rules = RwLock::new(Arc::new(Rules::read(settings)?));
        let terms = RwLock::default();
        let logins = Logins::new(Pace::IsTurnedAway, RECOGNISED_FOR)?;
        Ok(Self { rules, terms, logins, sessions: Arc::new(Sessions::of(folder)) })
    }

    /// From now on other users may come in. After an error those who could still can.
    pub(crate) fn replace(&self, settings: &AccessSettings) -> anyhow::Result<()> {
        let rules = Arc::new(Rules::read(settings)?);
        if rules.users.is_some() {
            self.sessions.read();
        }
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        self.logins.forget();
        self.begin_term(None);
        Ok(())
    }

    /// From now on answers that go on end when `stop` is cancelled.
    pub(crate) fn stop_with(&self, stop: CancellationToken) {
        self.begin_term(Some(stop));
    }

    fn begin_term(&self, stop: Option<CancellationToken>) {
        let mut terms = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        let stop = stop.unwrap_or_else(|| terms.0.clone());
        let rules = stop.child_token();
        std::mem::replace(&mut *terms, (stop, rules)).1.cancel();
    }

    /// Cancelled when somebody who is let in now has to be looked at again, or the server stops. To be
    /// asked for before the visitor is looked at.
    pub(crate) fn term(&self) -> CancellationToken {
        self.terms.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether not everybody sees everything.
    pub(crate) fn is_restricted(&self) -> bool {
        self.rules().users.is_some()
    }

    /// Who has not said who they are.
    pub(crate) fn stranger(&self) -> Visitor {
        let rules = self.rules();
        Visitor { user: None, only: rules.users.as_ref().map(|_| rules.public.clone()), by_session: false }
    }

    /// Who sends a request.
    pub(crate) async fn visitor(&self, headers: &HeaderMap, address: IpAddr) -> Result<Visitor, Denied> {
        let rules = self.rules();
        // Without users a name is none of our business: a proxy may ask for one.
        let Some(users) = &rules.users else { return Ok(self.stranger()) };
        if let Some(Credentials { name, password }) = Credentials::of(headers) {
            let user = self.checked(users, (&name, &password), address).await?;
            return Ok(Visitor { user: Some((user.0, user.1)), only: None, by_session: false });
        }
        Ok(self.of_session(users, headers).unwrap_or_else(|| self.stranger()))
    }

    /// Whose session a request is of; of one that is over, nobody's.
    fn of_session(&self, users: &Users, headers: &HeaderMap) -> Option<Visitor> {
        let claim = Claim::of(headers)?;
        let (name, user) = users.user.get_key_value(claim.name.as_str())?;
        let holds = self.sessions.holds(&claim, user.password.as_ref()?, daemon_runtime::now());
        let right = right_of(user).filter(|_| holds)?;
        Some(Visitor { user: Some((name.clone(), right)), only: None, by_session: true })
    }

    /// A session for who knows a name and its password.
    pub(crate) async fn sign_in(&self, name: &str, password: &str, address: IpAddr) -> Result<Claim, Denied> {
        let rules = self.rules();
        let users = rules.users.as_ref().ok_or(Denied::NoRight)?;
        let (name, _, hash) = self.checked(users, (name, password), address).await?;
        Ok(self.sessions.begin(name.as_str(), &hash, daemon_runtime::now()))
    }

    /// Ends the session of a request, if it is of one.
    pub(crate) async fn sign_out(&self, headers: &HeaderMap) {
        let rules = self.rules();
        // Anything else would be kept in vain.
        if let Some(users) = &rules.users
            && self.of_session(users, headers).is_some()
            && let Some(claim) = Claim::of(headers)
        {
            let sessions = self.sessions.clone();
            let ended = tokio::task::spawn_blocking(move || sessions.end(&claim, daemon_runtime::now()));
            if let Err(error) = ended.await {
                tracing::error!("a session was not ended: {error}");
            }
        }
    }

    /// Who a name and a password are of.
    async fn checked(
        &self,
        users: &Users,
        (name, password): (&str, &str),
        address: IpAddr,
    ) -> Result<(UserName, PagesRight, PasswordHash), Denied> {
        let known = users.user.get_key_value(name);
        let hash = known.and_then(|(_, user)| user.password.clone());
        self.logins.check(address, hash.clone(), password.as_bytes()).await.map_err(|error| {
            tracing::debug!(%address, %error, "a login was refused");
            match error {
                LoginError::Wrong => Denied::WrongLogin,
                LoginError::Busy => Denied::TooMany(Duration::from_secs(1)),
                LoginError::TooMany(pause) => Denied::TooMany(pause),
            }
        })?;
        let ((name, user), hash) = known.zip(hash).ok_or(Denied::WrongLogin)?;
        let right = right_of(user).ok_or(Denied::NoRight)?;
        Ok((name.clone(), right, hash))
    }
}
