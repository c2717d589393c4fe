//! What the settings and the users file say of who may see what.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use broker_users::{PagesRight, User, UserName, Users};
use daemon_runtime::SettingsError;
use meter_messages::Meter;

use super::settings::AccessSettings;

/// What the settings and the users file say.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) users: Option<Users>,
    pub(super) public: Arc<BTreeSet<Meter>>,
}

/// By what a users file is known to be the one that was read; `None` where none is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FileState(Option<(u64, i64, i64, u64)>);

impl FileState {
    /// That of a file. To be asked for before it is read: what comes in between is then another one.
    pub(super) fn of(path: Option<&Path>) -> Self {
        let data = path.and_then(|path| std::fs::metadata(path).ok());
        Self(data.map(|data| (data.ino(), data.mtime(), data.mtime_nsec(), data.len())))
    }

    /// Whether a file is there: one that is gone may be about to be replaced.
    pub(super) fn is_there(self) -> bool {
        self.0.is_some()
    }
}

impl Rules {
    pub(super) fn read(settings: &AccessSettings) -> anyhow::Result<Self> {
        let public: Arc<BTreeSet<Meter>> =
            Arc::new(settings.public_meters.iter().flatten().cloned().collect());
        let Some(path) = &settings.users else {
            if !public.is_empty() {
                let said = "access: without users every meter is public; public_meters needs users";
                return Err(SettingsError::new(said.to_owned()).into());
            }
            return Ok(Self::default());
        };
        let users = Users::read(path)?;
        let is_invited = |user: &User| {
            user.invitation.as_ref().is_some_and(|invitation| invitation.role.pages().is_some())
        };
        let may_come =
            |user: &User| user.password.is_some() && (right_of(user).is_some() || is_invited(user));
        if public.is_empty() && !users.user.values().any(may_come) {
            let said = format!(
                "access: no user in {} may see the pages; `powerpi passwd --file {} --role look NAME` adds a user",
                path.display(),
                path.display()
            );
            return Err(SettingsError::new(said).into());
        }
        Ok(Self { users: Some(users), public })
    }

    /// Whether somebody may see less by these than by others, or has to say anew who they are.
    pub(super) fn take_from_somebody(&self, before: &Self) -> bool {
        let Some(users) = &self.users else { return false };
        let Some(were) = &before.users else { return true };
        let is_as_before = |(name, user): (&UserName, &User)| {
            let now = users.user.get(name);
            user.invitation.is_some()
                || now.is_some_and(|now| (now.role, &now.password) == (user.role, &user.password))
        };
        !were.user.iter().all(is_as_before) || !before.public.is_subset(&self.public)
    }

    /// Says in the log what has become of whom, and who has changed it, if that is known.
    pub(super) fn tell_since(&self, before: &Self, by: Option<&str>) {
        let (Some(now), Some(before)) = (&self.users, &before.users) else { return };
        for news in now.news_since(before) {
            match by {
                Some(by) => tracing::info!(by, "users: {news}"),
                None => tracing::info!("users: {news}"),
            }
        }
    }
}

pub(super) fn right_of(user: &User) -> Option<PagesRight> {
    user.role?.pages()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use broker_users::{PasswordHash, Role, UsersFile};

    use super::super::Access;
    use super::*;

    #[test]
    fn a_users_file_is_another_one_from_the_moment_on_in_which_it_was_read_and_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let add = |name: &str| {
            let mut file = UsersFile::open(&path).unwrap();
            file.set(&name.parse().unwrap(), Some(&PasswordHash::of(b"1").unwrap()), Some(Role::Look));
            file.save().unwrap();
        };
        add("anna");
        let settings = AccessSettings { users: Some(path.clone()), public_meters: None };
        let access = Access::read(&settings, folder.path()).unwrap();
        assert!(!access.has_another_file() && !access.follow().unwrap());
        // Whoever looks for changes only now has missed none.
        add("ben");
        assert!(access.has_another_file() && access.follow().unwrap() && !access.follow().unwrap());
        assert_eq!(access.users().unwrap().user.len(), 2);
        std::fs::write(&path, "[user.anna]\nrole = 'king'\n").unwrap();
        assert!(access.follow().is_err() && !access.has_another_file(), "told once");
        assert_eq!(access.users().unwrap().user.len(), 2);
        add_anew(&path);
        assert!(access.follow().unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!access.has_another_file(), "it may be about to be replaced");
    }

    fn add_anew(path: &Path) {
        let hash = PasswordHash::of(b"1").unwrap();
        std::fs::write(path, format!("[user.eva]\nrole = 'look'\npassword = '{}'\n", hash.as_str())).unwrap();
    }
}
