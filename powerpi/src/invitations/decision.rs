//! Whether a request of somebody invited is granted. Pure.

use broker_users::{OpenInvitation, PasswordHash, UserName, Users};
use jiff::Timestamp;
use pairing::Request;

/// What is to be done with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The invitation is used up: its user goes, and this one comes.
    Pair(OpenInvitation, PasswordHash),
    /// It is told why not. The invitation stays as it is.
    Refuse(&'static str),
}

/// Decides about a request of the user `inviting`.
pub(super) fn decide(users: &Users, inviting: &str, request: &Request, now: Timestamp) -> Decision {
    let Some(invitation) = users.user.get(inviting).and_then(|user| user.invitation.clone()) else {
        return Decision::Refuse("the invitation has been used or withdrawn");
    };
    if invitation.until <= now {
        return Decision::Refuse("the invitation has expired");
    }
    match PasswordHash::try_from(request.password.clone()) {
        // Nobody decides how much work it is for the broker to let them in.
        Ok(hash) if hash.costs_the_usual() => Decision::Pair(invitation, hash),
        Ok(_) => Decision::Refuse("the password's hash is of another kind than this server's"),
        Err(_) => Decision::Refuse("that is no password's hash"),
    }
}

/// The users of invitations, and the invitations.
pub(super) fn invitations(users: &Users) -> impl Iterator<Item = (&UserName, &OpenInvitation)> {
    users.invitations()
}

/// The users of invitations that are over.
pub(super) fn expired(users: &Users, now: Timestamp) -> Vec<UserName> {
    let over = invitations(users).filter(|(_, invitation)| invitation.until <= now);
    over.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use broker_users::Role;

    use super::*;

    const USERS: &str = "[user.'invite.1']\nrole = 'invited'\n\
        invitation = { name = 'home', role = 'publisher', until = '2026-11-29T12:00:00Z' }\n\
        [user.other]\nrole = 'publisher'\n";

    fn ask(inviting: &str, password: &str, now: &str) -> Decision {
        let request = Request { id: "x".into(), password: password.into() };
        decide(&Users::parse(USERS).unwrap(), inviting, &request, now.parse().unwrap())
    }

    fn usual() -> String {
        PasswordHash::of(b"made on the Pi").unwrap().as_str().to_owned()
    }

    #[test]
    fn an_invitation_is_good_until_its_time() {
        let Decision::Pair(invitation, hash) = ask("invite.1", &usual(), "2026-11-29T11:59:59Z") else {
            panic!()
        };
        assert_eq!((invitation.name.as_str(), invitation.role), ("home", Role::Publisher));
        assert!(hash.verify(b"made on the Pi"));
        let late = ask("invite.1", &usual(), "2026-11-29T12:00:00Z");
        assert_eq!(late, Decision::Refuse("the invitation has expired"));
        let users = Users::parse(USERS).unwrap();
        assert_eq!(expired(&users, "2026-11-29T11:59:59Z".parse().unwrap()), []);
        assert_eq!(expired(&users, "2026-11-29T12:00:00Z".parse().unwrap()), ["invite.1".parse().unwrap()]);
    }

    #[test]
    fn who_is_not_invited_gets_nothing() {
        for user in ["invite.2", "other", ""] {
            let said = ask(user, &usual(), "2026-11-29T11:00:00Z");
            assert_eq!(said, Decision::Refuse("the invitation has been used or withdrawn"), "{user}");
        }
    }

    #[test]
    fn what_would_cost_the_broker_more_is_refused() {
        let dear = usual().replace("m=19456", "m=200000");
        for password in [dear.as_str(), "secret", "", &usual().replace("argon2id", "argon2i")] {
            let said = ask("invite.1", password, "2026-11-29T11:00:00Z");
            assert!(matches!(said, Decision::Refuse(_)), "{password}");
        }
    }
}
