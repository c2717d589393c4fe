//! What `powerpi passwd` writes, the broker reads; what a person wrote stays.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use broker_users::{OpenInvitation, PasswordHash, Role, UserName, Users, UsersFile};

fn name(name: &str) -> UserName {
    name.parse().unwrap()
}

#[test]
fn users_come_and_go_and_comments_stay() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.toml");
    let by_hand = "# mine\n[user.web]\nrole = \"web\" # pages\nsubscribe = [\"x/%u/#\"]\n";
    std::fs::write(&path, by_hand).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut file = UsersFile::open(&path).unwrap();
    let hash = PasswordHash::of(b"secret").unwrap();
    file.set(&name("web"), Some(&hash), None);
    file.set(&name("größe 1.2"), Some(&hash), Some(Role::Publisher));
    file.save().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with(by_hand) && !text.contains("secret"), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    let users = Users::read(&path).unwrap();
    assert!(users.user["web"].password.as_ref().unwrap().verify(b"secret"));
    assert_eq!(users.user["web"].subscribe_filters().collect::<Vec<_>>(), ["powerpi/#", "$SYS/#", "x/%u/#"]);
    assert_eq!(users.user["größe 1.2"].role, Some(Role::Publisher));

    let mut file = UsersFile::open(&path).unwrap();
    file.remove(&name("größe 1.2")).unwrap();
    file.save().unwrap();
    assert_eq!(Users::read(&path).unwrap().user.len(), 1);
    assert!(file.remove(&name("nobody")).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_new_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.toml");
    let mut file = UsersFile::open(&path).unwrap();
    file.set(&name("a"), None, Some(Role::Reader));
    file.save().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn only_the_password_fits() {
    let hash = PasswordHash::of(b"secret").unwrap();
    assert!(hash.verify(b"secret"));
    for wrong in [&b"Secret"[..], b"", b"secret\n", &[b'x'; 2000]] {
        assert!(!hash.verify(wrong));
    }
    assert_ne!(hash, PasswordHash::of(b"secret").unwrap(), "each has its own salt");
    assert!(PasswordHash::of(b"").is_err());
    assert!(!format!("{hash:?}").contains("argon2"));
}

#[test]
fn what_is_no_users_file_is_refused_and_not_overwritten() {
    let salted = "c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA";
    let wrong = [
        "[user.a]\nrole = \"root\"".to_owned(),
        "[user.a]\npasword = \"x\"".to_owned(),
        "[user.\"a/b\"]\nrole = \"web\"".to_owned(),
        "[user.a]\npassword = \"plain\"".to_owned(),
        "[users.a]\nrole = \"web\"".to_owned(),
        format!("[user.a]\npassword = \"$argon2i$v=19$m=8,t=1,p=1${salted}\""),
        format!("[user.a]\npassword = \"$argon2id$v=19$m=4000000,t=1,p=1${salted}\""),
        format!("[user.a]\npassword = \"$argon2id$v=19$m=64,t=4000000,p=1${salted}\""),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.toml");
    for text in wrong {
        std::fs::write(&path, &text).unwrap();
        let error = UsersFile::open(&path).unwrap_err().to_string();
        assert!(error.contains("users.toml") && !error.contains('\n'), "{error}");
        // The error goes to the log, a password must not.
        assert!(!error.contains("plain") && !error.contains(salted), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn every_role_can_be_named() {
    for role in Role::ALL {
        assert_eq!(role.name().parse(), Ok(role));
        let text = format!("[user.a]\nrole = \"{role}\"");
        assert_eq!(Users::parse(&text).unwrap().user["a"].role, Some(role));
    }
}

#[test]
fn an_invitation_is_a_user_until_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.toml");
    let until = "2026-11-29T12:00:00Z".parse().unwrap();
    let invitation = OpenInvitation { name: name("home"), role: Role::Publisher, until };
    let mut file = UsersFile::open(&path).unwrap();
    file.invite(&name("invite.01020304"), &PasswordHash::of(b"secret").unwrap(), &invitation);
    file.save().unwrap();
    let invited = &Users::read(&path).unwrap().user["invite.01020304"];
    assert_eq!((invited.role, invited.invitation.as_ref()), (Some(Role::Invited), Some(&invitation)));
    assert!(invited.password.as_ref().unwrap().verify(b"secret"));
}

#[test]
fn many_who_change_it_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.toml");
    std::thread::scope(|scope| {
        for user in 0..20 {
            let path = &path;
            scope.spawn(move || {
                let mut file = UsersFile::open(path).unwrap();
                file.set(&name(&format!("user-{user}")), None, Some(Role::Reader));
                file.save().unwrap();
            });
        }
    });
    assert_eq!(Users::read(&path).unwrap().user.len(), 20);
}

#[test]
fn only_hashes_of_the_usual_cost_are_taken_from_others() {
    let usual = PasswordHash::of(b"secret").unwrap();
    assert!(usual.costs_the_usual());
    for (from, to) in [("m=19456", "m=19457"), ("t=2", "t=3"), ("p=1", "p=2")] {
        let other = usual.as_str().replace(from, to);
        assert!(!PasswordHash::try_from(other).unwrap().costs_the_usual(), "{to}");
    }
}
