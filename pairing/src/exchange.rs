//! The messages between the invited Pi and whoever answers on the server, and their topics.
//!
//! The topics begin with `$`: neither `#` nor a bridge to another broker covers them.

use foreign_text::foreign;
use serde::{Deserialize, Serialize};

/// A message may not be longer, in bytes.
pub const LONGEST_MESSAGE: usize = 1024;

/// The filter of all requests.
pub const REQUESTS: &str = "$pairing/+/request";

/// Where the user of an invitation asks.
pub fn request_topic(user: &str) -> String {
    format!("$pairing/{user}/request")
}

/// Where the user of an invitation is answered.
pub fn answer_topic(user: &str) -> String {
    format!("$pairing/{user}/answer")
}

/// The user of an invitation who asks under this topic.
pub fn inviting_user(topic: &str) -> Option<&str> {
    let user = topic.strip_prefix("$pairing/")?.strip_suffix("/request")?;
    (!user.contains('/')).then_some(user)
}

/// The invited asks for what the invitation is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// A name for this try, to know its answer by.
    pub id: String,
    /// The argon2id hash of the password with which the invited will log in from now on.
    pub password: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The name of the try.
    pub id: String,
    /// Why nothing came of it; if nothing is said here, the password is good from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("that is no message of a pairing: {0}")]
pub struct Unreadable(String);

impl Request {
    /// Reads it.
    ///
    /// # Errors
    /// If it is too long, or something else.
    pub fn from_json(payload: &[u8]) -> Result<Self, Unreadable> {
        read(payload)
    }

    /// Writes it.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Answer {
    /// Reads it.
    ///
    /// # Errors
    /// If it is too long, or something else.
    pub fn from_json(payload: &[u8]) -> Result<Self, Unreadable> {
        read(payload)
    }

    /// Writes it.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn read<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Unreadable> {
    if payload.len() > LONGEST_MESSAGE {
        return Err(Unreadable(format!("it has more than {LONGEST_MESSAGE} bytes")));
    }
    serde_json::from_slice(payload).map_err(|error| Unreadable(foreign(&error.to_string()).to_string()))
}
