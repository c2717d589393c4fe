//! The users file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;

use crate::name::UserName;
use crate::password::PasswordHash;
use crate::role::Role;

/// Why a users file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// It cannot be read or written.
    #[error("users file {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// It is invalid.
    #[error("users file {}: {said}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong, in one line.
        said: String,
    },
    /// The user is not in it.
    #[error("there is no user \"{0}\"")]
    NoSuchUser(UserName),
}

impl UsersError {
    pub(crate) fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    pub(crate) fn wrong(path: &Path, said: &impl std::fmt::Display) -> Self {
        Self::Wrong { path: path.to_owned(), said: without_source(&said.to_string()) }
    }
}

/// What a parser says of a users file in one line, without the lines of the file that it shows: a
/// password may stand there, and the error goes to the log.
fn without_source(said: &str) -> String {
    let shows =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    said.lines().filter(|line| !shows(line)).collect::<Vec<_>>().join(" ")
}

/// One user's section, `[user.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Without one the user can only log in by client certificate.
    pub password: Option<PasswordHash>,
    /// Ready-made rights.
    pub role: Option<Role>,
    /// Filters of topics the user may publish under, besides the role's.
    #[serde(default)]
    pub publish: Vec<String>,
    /// Filters that cover what the user may subscribe to, besides the role's.
    #[serde(default)]
    pub subscribe: Vec<String>,
    /// What the user becomes by an invitation; only with the role `invited`.
    pub invitation: Option<OpenInvitation>,
}

/// An invitation that nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenInvitation {
    /// The user that the invited becomes.
    pub name: UserName,
    /// What that user may do.
    pub role: Role,
    /// Until when it can be used.
    pub until: Timestamp,
}

impl User {
    /// All filters of topics the user may publish under.
    pub fn publish_filters(&self) -> impl Iterator<Item = &str> {
        let role = self.role.map_or(&[][..], Role::publish);
        role.iter().copied().chain(self.publish.iter().map(String::as_str))
    }

    /// All filters that cover what the user may subscribe to.
    pub fn subscribe_filters(&self) -> impl Iterator<Item = &str> {
        let role = self.role.map_or(&[][..], Role::subscribe);
        role.iter().copied().chain(self.subscribe.iter().map(String::as_str))
    }
}

/// All users of a broker.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// By name.
    #[serde(default)]
    pub user: BTreeMap<UserName, User>,
}

impl Users {
    /// The users of invitations that nobody has used, and the invitations.
    pub fn invitations(&self) -> impl Iterator<Item = (&UserName, &OpenInvitation)> {
        self.user.iter().filter_map(|(name, user)| Some((name, user.invitation.as_ref()?)))
    }

    /// Whether somebody can come in by a password who may do everything.
    pub fn has_admin(&self) -> bool {
        self.user.values().any(|user| user.role == Some(Role::Admin) && user.password.is_some())
    }

    /// Reads a users file.
    ///
    /// # Errors
    /// If it cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self, UsersError> {
        let text = std::fs::read_to_string(path).map_err(|error| UsersError::io(path, error))?;
        Self::parse(&text).map_err(|error| UsersError::wrong(path, &error))
    }

    /// Reads the text of a users file.
    ///
    /// # Errors
    /// If it is invalid; the error says where.
    pub fn parse(text: &str) -> Result<Self, toml_edit::de::Error> {
        toml_edit::de::from_str(text)
    }
}
