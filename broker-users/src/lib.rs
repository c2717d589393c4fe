//! The contract `powerpi passwd` → broker and pages: the users file.
//!
//! A TOML file that a person can read and edit; passwords are stored as argon2id hashes in the
//! PHC format. [`UsersFile`] writes it, by the rules of [`UserChange`]
//! for people; broker and pages read it as [`Users`]. With the feature
//! `logins`, `Logins` checks passwords for both.

mod changing;
#[cfg(feature = "logins")]
mod checking;
mod file;
#[cfg(feature = "logins")]
mod logins;
mod name;
mod news;
mod password;
mod role;
#[cfg(feature = "logins")]
mod slowing;
mod users;

pub use changing::{NotChanged, UserChange};
pub use file::UsersFile;
#[cfg(feature = "logins")]
pub use logins::{LoginError, Logins, NoRandomness, NotHashed, Pace};
pub use name::{BadUserName, UserName};
pub use password::{LONGEST_PASSWORD, PasswordError, PasswordHash};
pub use role::{PagesRight, Role, UnknownRole};
pub use users::{OpenInvitation, User, Users, UsersError};
