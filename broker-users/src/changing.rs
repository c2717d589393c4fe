//! Who is invited, what a user may do, and who is no more: the rules are the same for the pages and for the commands.

use jiff::Timestamp;

use crate::file::UsersFile;
use crate::name::UserName;
use crate::password::PasswordHash;
use crate::role::Role;
use crate::users::{OpenInvitation, Users, UsersError};

/// So many invitations may be open at a time.
const MOST_OPEN: usize = 100;

/// What is to be changed.
#[derive(Debug, Clone)]
pub enum UserChange {
    /// Somebody is to become a user, or a user is to choose another password.
    Invite {
        /// The user of the invitation.
        as_user: UserName,
        /// The hash of its secret.
        secret: PasswordHash,
        /// Who is invited, what for, and until when.
        invitation: OpenInvitation,
        /// Whether there must be no user of that name; otherwise there must be one, with that role.
        is_new: bool,
    },
    /// A user may do something else from now on.
    Role {
        /// Who.
        name: UserName,
        /// The role until now.
        was: Role,
        /// The role from now on.
        role: Role,
    },
    /// A user is no more.
    Delete {
        /// Who.
        name: UserName,
        /// The role until now.
        was: Role,
    },
    /// Invitations are withdrawn.
    Withdraw {
        /// Of whom.
        name: UserName,
    },
    /// Somebody who is invited has chosen a password.
    Accept {
        /// The user of the invitation.
        as_user: UserName,
        /// The hash of its secret.
        secret: PasswordHash,
        /// The hash of the password.
        password: PasswordHash,
    },
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// The file cannot be read, written or used.
    #[error(transparent)]
    File(#[from] UsersError),
    /// The user is not as was shown.
    #[error("this user has changed meanwhile")]
    Stale,
    /// A new user has the name of another one.
    #[error("there is a user of this name already")]
    Taken,
    /// Nobody would be left who may change anything.
    #[error("at least one admin with a password has to stay; invite another one first")]
    LastAdmin,
    /// Nobody at the pages could invite others.
    #[error("the first user has to be an admin, who can then invite others: add --role admin")]
    FirstIsAdmin,
    /// More are not kept.
    #[error("{MOST_OPEN} invitations are open; wait until some are used or over, or `powerpi revoke` them")]
    TooMany,
    /// The invitation was used, withdrawn, or is over.
    #[error("the invitation is no longer good")]
    Over,
    /// There is no users file.
    #[error("there are no users")]
    NoUsers,
}

impl UsersFile {
    /// Changes it, still to be saved; who has accepted an invitation, if that was it.
    ///
    /// # Errors
    /// Why it cannot be changed so; it must not be saved then.
    pub fn change(&mut self, change: UserChange, now: Timestamp) -> Result<Option<UserName>, NotChanged> {
        let users = self.users()?;
        let is_still = |name: &UserName, was: Role| match users.user.get(name) {
            Some(user) if user.role == Some(was) => Ok(()),
            _ => Err(NotChanged::Stale),
        };
        let mut accepted = None;
        match change {
            UserChange::Invite { as_user, secret, invitation, is_new } => {
                match is_new {
                    true if users.user.contains_key(&invitation.name) => return Err(NotChanged::Taken),
                    true => {}
                    false => is_still(&invitation.name, invitation.role)?,
                }
                self.add_invitation(&users, (&as_user, &secret), &invitation, now)?;
            }
            UserChange::Role { name, was, role } => {
                is_still(&name, was)?;
                self.set(&name, None, Some(role));
            }
            UserChange::Delete { name, was } => {
                is_still(&name, was)?;
                self.remove(&name)?;
                // Nobody comes back by a link that was made before.
                self.withdraw(&name)?;
            }
            UserChange::Withdraw { name } => self.withdraw(&name)?,
            UserChange::Accept { as_user, secret, password } => {
                let invited = users.user.get(&as_user).filter(|user| user.password.as_ref() == Some(&secret));
                let invitation = invited.and_then(|user| user.invitation.as_ref());
                let invitation = invitation.filter(|it| it.until > now).ok_or(NotChanged::Over)?;
                // Both in one file: either the invitation is open, or the user is there.
                self.remove(&as_user)?;
                // What a user may do has been decided since, where there is one.
                let role = (!users.user.contains_key(&invitation.name)).then_some(invitation.role);
                self.set(&invitation.name, Some(&password), role);
                accepted = Some(invitation.name.clone());
            }
        }
        if users.has_admin() && !self.users()?.has_admin() {
            return Err(NotChanged::LastAdmin);
        }
        Ok(accepted)
    }

    fn add_invitation(
        &mut self,
        users: &Users,
        (as_user, secret): (&UserName, &PasswordHash),
        invitation: &OpenInvitation,
        now: Timestamp,
    ) -> Result<(), NotChanged> {
        let is_of_pages = invitation.role.pages().is_some();
        if is_of_pages && invitation.role != Role::Admin && !users.has_admin() {
            return Err(NotChanged::FirstIsAdmin);
        }
        let over = users.invitations().filter(|(_, open)| open.until <= now);
        over.map(|(user, _)| user.clone()).try_for_each(|user| self.remove(&user))?;
        self.withdraw(&invitation.name)?;
        if self.users()?.invitations().count() >= MOST_OPEN {
            return Err(NotChanged::TooMany);
        }
        self.invite(as_user, secret, invitation);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
    }

    fn change(
        path: &std::path::Path,
        change: UserChange,
        now: Timestamp,
    ) -> Result<Option<UserName>, NotChanged> {
        let mut file = UsersFile::open(path)?;
        let accepted = file.change(change, now)?;
        file.save()?;
        Ok(accepted)
    }

    #[test]
    fn an_invitation_is_good_once_and_until_its_time_and_gives_no_more_than_was_decided_since() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let [secret, other, chosen] = [b"1", b"2", b"3"].map(|it| PasswordHash::of(it).unwrap());
        let (now, until): (Timestamp, Timestamp) =
            ("2026-11-29T12:00:00Z".parse().unwrap(), "2026-11-30T12:00:00Z".parse().unwrap());
        let invite = |user: &str, role: Role, is_new: bool| UserChange::Invite {
            as_user: name("invite.01020304"),
            secret: secret.clone(),
            invitation: OpenInvitation { name: name(user), role, until },
            is_new,
        };
        let accept = |secret: &PasswordHash| UserChange::Accept {
            as_user: name("invite.01020304"),
            secret: secret.clone(),
            password: chosen.clone(),
        };
        let first = change(&path, invite("anna", Role::Look, true), now);
        assert!(matches!(first, Err(NotChanged::FirstIsAdmin)));
        change(&path, invite("anna", Role::Admin, true), now).unwrap();
        assert!(matches!(change(&path, accept(&other), now), Err(NotChanged::Over)));
        assert!(matches!(change(&path, accept(&secret), until), Err(NotChanged::Over)), "its time is over");
        assert_eq!(change(&path, accept(&secret), now).unwrap(), Some(name("anna")));
        assert!(matches!(change(&path, accept(&secret), now), Err(NotChanged::Over)), "it was used");
        let users = Users::read(&path).unwrap();
        assert_eq!((users.user.len(), users.user["anna"].role), (1, Some(Role::Admin)));
        assert!(matches!(change(&path, invite("anna", Role::Look, true), now), Err(NotChanged::Taken)));
        // A link for a new password gives back no right that was taken since.
        change(
            &path,
            UserChange::Accept { as_user: name("x"), secret: secret.clone(), password: other },
            now,
        )
        .unwrap_err();
        let mut file = UsersFile::open(&path).unwrap();
        file.set(&name("otto"), Some(&secret), Some(Role::Admin));
        file.save().unwrap();
        drop(file);
        change(&path, invite("anna", Role::Admin, false), now).unwrap();
        let role = UserChange::Role { name: name("anna"), was: Role::Admin, role: Role::Look };
        change(&path, role.clone(), now).unwrap();
        assert!(matches!(change(&path, role, now), Err(NotChanged::Stale)));
        change(&path, accept(&secret), now).unwrap();
        assert_eq!(Users::read(&path).unwrap().user["anna"].role, Some(Role::Look));
    }

    #[test]
    fn who_is_deleted_does_not_come_back_and_an_admin_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.toml");
        let (hash, now) = (PasswordHash::of(b"1").unwrap(), Timestamp::from_second(1_795_000_000).unwrap());
        let until = Timestamp::from_second(now.as_second() + 60).unwrap();
        let mut file = UsersFile::open(&path).unwrap();
        file.set(&name("otto"), Some(&hash), Some(Role::Admin));
        file.set(&name("anna"), Some(&hash), Some(Role::Look));
        file.invite(
            &name("invite.1"),
            &hash,
            &OpenInvitation { name: name("anna"), role: Role::Look, until },
        );
        file.save().unwrap();
        drop(file);
        change(&path, UserChange::Delete { name: name("anna"), was: Role::Look }, now).unwrap();
        assert_eq!(Users::read(&path).unwrap().user.len(), 1, "the invitation is gone, too");
        for last in [
            UserChange::Delete { name: name("otto"), was: Role::Admin },
            UserChange::Role { name: name("otto"), was: Role::Admin, role: Role::Look },
        ] {
            assert!(matches!(change(&path, last, now), Err(NotChanged::LastAdmin)));
        }
        assert_eq!(Users::read(&path).unwrap().user["otto"].role, Some(Role::Admin));
    }
}
