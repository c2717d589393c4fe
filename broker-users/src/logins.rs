//! Logins by password, as the broker and the pages check them.
//!
//! Checking an argon2id hash is meant to be expensive: about ten milliseconds and 19 MiB. So it
//! happens one at a time ([`Checking`]). An address waits for its turn there with one password only
//! ([`Slowing`]): however many it sends, every other address has its turn between two of them. A
//! password that was right before is recognised by a keyed digest, so that all clients can reconnect
//! at once after a restart of the network; but no earlier than its address may try, otherwise
//! guessing would cost nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use daemon_runtime::customer_of;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::checking::Checking;
use crate::password::{PasswordError, PasswordHash};
use crate::slowing::Slowing;

/// How long a login may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(15);

/// How an address is slowed down whose logins failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Its next password is checked after a pause.
    Waits,
    /// After too many failures it is refused, and told when to try again.
    IsTurnedAway,
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// There is no such user, or the password is wrong.
    #[error("wrong user name or password")]
    Wrong,
    /// Too many logins of the same address are waiting.
    #[error("too many logins are waiting")]
    Busy,
    /// Too many logins of this address have failed.
    #[error("too many failed logins; try again in {} s", .0.as_secs())]
    TooMany(Duration),
}

/// Why a password was not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotHashed {
    /// Too many of the same address are waiting.
    #[error("too many logins are waiting")]
    Busy,
    /// It cannot be one.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// The system has no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers")]
pub struct NoRandomness;

/// Who tried lately, and which passwords were right.
#[derive(Debug)]
pub struct Logins {
    pace: Pace,
    /// How long a password that was right is recognised without its hash.
    recognised_for: Duration,
    slowing: Mutex<Slowing>,
    checking: Checking,
    /// Digests of the passwords that were right, and since when, by their hash: no more than there
    /// are users.
    fitting: Mutex<HashMap<String, (hmac::Tag, Instant)>>,
    key: hmac::Key,
}

impl Logins {
    /// Nobody has tried yet.
    ///
    /// # Errors
    /// If there is no randomness for the digests' key.
    pub fn new(pace: Pace, recognised_for: Duration) -> Result<Self, NoRandomness> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| NoRandomness)?;
        Ok(Self {
            pace,
            recognised_for,
            slowing: Mutex::default(),
            checking: Checking::default(),
            fitting: Mutex::default(),
            key,
        })
    }

    /// Forgets which passwords were right: the hashes may have changed.
    pub fn forget(&self) {
        lock(&self.fitting).clear();
    }

    /// Checks a password against a hash; without one, takes as long and refuses.
    ///
    /// # Errors
    /// If it is wrong, or cannot be checked now.
    pub async fn check(
        &self,
        address: IpAddr,
        hash: Option<PasswordHash>,
        password: &[u8],
    ) -> Result<(), LoginError> {
        let address = customer_of(address);
        let trusted = lock(&self.slowing).is_trusted(address);
        if trusted && hash.as_ref().is_some_and(|hash| self.recognises(hash, password)) {
            return Ok(());
        }
        let turn = lock(&self.slowing).enter(address, Instant::now()).ok_or(LoginError::Busy)?;
        let mut attempt = Attempt { logins: self, address, failed: false };
        let checked = async {
            let _turn = turn.lock().await;
            self.slow_down(address).await?;
            // A client that does not wait for the answer has failed.
            attempt.failed = true;
            self.fits(hash, password).await.then_some(()).ok_or(LoginError::Wrong)
        };
        let checked = tokio::time::timeout(PATIENCE, checked).await.unwrap_or(Err(LoginError::Busy));
        attempt.failed = checked == Err(LoginError::Wrong);
        checked
    }

    /// The hash of a password that somebody chooses. It costs what a check does, and waits with them.
    ///
    /// # Errors
    /// If it cannot be one, or cannot be hashed now.
    pub async fn hash(&self, address: IpAddr, password: &[u8]) -> Result<PasswordHash, NotHashed> {
        let address = customer_of(address);
        let turn = lock(&self.slowing).enter(address, Instant::now()).ok_or(NotHashed::Busy)?;
        let _attempt = Attempt { logins: self, address, failed: false };
        let password = password.to_owned();
        let hashed = async {
            let _turn = turn.lock().await;
            self.checking.run(move |_| PasswordHash::of(&password)).await
        };
        let hashed = tokio::time::timeout(PATIENCE, hashed).await.ok().flatten();
        Ok(hashed.ok_or(NotHashed::Busy)??)
    }

    async fn slow_down(&self, address: IpAddr) -> Result<(), LoginError> {
        let now = Instant::now();
        match self.pace {
            Pace::Waits => {
                let pause = lock(&self.slowing).pause(address, now);
                tokio::time::sleep(pause).await;
                Ok(())
            }
            Pace::IsTurnedAway => match lock(&self.slowing).turned_away_for(address, now) {
                Some(pause) => Err(LoginError::TooMany(pause)),
                None => Ok(()),
            },
        }
    }

    fn recognises(&self, hash: &PasswordHash, password: &[u8]) -> bool {
        let fitting = lock(&self.fitting);
        let known = fitting.get(hash.as_str()).filter(|(_, since)| since.elapsed() < self.recognised_for);
        known.is_some_and(|(tag, _)| hmac::verify(&self.key, &material(hash, password), tag.as_ref()).is_ok())
    }

    async fn fits(&self, hash: Option<PasswordHash>, password: &[u8]) -> bool {
        if hash.as_ref().is_some_and(|hash| self.recognises(hash, password)) {
            return true;
        }
        // As long as for a known name, so that names cannot be found out.
        let (checked, tried) = (hash.clone().unwrap_or_else(PasswordHash::nobodys), password.to_owned());
        let fits = self.checking.run(move |workspace| checked.verify_in(workspace, &tried));
        let fits = fits.await.unwrap_or(false) && hash.is_some();
        if let Some(hash) = hash.filter(|_| fits) {
            let tag = hmac::sign(&self.key, &material(&hash, password));
            lock(&self.fitting).insert(hash.as_str().to_owned(), (tag, Instant::now()));
        }
        fits
    }
}

fn material(hash: &PasswordHash, password: &[u8]) -> Vec<u8> {
    // The hash has no NUL, so no two pairs look alike.
    [hash.as_str().as_bytes(), b"\0", password].concat()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A login in progress; its result is noted however it ends.
struct Attempt<'a> {
    logins: &'a Logins,
    address: IpAddr,
    failed: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        lock(&self.logins.slowing).leave(self.address, self.failed, Instant::now());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_that_fitted_is_recognised_for_a_while() {
        let (address, hash) = ("10.0.0.1".parse().unwrap(), PasswordHash::of(b"secret").unwrap());
        let logins = Logins::new(Pace::IsTurnedAway, Duration::from_secs(600)).unwrap();
        assert!(!logins.recognises(&hash, b"secret"));
        assert_eq!(logins.check(address, Some(hash.clone()), b"secret").await, Ok(()));
        assert!(logins.recognises(&hash, b"secret") && !logins.recognises(&hash, b"other"));
        logins.forget();
        assert!(!logins.recognises(&hash, b"secret"));
        let brief = Logins::new(Pace::IsTurnedAway, Duration::ZERO).unwrap();
        assert_eq!(brief.check(address, Some(hash.clone()), b"secret").await, Ok(()));
        assert!(!brief.recognises(&hash, b"secret"));
    }

    #[tokio::test]
    async fn a_password_that_is_chosen_waits_for_its_turn_as_logins_do() {
        let address: IpAddr = "10.0.0.1".parse().unwrap();
        let logins = Logins::new(Pace::IsTurnedAway, Duration::from_secs(600)).unwrap();
        let busy = logins.slowing.lock().unwrap().enter(address, Instant::now()).unwrap();
        let turn = busy.lock().await;
        let waits = tokio::time::timeout(Duration::from_millis(50), logins.hash(address, b"secret"));
        assert!(waits.await.is_err(), "one of its address is checked just now");
        drop(turn);
        assert!(logins.hash(address, b"secret").await.unwrap().verify(b"secret"));
        assert_eq!(logins.hash(address, b"").await, Err(NotHashed::Password(PasswordError::Length)));
        let waiting = || logins.slowing.lock().unwrap().enter(address, Instant::now()).is_some();
        assert!((0..100).filter(|_| waiting()).count() < 100);
        assert_eq!(logins.hash(address, b"secret").await, Err(NotHashed::Busy), "only so many may wait");
    }

    #[tokio::test]
    async fn who_failed_too_often_is_turned_away_whatever_comes_next() {
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
        let hash = PasswordHash::of(b"secret").unwrap();
        let logins = Logins::new(Pace::IsTurnedAway, Duration::from_secs(600)).unwrap();
        let check =
            |address, password: &'static str| logins.check(address, Some(hash.clone()), password.as_bytes());
        assert_eq!(check(one, "secret").await, Ok(()));
        let mut wrong = 0;
        while check(one, "guess").await == Err(LoginError::Wrong) {
            wrong += 1;
        }
        assert_eq!(wrong, 10);
        let refused = check(one, "secret").await;
        assert!(matches!(refused, Err(LoginError::TooMany(pause)) if pause <= Duration::from_secs(30)));
        assert_eq!(check(other, "secret").await, Ok(()));
        assert_eq!(logins.check(other, None, b"secret").await, Err(LoginError::Wrong));
    }
}
