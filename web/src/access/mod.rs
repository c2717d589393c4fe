//! Who may see which meter, and who may type in readings: the users, and the meters that are
//! public. Without users everybody sees everything.
//!
//! A program sends name and password with each request (HTTP basic authentication), and a password that fitted is
//! recognised for some minutes without its hash. Somebody at a browser says both once, in a form, and it keeps a
//! session: the only cookie there is.

mod credentials;
mod origin;
mod rules;
mod session;
mod sessions;
mod settings;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use broker_users::{
    LoginError, Logins, NotChanged, NotHashed, OpenInvitation, Pace, PagesRight, PasswordHash, UserChange,
    UserName, Users, UsersFile,
};
use hyper::HeaderMap;
use meter_messages::Meter;
use pairing::BrowserInvitation;
use tokio_util::sync::CancellationToken;
use web_http::Visit;

use crate::access::credentials::Credentials;
pub(crate) use crate::access::origin::is_ours as comes_from_our_page;
use crate::access::rules::{FileState, Rules, right_of};
use crate::access::session::Claim;
pub(crate) use crate::access::session::no_cookie;
use crate::access::sessions::Sessions;
pub use crate::access::settings::AccessSettings;

/// How long a password that fitted is recognised without its hash.
const RECOGNISED_FOR: Duration = Duration::from_secs(600);

/// Who asks, and what that lets them see and do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Visitor {
    user: Option<(UserName, PagesRight)>,
    /// The meters there are for a visitor who has not said who they are; `None` for all.
    only: Option<Arc<BTreeSet<Meter>>>,
    /// Whether they have said it in the form, and so can end it.
    by_session: bool,
    /// Whether they sit at this machine, as far as can be seen.
    is_local: bool,
}

/// As whom somebody saves settings where there are no users.
const LOCAL: &str = "localhost";

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

    /// As whom the visitor may say what holds for meters, prices and alarms: an admin, or without users whoever sits at
    /// this machine.
    pub(crate) fn may_set(&self) -> Option<String> {
        match &self.user {
            Some(_) => self.may_correct().map(UserName::to_string),
            None => (self.is_local && self.may_see_all()).then(|| LOCAL.to_owned()),
        }
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

/// The door.
#[derive(Debug)]
pub(crate) struct Access {
    settings: RwLock<AccessSettings>,
    rules: RwLock<Arc<Rules>>,
    /// Held by who reads or writes the users file, so that what was read last holds.
    reading: Mutex<()>,
    /// The users file as it was read last, whether it could be used or not.
    seen: Mutex<FileState>,
    /// Of the server, and of these rules within it: cancelled when it stops, or other rules apply.
    terms: RwLock<(CancellationToken, CancellationToken)>,
    logins: Logins,
    sessions: Arc<Sessions>,
}

impl Access {
    /// Reads the users file, if one is set. What sessions need is kept in `folder`.
    pub(crate) fn read(settings: &AccessSettings, folder: &Path) -> anyhow::Result<Self> {
        let seen = FileState::of(settings.users.as_deref());
        let rules = Rules::read(settings)?;
        Ok(Self {
            settings: RwLock::new(settings.clone()),
            rules: RwLock::new(Arc::new(rules)),
            reading: Mutex::default(),
            seen: Mutex::new(seen),
            terms: RwLock::default(),
            logins: Logins::new(Pace::IsTurnedAway, RECOGNISED_FOR)?,
            sessions: Arc::new(Sessions::of(folder)),
        })
    }

    /// From now on other users may come in. After an error those who could still can.
    pub(crate) fn replace(&self, settings: &AccessSettings) -> anyhow::Result<()> {
        let _alone = lock(&self.reading);
        let seen = FileState::of(settings.users.as_deref());
        let rules = Rules::read(settings)?;
        if rules.users.is_some() {
            self.sessions.read();
        }
        *lock(&self.seen) = seen;
        self.settings.write().unwrap_or_else(PoisonError::into_inner).clone_from(settings);
        let rules = Arc::new(rules);
        let before = std::mem::replace(
            &mut *self.rules.write().unwrap_or_else(PoisonError::into_inner),
            rules.clone(),
        );
        rules.tell_since(&before, None);
        self.logins.forget();
        self.begin_term(None);
        Ok(())
    }

    /// The users file, if there is one.
    pub(crate) fn users_file(&self) -> Option<PathBuf> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).users.clone()
    }

    /// Whether the users file is another one than was read last.
    pub(crate) fn has_another_file(&self) -> bool {
        let now = FileState::of(self.users_file().as_deref());
        now.is_there() && now != *lock(&self.seen)
    }

    /// Reads the users file again if it is another one; whether it was. It may have to wait for who changes it.
    pub(crate) fn follow(&self) -> anyhow::Result<bool> {
        let _alone = lock(&self.reading);
        if !self.has_another_file() {
            return Ok(false);
        }
        self.read_again(None).map(|()| true)
    }

    /// Reads the users file again, held by who calls. Streams end only if somebody has lost something by it.
    fn read_again(&self, by: Option<&str>) -> anyhow::Result<()> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner).clone();
        *lock(&self.seen) = FileState::of(settings.users.as_deref());
        let new = Arc::new(Rules::read(&settings)?);
        let before =
            std::mem::replace(&mut *self.rules.write().unwrap_or_else(PoisonError::into_inner), new.clone());
        new.tell_since(&before, by);
        self.logins.forget();
        if new.take_from_somebody(&before) {
            self.begin_term(None);
        }
        Ok(())
    }

    /// All users, where there are any.
    pub(crate) fn users(&self) -> Option<Users> {
        self.rules().users.clone()
    }

    /// Changes the users file for somebody; what is new holds at once. Who has accepted an invitation, if that was it.
    pub(crate) async fn change(
        self: &Arc<Self>,
        change: UserChange,
        by: &str,
    ) -> Result<Option<UserName>, NotChanged> {
        let path = self.users_file().ok_or(NotChanged::NoUsers)?;
        let (access, by) = (self.clone(), by.to_owned());
        let changed = tokio::task::spawn_blocking(move || -> Result<Option<UserName>, NotChanged> {
            let _alone = lock(&access.reading);
            let mut file = UsersFile::open(&path)?;
            let accepted = file.change(change, daemon_runtime::now())?;
            file.save()?;
            if let Err(error) = access.read_again(Some(&by)) {
                tracing::error!("the users file was written, and cannot be used: {error:#}");
            }
            Ok(accepted)
        });
        changed.await.unwrap_or(Err(NotChanged::Stale))
    }

    /// The hash of a password that somebody chooses; it takes its turn among logins.
    pub(crate) async fn hash(&self, address: IpAddr, password: &str) -> Result<PasswordHash, Denied> {
        self.logins.hash(address, password.as_bytes()).await.map_err(|error| match error {
            NotHashed::Busy => Denied::TooMany(Duration::from_secs(1)),
            NotHashed::Password(_) => Denied::WrongLogin,
        })
    }

    /// Whose invitation a link is of, and the hash of its secret.
    pub(crate) async fn invited(
        &self,
        link: &str,
        address: IpAddr,
    ) -> Result<(UserName, PasswordHash, OpenInvitation), Denied> {
        let rules = self.rules();
        let link: Option<BrowserInvitation> = link.parse().ok();
        let users = rules.users.as_ref();
        let known = link.and_then(|link| users?.user.get_key_value(link.id.user().as_str()));
        let hash = known.and_then(|(_, user)| user.password.clone());
        let secret = link.map(|link| link.secret.password()).unwrap_or_default();
        // Of one that nobody has, it takes as long.
        self.check(address, hash.clone(), &secret).await?;
        let invitation = known.and_then(|(_, user)| user.invitation.clone());
        let invitation =
            invitation.filter(|it| it.role.pages().is_some() && it.until > daemon_runtime::now());
        let (as_user, hash) = known.map(|(name, _)| name.clone()).zip(hash).ok_or(Denied::WrongLogin)?;
        Ok((as_user, hash, invitation.ok_or(Denied::WrongLogin)?))
    }

    /// A session for somebody who has just chosen this password.
    pub(crate) fn begin_session(&self, name: &UserName, password: &PasswordHash) -> Claim {
        self.sessions.begin(name.as_str(), password, daemon_runtime::now())
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
        let only = rules.users.as_ref().map(|_| rules.public.clone());
        Visitor { user: None, only, by_session: false, is_local: false }
    }

    /// Who sends a request.
    pub(crate) async fn visitor(&self, headers: &HeaderMap, visit: &Visit) -> Result<Visitor, Denied> {
        let rules = self.rules();
        // Without users a name is none of our business: a proxy may ask for one.
        let Some(users) = &rules.users else {
            return Ok(Visitor { is_local: visit.is_local, ..self.stranger() });
        };
        if let Some(Credentials { name, password }) = Credentials::of(headers) {
            let user = self.checked(users, (&name, &password), visit.address).await?;
            let user = Some((user.0, user.1));
            return Ok(Visitor { user, only: None, by_session: false, is_local: false });
        }
        Ok(self.of_session(users, headers).unwrap_or_else(|| self.stranger()))
    }

    /// Whose session a request is of; of one that is over, nobody's.
    fn of_session(&self, users: &Users, headers: &HeaderMap) -> Option<Visitor> {
        let claim = Claim::of(headers)?;
        let (name, user) = users.user.get_key_value(claim.name.as_str())?;
        let holds = self.sessions.holds(&claim, user.password.as_ref()?, daemon_runtime::now());
        let right = right_of(user).filter(|_| holds)?;
        Some(Visitor { user: Some((name.clone(), right)), only: None, by_session: true, is_local: false })
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

    /// Whether a password is that of a hash, for an address that has not tried too often.
    async fn check(&self, address: IpAddr, hash: Option<PasswordHash>, password: &str) -> Result<(), Denied> {
        self.logins.check(address, hash, password.as_bytes()).await.map_err(|error| {
            tracing::debug!(%address, %error, "a login was refused");
            match error {
                LoginError::Wrong => Denied::WrongLogin,
                LoginError::Busy => Denied::TooMany(Duration::from_secs(1)),
                LoginError::TooMany(pause) => Denied::TooMany(pause),
            }
        })
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
        self.check(address, hash.clone(), password).await?;
        let ((name, user), hash) = known.zip(hash).ok_or(Denied::WrongLogin)?;
        let right = right_of(user).ok_or(Denied::NoRight)?;
        Ok((name.clone(), right, hash))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
