//! What a browser keeps after somebody has signed in by the form: who they are, until when, and a proof that only
//! this server could have made. Nothing is kept here: the proof is made with the hash of the user's password, so it
//! outlives a restart, and another password ends all of the user's sessions.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use broker_users::PasswordHash;
use hyper::HeaderMap;
use hyper::header::COOKIE;
use jiff::Timestamp;
use ring::hmac;

/// The cookie's name.
const NAME: &str = "powerpi";

/// How long a session lasts, in seconds: 30 days.
pub(crate) const LASTS_S: i64 = 30 * 86_400;

/// So many sessions of a user that were ended before their time are remembered: who signs out without end takes nobody
/// else's place.
const MOST_ENDED: usize = 100;

/// What a cookie says, and its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The user.
    pub(super) name: String,
    /// Unix time until which it holds.
    until: i64,
    /// So that no two are the same.
    id: String,
    proof: String,
}

impl Claim {
    /// A new one for a user who has said the password of that hash.
    pub(super) fn new(name: &str, hash: &PasswordHash, now: Timestamp) -> Self {
        let (until, id) = (now.as_second() + LASTS_S, daemon_runtime::random_id());
        let proof = hex(hmac::sign(&key(hash), &said(name, until, &id)).as_ref());
        Self { name: name.to_owned(), until, id, proof }
    }

    /// That of a request, whether it is true or not.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies =
            cookies.flat_map(|value| value.split(';')).filter_map(|it| it.trim().split_once('='));
        let (_, value) = cookies.find(|(name, _)| *name == NAME)?;
        // A name may have dots; nothing behind it has.
        let mut parts = value.rsplitn(4, '.');
        let (proof, id, until, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let until = until.parse().ok()?;
        Some(Self { name: name.to_owned(), until, id: id.to_owned(), proof: proof.to_owned() })
    }

    /// Whether it was made here, with this hash, and is not over.
    pub(super) fn holds(&self, hash: &PasswordHash, now: Timestamp) -> bool {
        let Some(proof) = unhex(&self.proof) else { return false };
        let is_ours = hmac::verify(&key(hash), &said(&self.name, self.until, &self.id), &proof).is_ok();
        is_ours && now.as_second() < self.until
    }

    /// As a cookie for paths below `root`; only for encrypted connections, if this is one.
    pub(crate) fn cookie(&self, root: &str, is_encrypted: bool) -> String {
        let Self { name, until, id, proof } = self;
        cookie(&format!("{name}.{until}.{id}.{proof}"), LASTS_S, root, is_encrypted)
    }
}

/// A cookie that ends the session.
pub(crate) fn no_cookie(root: &str, is_encrypted: bool) -> String {
    cookie("", 0, root, is_encrypted)
}

fn cookie(value: &str, lasts_s: i64, root: &str, is_encrypted: bool) -> String {
    let secure = if is_encrypted { "; Secure" } else { "" };
    format!("{NAME}={value}; Path={root}/; Max-Age={lasts_s}; HttpOnly; SameSite=Strict{secure}")
}

/// Sessions that somebody has ended, by user: until the next start they hold no more, wherever their cookie is.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<HashMap<String, VecDeque<String>>>);

impl Ended {
    /// Ends one that holds; of very many of a user the first are forgotten.
    pub(super) fn end(&self, claim: Claim) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = all.entry(claim.name).or_default();
        if ended.len() >= MOST_ENDED {
            ended.pop_front();
        }
        ended.push_back(claim.proof);
    }

    /// Whether one was ended.
    pub(super) fn has(&self, claim: &Claim) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&claim.name)
            .is_some_and(|ended| ended.contains(&claim.proof))
    }
}

fn key(hash: &PasswordHash) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, format!("powerpi session {}", hash.as_str()).as_bytes())
}

fn said(name: &str, until: i64, id: &str) -> Vec<u8> {
    format!("{name}.{until}.{id}").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    is_hex.then(|| (0..64).step_by(2).map(byte).collect())?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sent(cookie: &str) -> Option<Claim> {
        let value = cookie.split(';').next().unwrap();
        Claim::of(&HeaderMap::from_iter([(COOKIE, format!("theme=dark; {value}").parse().unwrap())]))
    }

    #[test]
    fn a_session_is_its_users_until_it_is_over_or_the_password_is_another() {
        let (hash, other) = (PasswordHash::of(b"one").unwrap(), PasswordHash::of(b"one").unwrap());
        let now: Timestamp = "2026-10-03T12:34:00Z".parse().unwrap();
        let claim = Claim::new("an.na", &hash, now);
        let cookie = claim.cookie("/power", true);
        assert!(
            cookie.ends_with("; Path=/power/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
        let sent = sent(&cookie).unwrap();
        assert_eq!((&sent, sent.name.as_str()), (&claim, "an.na"));
        assert!(sent.holds(&hash, now) && !sent.holds(&other, now));
        let later = Timestamp::from_second(now.as_second() + LASTS_S).unwrap();
        assert!(!sent.holds(&hash, later), "it is over");
        let ended = Ended::default();
        assert!(!ended.has(&sent));
        ended.end(claim);
        assert!(ended.has(&sent));
    }

    #[test]
    fn nobody_else_can_make_one() {
        let hash = PasswordHash::of(b"one").unwrap();
        let now: Timestamp = "2026-10-03T12:34:00Z".parse().unwrap();
        let claim = Claim::new("anna", &hash, now);
        let others = [
            Claim { name: "ernst".into(), ..claim.clone() },
            Claim { until: claim.until + 1, ..claim.clone() },
            Claim { proof: "0".repeat(64), ..claim.clone() },
            Claim { proof: "ä".repeat(32), ..claim },
        ];
        assert!(others.iter().all(|other| !other.holds(&hash, now)));
        for nonsense in ["powerpi=", "powerpi=a.b.c", "powerpi=anna.soon.x.y", "other=anna.1.x.y"] {
            assert_eq!(sent(nonsense), None, "{nonsense}");
        }
    }
}
