//! What one state of a users file says that an earlier one did not, in words for the log. Pure.

use std::collections::BTreeSet;

use crate::name::UserName;
use crate::users::{User, Users};

impl Users {
    /// What has become of whom since an earlier state, a line each. Secrets are not in it.
    pub fn news_since(&self, earlier: &Self) -> Vec<String> {
        let names: BTreeSet<&UserName> = self.user.keys().chain(earlier.user.keys()).collect();
        let news = |name| news(name, earlier.user.get(name), self.user.get(name));
        names.into_iter().filter_map(news).collect()
    }
}

fn news(name: &UserName, before: Option<&User>, now: Option<&User>) -> Option<String> {
    let role =
        |user: &User| user.role.map_or_else(|| "no role".to_owned(), |role| format!("the role {role}"));
    Some(match (before, now) {
        (None, Some(User { invitation: Some(open), .. })) => {
            format!("{} is invited, with the role {}", open.name, open.role)
        }
        (Some(User { invitation: Some(open), .. }), None) => {
            format!("an invitation of {} was used or withdrawn, or is over", open.name)
        }
        (None, Some(user)) => format!("{name} is new, with {}", role(user)),
        (Some(_), None) => format!("{name} is no user any more"),
        (Some(before), Some(now)) if before != now => {
            let password = match &now.password {
                same if *same == before.password => None,
                Some(_) => Some("another password".to_owned()),
                None => Some("no password".to_owned()),
            };
            let filters = |user: &User| (user.publish.clone(), user.subscribe.clone());
            let differs = [
                (now.role != before.role).then(|| role(now)),
                password,
                (filters(now) != filters(before)).then(|| "other filters".to_owned()),
            ];
            let differs: Vec<String> = differs.into_iter().flatten().collect();
            format!(
                "{name} has {}",
                if differs.is_empty() { "changed".into() } else { differs.join(" and ") }
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;

    #[test]
    fn what_has_become_of_whom_is_told_without_secrets() {
        let [one, other] = [b"1", b"2"].map(|it| PasswordHash::of(it).unwrap().as_str().to_owned());
        let open = "role = 'invited'\ninvitation = { name = 'ben', role = 'look', until = '2026-11-29T12:00:00Z' }\n";
        let before = format!(
            "[user.anna]\nrole = 'look'\npassword = '{one}'\n[user.eva]\nrole = 'web'\n[user.otto]\nrole = 'admin'\n\
             password = '{one}'\n[user.'invite.1']\n{open}"
        );
        let now = format!(
            "[user.anna]\nrole = 'admin'\npassword = '{other}'\n[user.dora]\n[user.otto]\nrole = 'admin'\npublish = ['x']\n\
             [user.'invite.2']\n{open}"
        );
        let [before, now] = [before, now].map(|text| Users::parse(&text).unwrap());
        assert_eq!(
            now.news_since(&before),
            [
                "anna has the role admin and another password",
                "dora is new, with no role",
                "eva is no user any more",
                "an invitation of ben was used or withdrawn, or is over",
                "ben is invited, with the role look",
                "otto has no password and other filters",
            ]
        );
        assert!(now.news_since(&now).is_empty());
    }
}
