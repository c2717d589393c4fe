//! What a user may do at NATS, of what the users file says. Pure.

use std::fmt;

use broker_users::{Role, User, UserName};

use super::subjects::{Unfit, subjects};

/// Under this NATS brings a client what it has subscribed to with QoS 1. Whoever may not subscribe to it gets no subscription
/// of that kind; that nobody else listens there is seen to by letting these users in over MQTT only, which refuses it.
const DELIVERIES: &str = "$MQTT.sub.>";

/// What NATS does its own work with: nobody who may publish or hear everything has any business there.
const OF_NATS: [&str; 2] = ["$JS.>", "$SYS.>"];

/// What publishers of any name announce themselves to Home Assistant under.
const DISCOVERY: &str = "homeassistant.device.*.config";

/// A user's rights.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rights {
    publish: Vec<String>,
    subscribe: Vec<String>,
    /// Filters that NATS cannot have, and why.
    pub(super) left_out: Vec<(String, Unfit)>,
}

impl Rights {
    /// Those of a user; `None` if there is nothing for it to do at a broker.
    pub(super) fn of(name: &UserName, user: &User, discovery: bool) -> Option<Self> {
        if matches!(user.role, Some(Role::Invited | Role::Pairing)) {
            return None;
        }
        let mut rights = Self { publish: Vec::new(), subscribe: Vec::new(), left_out: Vec::new() };
        for filter in user.publish_filters() {
            let of_discovery = discovery && filter.starts_with("homeassistant/device/");
            match subjects(filter, name) {
                Err(Unfit::PartOfLevel) if of_discovery => rights.publish.push(DISCOVERY.to_owned()),
                outcome => rights.left_out.extend(add(&mut rights.publish, filter, outcome)),
            }
        }
        for filter in user.subscribe_filters() {
            rights.left_out.extend(add(&mut rights.subscribe, filter, subjects(filter, name)));
        }
        rights.publish.dedup();
        // `$+/#` is in `>`, which stands for everything there.
        let is_all = rights.publish.iter().chain(&rights.subscribe).any(|subject| subject == ">");
        rights.left_out.retain(|(filter, _)| !(is_all && filter == "$+/#"));
        let is_nothing = rights.publish.is_empty() && rights.subscribe.is_empty();
        (!is_nothing).then_some(rights)
    }
}

fn add(to: &mut Vec<String>, filter: &str, outcome: Result<Vec<String>, Unfit>) -> Option<(String, Unfit)> {
    match outcome {
        Ok(subjects) => to.extend(subjects),
        Err(unfit) => return Some((filter.to_owned(), unfit)),
    }
    None
}

/// As `permissions` of NATS' settings.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deliveries = [DELIVERIES.to_owned()];
        writeln!(f, "publish: {{ {} }}", one(&self.publish, &[]))?;
        write!(f, "subscribe: {{ {} }}", one(&self.subscribe, &deliveries))
    }
}

/// An empty list allows everything there, so who may do nothing is denied it.
fn one(allowed: &[String], always: &[String]) -> String {
    if allowed.is_empty() {
        return r#"deny: [">"]"#.to_owned();
    }
    let list = |all: &mut dyn Iterator<Item = &str>| {
        all.map(|subject| format!("\"{subject}\"")).collect::<Vec<_>>().join(", ")
    };
    let mut said = format!("allow: [{}]", list(&mut allowed.iter().chain(always).map(String::as_str)));
    if allowed.iter().any(|subject| subject == ">") {
        said += &format!(", deny: [{}]", list(&mut OF_NATS.into_iter()));
    }
    said
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use broker_users::Users;

    use super::*;

    fn rights(role: &str, discovery: bool) -> Option<Rights> {
        let users = Users::parse(&format!("[user.hq]\nrole = '{role}'\n")).unwrap();
        let (name, user) = users.user.iter().next().unwrap();
        Rights::of(name, user, discovery)
    }

    #[test]
    fn each_role_gets_what_it_has_and_who_may_publish_nothing_is_denied_it() {
        let said = |role| rights(role, false).unwrap().to_string();
        assert!(said("publisher").contains(r#""powerpi.hq.*.minute""#), "{}", said("publisher"));
        assert!(said("publisher").ends_with(r#""homeassistant.status", "$MQTT.sub.>"] }"#));
        assert_eq!(
            said("recorder"),
            "publish: { allow: [\"powerpi.*.*.recorded\", \"powerpi.ECHO.*.minute\"] }\n\
             subscribe: { allow: [\"powerpi\", \"powerpi.>\", \"$MQTT.sub.>\"] }"
        );
        assert!(said("reader").starts_with(r#"publish: { deny: [">"] }"#));
        assert!(said("admin").starts_with(r#"publish: { allow: [">"], deny: ["$JS.>", "$SYS.>"] }"#));
        assert!(rights("admin", false).unwrap().left_out.is_empty());
        assert_eq!(rights("look", false), None, "the pages know them, the broker does not");
    }

    #[test]
    fn announcements_to_home_assistant_are_allowed_only_where_that_is_asked_for() {
        let without = rights("publisher", false).unwrap();
        assert_eq!(without.left_out.len(), 2);
        assert!(!without.to_string().contains(DISCOVERY));
        let with = rights("publisher", true).unwrap();
        assert!(with.left_out.is_empty() && with.to_string().matches(DISCOVERY).count() == 1, "{with}");
    }
}
