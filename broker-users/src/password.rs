//! Passwords as argon2id hashes.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde::Deserialize;

/// The longest password, in bytes.
pub const LONGEST_PASSWORD: usize = 1024;

/// Hashes of more memory or more passes are refused, so that nobody's login can stop the broker.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;

/// Why a password, or a hash of one, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty or too long.
    #[error("a password must have 1 to {LONGEST_PASSWORD} bytes")]
    Length,
    /// It is not `$argon2id$…`.
    #[error("that is not an argon2id hash; create it with `powerpi passwd`")]
    NoArgon2id,
    /// It takes too long or too much memory to check.
    #[error(
        "the argon2id hash costs too much: allowed are {MOST_MEMORY_KIB} KiB (m) and {MOST_PASSES} passes (t)"
    )]
    TooExpensive,
    /// The hash could not be made.
    #[error("hashing the password: {0}")]
    Hashing(String),
}

/// A password's argon2id hash in the PHC format, `$argon2id$v=19$m=…`. Does not print itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Hashes a password with a random salt: 19 MiB and 2 passes, as OWASP recommends. Takes about
    /// ten milliseconds.
    pub fn of(password: &[u8]) -> Result<Self, PasswordError> {
        check_length(password)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
        let hash: phc::PasswordHash =
            argon2.hash_password(password).map_err(|error| PasswordError::Hashing(error.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    /// Whether it is this password's. Takes as long as the hash says.
    pub fn verify(&self, password: &[u8]) -> bool {
        let Ok(hash) = phc::PasswordHash::new(&self.0) else { return false };
        password.len() <= LONGEST_PASSWORD && Argon2::default().verify_password(password, &hash).is_ok()
    }

    /// The hash as written in the users file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_length(password: &[u8]) -> Result<(), PasswordError> {
    let fits = !password.is_empty() && password.len() <= LONGEST_PASSWORD;
    fits.then_some(()).ok_or(PasswordError::Length)
}

impl TryFrom<String> for PasswordHash {
    type Error = PasswordError;

    fn try_from(text: String) -> Result<Self, PasswordError> {
        let hash = phc::PasswordHash::new(&text).map_err(|_| PasswordError::NoArgon2id)?;
        if hash.algorithm.as_str() != "argon2id" || hash.hash.is_none() || hash.salt.is_none() {
            return Err(PasswordError::NoArgon2id);
        }
        let params = Params::try_from(&hash).map_err(|_| PasswordError::NoArgon2id)?;
        if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES {
            return Err(PasswordError::TooExpensive);
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}
