//! The contract `powerpi passwd` → broker and pages: the users file.
//!
//! A TOML file that a person can read and edit; passwords are stored as argon2id hashes in the
//! PHC format. [`UsersFile`] writes it, broker and pages read it as [`Users`]. With the feature
//! `logins`, `Logins` checks passwords for both.

#[cfg(feature = "logins")]
mod checking;
mod file;
#[cfg(feature = "logins")]
mod logins;
mod name;
mod password;
mod role;
#[cfg(feature = "logins")]
mod slowing;
mod users;

pub use file::UsersFile;
#[cfg(feature = "logins")]
pub use logins::{LoginError, Logins, NoRandomness, Pace};
pub use name::{BadUserName, UserName};
pub use password::{LONGEST_PASSWORD, PasswordError, PasswordHash};
pub use role::{PagesRight, Role, UnknownRole};
pub use users::{OpenInvitation, User, Users, UsersError};
