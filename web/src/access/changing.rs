//! Changes of the users file: who is invited, what a user may do, and who is no more. The file is replaced as a whole,
//! under the lock that `powerpi passwd` takes.

use std::path::Path;

use broker_users::{OpenInvitation, PasswordHash, Role, UserName, Users, UsersError, UsersFile};
use jiff::Timestamp;

/// So many invitations may be open at a time.
const MOST_OPEN: usize = 100;

/// What is to be changed.
#[derive(Debug, Clone)]
pub(crate) enum UserChange {
    /// Somebody is to become a user, or a user is to choose another password.
    Invite {
        as_user: UserName,
        secret: PasswordHash,
        name: UserName,
        role: Role,
        until: Timestamp,
        is_new: bool,
    },
    /// A user may do something else from now on.
    Role { name: UserName, was: Role, role: Role },
    /// A user is no more.
    Delete { name: UserName, was: Role },
    /// An invitation is withdrawn.
    Withdraw { name: UserName },
    /// Somebody who is invited has chosen a password.
    Accept { as_user: UserName, secret: PasswordHash, password: PasswordHash },
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotChanged {
    #[error(transparent)]
    File(#[from] UsersError),
    /// The user is not as was shown.
    #[error("this user has changed meanwhile")]
    Stale,
    /// A new user has the name of another one.
    #[error("there is a user of this name already")]
    Taken,
    /// Nobody would be left who may change anything.
    #[error("an admin has to stay")]
    LastAdmin,
    #[error("too many invitations are open")]
    TooMany,
    /// The invitation was used, withdrawn, or is over.
    #[error("the invitation is no longer good")]
    Over,
    /// There is no users file.
    #[error("there are no users")]
    NoUsers,
}

/// Changes the file; who has accepted an invitation, if that was it.
pub(super) fn change(
    path: &Path,
    change: UserChange,
    now: Timestamp,
) -> Result<Option<UserName>, NotChanged> {
    let mut file = UsersFile::open(path)?;
    let users = file.users()?;
    let role_of = |name: &UserName| users.user.get(name).and_then(|user| user.role);
    let mut accepted = None;
    match change {
        UserChange::Invite { as_user, secret, name, role, until, is_new } => {
            if is_new && users.user.contains_key(&name) {
                return Err(NotChanged::Taken);
            }
            if !is_new && role_of(&name) != Some(role) {
                return Err(NotChanged::Stale);
            }
            forget_old(&mut file, &users, now)?;
            file.withdraw(&name)?;
            if file.users()?.invitations().count() >= MOST_OPEN {
                return Err(NotChanged::TooMany);
            }
            file.invite(&as_user, &secret, &OpenInvitation { name, role, until });
        }
        UserChange::Role { name, was, role } => {
            if role_of(&name) != Some(was) {
                return Err(NotChanged::Stale);
            }
            file.set(&name, None, Some(role));
        }
        UserChange::Delete { name, was } => {
            if role_of(&name) != Some(was) {
                return Err(NotChanged::Stale);
            }
            file.remove(&name)?;
            file.withdraw(&name)?;
        }
        UserChange::Withdraw { name } => file.withdraw(&name)?,
        UserChange::Accept { as_user, secret, password } => {
            let invited = users.user.get(&as_user).filter(|user| user.password.as_ref() == Some(&secret));
            let invitation = invited.and_then(|user| user.invitation.as_ref());
            let invitation = invitation.filter(|it| it.until > now).ok_or(NotChanged::Over)?;
            // Both in one file: either the invitation is open, or the user is there.
            file.remove(&as_user)?;
            // What a user may do has been decided since, where there is one.
            let role = (!users.user.contains_key(&invitation.name)).then_some(invitation.role);
            file.set(&invitation.name, Some(&password), role);
            accepted = Some(invitation.name.clone());
        }
    }
    if has_admin(&users) && !has_admin(&file.users()?) {
        return Err(NotChanged::LastAdmin);
    }
    file.save()?;
    Ok(accepted)
}

/// Whether somebody can come in who may change things.
fn has_admin(users: &Users) -> bool {
    users.user.values().any(|user| user.role == Some(Role::Admin) && user.password.is_some())
}

fn forget_old(file: &mut UsersFile, users: &Users, now: Timestamp) -> Result<(), UsersError> {
    let over = users.invitations().filter(|(_, invitation)| invitation.until <= now);
    over.map(|(user, _)| user.clone()).try_for_each(|user| file.remove(&user))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> UserName {
        text.parse().unwrap()
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
            name: name(user),
            role,
            until,
            is_new,
        };
        let accept = |secret: &PasswordHash| UserChange::Accept {
            as_user: name("invite.01020304"),
            secret: secret.clone(),
            password: chosen.clone(),
        };
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
        let (hash, now) = (PasswordHash::of(b"1").unwrap(), daemon_runtime::now());
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
