//! Passwords as argon2id hashes.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, PasswordHasher, Version};
use serde::Deserialize;

/// The longest password, in bytes.
pub const LONGEST_PASSWORD: usize = 1024;

/// Hashes of more memory or more passes are refused, so that nobody's login can stop the broker.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;

/// What [`PasswordHash::of`] makes, of no password in particular.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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
        self.verify_in(&mut Workspace::default(), password)
    }

    /// The same in memory that is there already.
    pub(crate) fn verify_in(&self, workspace: &mut Workspace, password: &[u8]) -> bool {
        password.len() <= LONGEST_PASSWORD && self.compare_in(workspace, password).unwrap_or(false)
    }

    fn compare_in(&self, workspace: &mut Workspace, password: &[u8]) -> Option<bool> {
        let hash = phc::PasswordHash::new(&self.0).ok()?;
        let (salt, expected) = (hash.salt.as_ref()?, hash.hash.as_ref()?);
        let params = Params::try_from(&hash).ok()?;
        let version = hash.version.map_or(Ok(Version::default()), Version::try_from).ok()?;
        let blocks = workspace.of(params.block_count());
        let argon2 = Argon2::new(Algorithm::Argon2id, version, params);
        let mut computed = [0; phc::Output::MAX_LENGTH];
        let computed = computed.get_mut(..expected.len())?;
        argon2.hash_password_into_with_memory(password, salt, computed, blocks).ok()?;
        // Compared in constant time.
        Some(phc::Output::new(computed).ok()? == *expected)
    }

    /// A hash that costs as much as any, for names that nobody has.
    #[cfg(feature = "logins")]
    pub(crate) fn nobodys() -> Self {
        Self(NOBODYS.to_owned())
    }

    /// Whether it costs what one of [`of`](Self::of) does, neither more nor less: for hashes that somebody else has made.
    pub fn costs_the_usual(&self) -> bool {
        let cost = |text: &str| {
            let hash = phc::PasswordHash::new(text).ok()?;
            let params = Params::try_from(&hash).ok()?;
            let lengths = (hash.salt.as_ref()?.len(), hash.hash.as_ref()?.len());
            Some((hash.version, params.m_cost(), params.t_cost(), params.p_cost(), lengths))
        };
        cost(&self.0).is_some_and(|cost_of_it| cost(NOBODYS) == Some(cost_of_it))
    }

    /// The hash as written in the users file.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Room for argon2id to work in, for one check after the other.
#[derive(Default)]
pub(crate) struct Workspace(Vec<Block>);

/// With this capacity or more the C library always maps memory of its own for the buffer, and the
/// kernel has it back at once. Smaller ones it keeps, in a heap for each thread. Only what is
/// written to is really taken.
const OWN_MAPPING_BLOCKS: usize = 33 * 1024;

impl Workspace {
    /// That many blocks.
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.capacity() < blocks.max(1) {
            self.0 = Vec::with_capacity(blocks.max(OWN_MAPPING_BLOCKS));
        }
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::new());
        }
        &mut self.0
    }

    /// Bytes taken.
    #[cfg(all(test, feature = "logins"))]
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() * Block::SIZE
    }

    /// Gives the memory back to the system.
    #[cfg(feature = "logins")]
    pub(crate) fn give_back(&mut self) {
        self.0 = Vec::new();
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is in it comes from a password.
        f.write_str("Workspace(…)")
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

#[cfg(all(test, feature = "logins"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_as_much_as_one_of_a_user() {
        let cost = |hash: &PasswordHash| {
            let hash = phc::PasswordHash::new(hash.as_str()).unwrap();
            (hash.algorithm, hash.version, hash.params, hash.salt.unwrap().len(), hash.hash.unwrap().len())
        };
        assert_eq!(cost(&PasswordHash::nobodys()), cost(&PasswordHash::of(b"x").unwrap()));
        let mut workspace = Workspace::default();
        assert_eq!(PasswordHash::nobodys().compare_in(&mut workspace, b"x"), Some(false));
        assert_eq!(workspace.bytes(), 19 * 1024 * 1024);
    }

    #[test]
    fn one_workspace_serves_hashes_of_any_cost() {
        let mut workspace = Workspace::default();
        let of = |memory: u32, password: &[u8]| {
            let params = Params::new(memory, 1, 1, None).unwrap();
            let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password);
            let hash: phc::PasswordHash = hash.unwrap();
            PasswordHash::try_from(hash.to_string()).unwrap()
        };
        for memory in [8, 40_000, 16, 1_000] {
            let hash = of(memory, b"secret");
            assert!(hash.verify_in(&mut workspace, b"secret") && !hash.verify_in(&mut workspace, b"Secret"));
        }
        assert!(workspace.bytes() >= 40_000 * 1024);
        workspace.give_back();
        assert_eq!(workspace.bytes(), 0);
    }
}
