//! Users' names.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The longest name, in bytes.
const LONGEST: usize = 64;

/// A name that can replace `%u` in a topic: no wildcards, no levels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct UserName(String);

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a user name: it must have 1 to {LONGEST} bytes, and no / + # or control characters")]
pub struct BadUserName(String);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = BadUserName;

    fn try_from(name: String) -> Result<Self, BadUserName> {
        let forbidden = |c: char| c.is_control() || matches!(c, '/' | '+' | '#');
        if name.is_empty() || name.len() > LONGEST || name.contains(forbidden) {
            return Err(BadUserName(name.escape_debug().to_string()));
        }
        Ok(Self(name))
    }
}

impl FromStr for UserName {
    type Err = BadUserName;

    fn from_str(name: &str) -> Result<Self, BadUserName> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for UserName {
    fn borrow(&self) -> &str {
        &self.0
    }
}
