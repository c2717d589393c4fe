//! The contract `powerpi passwd` → broker: the users file.
//!
//! A TOML file that a person can read and edit; passwords stand in it as argon2id hashes in the
//! PHC format. [`UsersFile`] writes it, [`Users`] is what the broker reads.

mod file;
mod name;
mod password;
mod role;
mod users;

pub use file::UsersFile;
pub use name::{BadUserName, UserName};
pub use password::{LONGEST_PASSWORD, PasswordError, PasswordHash};
pub use role::{Role, UnknownRole};
pub use users::{User, Users, UsersError};
