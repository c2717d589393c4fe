//! Logins.
//!
//! Checking an argon2id hash is meant to be expensive: some ten milliseconds and 19 MiB. So it
//! happens outside the async threads, at most two at a time, and for one address one after the
//! other ([`Slowing`]). A password that fitted before is recognised by a keyed digest, so that
//! all clients can come back at once after a restart of the network; but no earlier than its
//! address may try, or trying would be free.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use broker_users::PasswordHash;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;

use crate::access::slowing::Slowing;
use crate::access::{Access, Entrance, Refusals, Rights};
use crate::admission::network;

/// Hashes checked at a time.
const CHECKS: usize = 2;
/// How long a login may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(15);

/// What a client shows at the door.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) entrance: Entrance,
    pub(crate) address: IpAddr,
    /// The names in its verified certificate.
    pub(crate) certified: &'a [String],
    /// User name and password.
    pub(crate) password: Option<(&'a str, &'a str)>,
    pub(crate) client_id: &'a str,
}

/// Why a client does not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("wrong user name or password")]
    WrongLogin,
    #[error("it has not said who it is, and anonymous clients are not admitted here")]
    Anonymous,
    #[error("it may not publish its will")]
    Will,
    #[error("too many logins wait for their turn")]
    Busy,
}

/// The door: who is known, and who has tried in vain.
#[derive(Debug)]
pub(crate) struct Gate {
    access: RwLock<Arc<Access>>,
    pub(crate) refusals: Arc<Refusals>,
    slowing: Mutex<Slowing>,
    checks: Arc<Semaphore>,
    /// Digests of the passwords that fitted, by the hash that they fit.
    fitting: Mutex<HashMap<String, hmac::Tag>>,
    key: hmac::Key,
    /// A hash that nobody knows the password of, for names that nobody has.
    nobodys: Arc<OnceLock<Option<PasswordHash>>>,
}

impl Gate {
    pub(crate) fn new(access: Access) -> anyhow::Result<Gate> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
        Ok(Gate {
            access: RwLock::new(Arc::new(access)),
            refusals: Arc::default(),
            slowing: Mutex::default(),
            checks: Arc::new(Semaphore::new(CHECKS)),
            fitting: Mutex::default(),
            key,
            nobodys: Arc::default(),
        })
    }

    /// From now on other users may come in. Who is in stays.
    pub(crate) fn replace(&self, access: Access) {
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        lock(&self.fitting).clear();
    }

    /// The rights of a client, or why it is refused.
    pub(crate) async fn admit(&self, login: Login<'_>) -> Result<Rights, Refusal> {
        let access = Arc::clone(&self.access.read().unwrap_or_else(PoisonError::into_inner));
        let certified = access.certified(login.certified);
        let name = match (login.password, certified) {
            // The certificate says as much as a password.
            (Some((user, _)), Some(certified)) if user == certified => certified,
            (None, Some(certified)) => certified,
            (Some((user, password)), _) => {
                self.check(&access, login.address, user, password).await?;
                user
            }
            (None, None) if access.admits_anonymous(login.entrance) => {
                return Ok(access.anonymous_rights(login.client_id));
            }
            (None, None) => return Err(Refusal::Anonymous),
        };
        access.rights_of(name, login.client_id).ok_or(Refusal::WrongLogin)
    }

    async fn check(
        &self,
        access: &Access,
        address: IpAddr,
        user: &str,
        password: &str,
    ) -> Result<(), Refusal> {
        let address = network(address);
        let turn = lock(&self.slowing).enter(address, Instant::now()).ok_or(Refusal::Busy)?;
        let mut attempt = Attempt { gate: self, address, failed: false };
        let hash = access.user(user).and_then(|(_, user)| user.password.clone());
        let checked = async {
            let _turn = turn.lock().await;
            let pause = lock(&self.slowing).pause(address, Instant::now());
            tokio::time::sleep(pause).await;
            // Whoever does not wait for the answer has failed.
            attempt.failed = true;
            self.fits(hash, password).await
        };
        match tokio::time::timeout(PATIENCE, checked).await {
            Ok(true) => {
                attempt.failed = false;
                Ok(())
            }
            Ok(false) => Err(Refusal::WrongLogin),
            Err(_) => {
                attempt.failed = false;
                Err(Refusal::Busy)
            }
        }
    }

    async fn fits(&self, hash: Option<PasswordHash>, password: &str) -> bool {
        if let Some(hash) = &hash
            && let Some(tag) = lock(&self.fitting).get(hash.as_str())
            && hmac::verify(&self.key, &material(hash, password), tag.as_ref()).is_ok()
        {
            return true;
        }
        let Ok(permit) = Arc::clone(&self.checks).acquire_owned().await else { return false };
        let (nobodys, tried) = (Arc::clone(&self.nobodys), password.to_owned());
        let known = hash.clone();
        let fits = tokio::task::spawn_blocking(move || {
            // Held to the end, even if nobody waits for it any more.
            let _permit = permit;
            match known {
                Some(hash) => hash.verify(tried.as_bytes()),
                // As long as for a name that is known, so that names cannot be found out.
                None => {
                    let hash = nobodys.get_or_init(|| PasswordHash::of(b"nobody").ok());
                    let _ = hash.as_ref().map(|hash| hash.verify(tried.as_bytes()));
                    false
                }
            }
        });
        let fits = fits.await.unwrap_or(false);
        if let Some(hash) = hash.filter(|_| fits) {
            let tag = hmac::sign(&self.key, &material(&hash, password));
            lock(&self.fitting).insert(hash.as_str().to_owned(), tag);
        }
        fits
    }
}

fn material(hash: &PasswordHash, password: &str) -> Vec<u8> {
    // The hash has no NUL, so no two pairs look alike.
    [hash.as_str().as_bytes(), b"\0", password.as_bytes()].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A login under way; however it ends, its address hears of it.
struct Attempt<'a> {
    gate: &'a Gate,
    address: IpAddr,
    failed: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        lock(&self.gate.slowing).leave(self.address, self.failed, Instant::now());
    }
}
