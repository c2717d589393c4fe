//! Names of sites, meters and outboxes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use foreign_text::foreign;
use serde::{Deserialize, Serialize};

/// The longest site or meter name, in characters.
const LONGEST: usize = 32;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// It is empty or longer than 32 characters.
    #[error("{field} \"{value}\" must have 1 to {LONGEST} characters")]
    Length {
        /// Which name it was: site, meter or outbox.
        field: &'static str,
        /// The text that was refused, cut to a printable length.
        value: String,
    },
    /// It has a character that is not allowed.
    #[error("{field} \"{value}\" may only have the characters a-z 0-9 _ -")]
    Character {
        /// Which name it was: site, meter or outbox.
        field: &'static str,
        /// The text or number that was refused.
        value: String,
    },
}

fn check(field: &'static str, value: &str) -> Result<(), IdError> {
    let shown = || foreign(value).to_string();
    if value.is_empty() || value.len() > LONGEST {
        return Err(IdError::Length { field, value: shown() });
    }
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    if !value.bytes().all(allowed) {
        return Err(IdError::Character { field, value: shown() });
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                check($field, value)?;
                Ok(Self(value.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                check($field, &value)?;
                Ok(Self(value.into()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                (*id.0).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A publisher's name: `[a-z0-9_-]{1,32}`, so it is always one topic level
    /// and one file name.
    SiteId, "site"
}
id! {
    /// A meter's name within its site: `[a-z0-9_-]{1,32}`, so it is always one
    /// topic level and one file name.
    MeterId, "meter"
}
id! {
    /// The random name of an outbox, drawn when it is created; a new SD card has
    /// a new outbox, whose `seq` starts at 1 again.
    OutboxId, "outbox"
}

/// A meter of a site: what a topic names. Written `site/meter`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Meter {
    /// The publisher that counts it.
    pub site: SiteId,
    /// Its name within the site.
    pub meter: MeterId,
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.site, self.meter)
    }
}

impl FromStr for Meter {
    type Err = IdError;
    /// Reads `site/meter`.
    fn from_str(value: &str) -> Result<Self, IdError> {
        let (site, meter) = value.split_once('/').unwrap_or((value, ""));
        Ok(Self { site: site.parse()?, meter: meter.parse()? })
    }
}

impl TryFrom<String> for Meter {
    type Error = IdError;
    fn try_from(value: String) -> Result<Self, IdError> {
        value.parse()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_would_leave_their_place_are_refused() {
        for bad in ["", ".", "..", "a/b", "a+", "#", "$sys", "A", "ä", "a\0", "a b", "-/..", &"x".repeat(33)]
        {
            assert!(bad.parse::<MeterId>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "Haus".parse::<SiteId>().unwrap_err().to_string(),
            "site \"Haus\" may only have the characters a-z 0-9 _ -"
        );
    }

    proptest! {
        #[test]
        fn an_id_is_one_topic_level_and_one_file_name(text in "\\PC{0,40}|[a-z0-9_-]{1,32}") {
            if let Ok(id) = text.parse::<MeterId>() {
                prop_assert_eq!(id.as_str(), &text);
                prop_assert!(!text.contains(['/', '+', '#', '\0', '$', '.']));
                let path: Vec<_> = Path::new(id.as_str()).components().collect();
                prop_assert_eq!(path, vec![Component::Normal(text.as_ref())]);
            }
        }
    }
}
