//! What a browser keeps after somebody has signed in by the form: who they are, until when, and a proof that only
//! this server could have made. It is made with the server's secret, so that nobody can make one who has read the users
//! file, and with the hash of the user's password, so that another password ends all of the user's sessions. Pure.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use broker_users::PasswordHash;
use hyper::HeaderMap;
use hyper::header::COOKIE;
use jiff::Timestamp;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// The cookie's name.
const NAME: &str = "powerpi";

/// How long a session lasts, in seconds: 30 days.
pub(crate) const LASTS_S: i64 = 30 * 86_400;

/// What only this server knows. Does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SessionSecret([u8; 32]);

impl SessionSecret {
    /// A random one.
    ///
    /// # Panics
    /// If the operating system has no random numbers. Linux has them once it has booted.
    pub(super) fn random() -> Self {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).expect("the operating system has random numbers");
        Self(bytes)
    }

    /// As it is kept: 64 hexadecimal digits.
    pub(super) fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// As it was kept.
    pub(super) fn from_hex(text: &str) -> Option<Self> {
        unhex(text)?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What a cookie says, and its proof.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The user.
    pub(super) name: String,
    /// Unix time until which it holds.
    pub(super) until: i64,
    /// So that no two are the same.
    pub(super) id: String,
    proof: String,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claim({}, until {}, …)", self.name, self.until)
    }
}

impl Claim {
    /// A new one for a user who has said the password of that hash.
    pub(super) fn new(name: &str, hash: &PasswordHash, secret: &SessionSecret, now: Timestamp) -> Self {
        let (until, id) = (now.as_second() + LASTS_S, daemon_runtime::random_id());
        let proof = hex(hmac::sign(&key(secret), &said(name, until, &id, hash)).as_ref());
        Self { name: name.to_owned(), until, id, proof }
    }

    /// That of a request, whether it is true or not.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies =
            cookies.flat_map(|value| value.split(';')).filter_map(|it| it.trim().split_once('='));
        let (_, value) = cookies.find(|(name, _)| *name == NAME)?;
        let mut parts = value.splitn(4, '.');
        let (name, until, id, proof) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let name = String::from_utf8(URL_SAFE_NO_PAD.decode(name).ok()?).ok()?;
        let until = until.parse().ok()?;
        Some(Self { name, until, id: id.to_owned(), proof: proof.to_owned() })
    }

    /// Whether it was made here, for this hash, and is not over.
    pub(super) fn holds(&self, hash: &PasswordHash, secret: &SessionSecret, now: Timestamp) -> bool {
        let Some(proof) = unhex(&self.proof) else { return false };
        let said = said(&self.name, self.until, &self.id, hash);
        let is_ours = hmac::verify(&key(secret), &said, &proof).is_ok();
        is_ours && now.as_second() < self.until
    }

    /// As a cookie for paths below `root`; only for encrypted connections, if this is one.
    pub(crate) fn cookie(&self, root: &str, is_encrypted: bool) -> String {
        let Self { name, until, id, proof } = self;
        // A name may have what no cookie has.
        let name = URL_SAFE_NO_PAD.encode(name);
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

fn key(secret: &SessionSecret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &secret.0)
}

/// None of the parts has a NUL, so no two sessions look alike.
fn said(name: &str, until: i64, id: &str, hash: &PasswordHash) -> Vec<u8> {
    format!("session\0{name}\0{until}\0{id}\0{}", hash.as_str()).into_bytes()
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
        let (secret, others) = (SessionSecret::random(), SessionSecret::random());
        let claim = Claim::new("Jörg; a.n \"x\", y=z", &hash, &secret, now);
        let cookie = claim.cookie("/power", true);
        assert!(
            cookie.ends_with("; Path=/power/; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure"),
            "{cookie}"
        );
        assert!(cookie.is_ascii() && cookie.matches(';').count() == 5, "{cookie}");
        let sent = sent(&cookie).unwrap();
        assert_eq!((&sent, sent.name.as_str()), (&claim, "Jörg; a.n \"x\", y=z"));
        assert!(sent.holds(&hash, &secret, now) && !sent.holds(&other, &secret, now));
        assert!(!sent.holds(&hash, &others, now), "another server's");
        let later = Timestamp::from_second(now.as_second() + LASTS_S).unwrap();
        assert!(!sent.holds(&hash, &secret, later), "it is over");
        assert_eq!(SessionSecret::from_hex(&secret.to_hex()), Some(secret.clone()));
        assert!(!format!("{claim:?}{secret:?}").contains(&claim.proof));
    }

    #[test]
    fn nobody_else_can_make_one() {
        let hash = PasswordHash::of(b"one").unwrap();
        let now: Timestamp = "2026-10-03T12:34:00Z".parse().unwrap();
        let secret = SessionSecret::random();
        let claim = Claim::new("anna", &hash, &secret, now);
        let others = [
            Claim { name: "ernst".into(), ..claim.clone() },
            Claim { until: claim.until + 1, ..claim.clone() },
            Claim { id: "0".repeat(16), ..claim.clone() },
            Claim { proof: "0".repeat(64), ..claim.clone() },
            Claim { proof: "ä".repeat(32), ..claim },
        ];
        assert!(others.iter().all(|other| !other.holds(&hash, &secret, now)));
        for nonsense in [
            "powerpi=",
            "powerpi=YQ.b.c",
            "powerpi=YW5uYQ.soon.x.y",
            "powerpi=anna!.1.x.y",
            "other=YW5uYQ.1.x.y",
        ] {
            assert_eq!(sent(nonsense), None, "{nonsense}");
        }
    }
}
