//! What one client may do. Pure.

use std::net::IpAddr;

use broker_users::{PasswordHash, User, UserName};

use crate::access::entrance::Entrance;
use crate::account::Owner;
use crate::topics::{is_brokers_own, is_share, unshared, valid_filter};

/// What a client has shown to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The password with this hash.
    Password(PasswordHash),
    /// A certificate, and how often it had changed which are good when this one was.
    Certificate(u64),
    /// Nothing, where that is enough: by which way it came, and from where.
    Nothing(Entrance, IpAddr),
}

/// The rights of one client, as they are now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(super) user: Option<UserName>,
    pub(super) client_id: String,
    pub(super) credential: Credential,
    publish: Vec<String>,
    subscribe: Vec<String>,
    /// Whether nobody can come in any more as who the client was before it had a user.
    pub(super) succeeds_anonymous: bool,
    /// Whether publishers wait while it is too slow; else the oldest messages owed to it are dropped.
    pub(crate) holds_publishers: bool,
}

impl Rights {
    /// A user's filters, with the name for `%u` and the client id for `%c`. A filter drops out
    /// where there is no user, or where a client id with wildcards or levels would widen it.
    pub(crate) fn new(
        name: Option<&UserName>,
        user: &User,
        client_id: &str,
        credential: Credential,
    ) -> Rights {
        let fill_in = |filter: &str| fill_in(filter, name.map(UserName::as_str), client_id);
        Rights {
            user: name.cloned(),
            client_id: client_id.to_owned(),
            credential,
            succeeds_anonymous: false,
            holds_publishers: false,
            publish: user.publish_filters().filter_map(fill_in).collect(),
            subscribe: user.subscribe_filters().filter_map(fill_in).collect(),
        }
    }

    /// The name of the session behind a client id. Each user has sessions of their own: nobody
    /// takes over what is owed to another. NUL stands in no client id.
    pub(crate) fn session_name(&self, client_id: &str) -> String {
        match &self.user {
            Some(user) => format!("{client_id}\0{user}"),
            None => client_id.to_owned(),
        }
    }

    /// The session that the client had before it had a user, and that nobody can come back to.
    pub(crate) fn anonymous_predecessor<'a>(&self, session_name: &'a str) -> Option<&'a str> {
        session_name.split_once('\0').map(|(client_id, _)| client_id).filter(|_| self.succeeds_anonymous)
    }

    /// To whom what is kept for the client is charged; `address` is where it comes from.
    pub(crate) fn owner(&self, address: IpAddr) -> Owner {
        Owner::new(self.user.as_ref(), address)
    }

    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        !is_brokers_own(topic) && self.publish.iter().any(|filter| permits(filter, topic))
    }

    /// Whether everything that matches `filter` may be read. A filter that asks for more is
    /// refused as a whole, not served in part. Who may subscribe to something may share it.
    pub(crate) fn may_subscribe(&self, filter: &str) -> bool {
        let filter = unshared(filter);
        self.subscribe.iter().any(|permitted| covers(permitted, filter))
    }
}

/// Whether `pattern` can stand in a users file: a topic filter, in which a `+` may also end a
/// level that begins with text.
pub(super) fn valid_pattern(pattern: &str) -> bool {
    let levels: Vec<&str> =
        pattern.split('/').map(|level| if is_prefix(level) { "+" } else { level }).collect();
    let filter = levels.join("/");
    !is_share(&filter) && valid_filter(&filter)
}

fn is_prefix(level: &str) -> bool {
    level.len() > 1 && level.find(['+', '#']) == Some(level.len() - 1) && level.ends_with('+')
}

fn fill_in(filter: &str, user: Option<&str>, client_id: &str) -> Option<String> {
    let in_home_assistant = user.unwrap_or_default().replace('_', "U");
    let mut parts = filter.split('%');
    let mut filled = parts.next()?.to_owned();
    for part in parts {
        let (value, rest) = match part.chars().next() {
            Some('u') => (user?, &part[1..]),
            // Only a site's name can be told from others so.
            Some('U') if user?.contains('U') => return None,
            Some('U') => (in_home_assistant.as_str(), &part[1..]),
            Some('c') => (client_id, &part[1..]),
            _ => ("%", part),
        };
        if value.is_empty() || value.contains(['/', '+', '#']) {
            return None;
        }
        filled.push_str(value);
        filled.push_str(rest);
    }
    Some(filled)
}

/// Whether a topic lies under a permitted filter.
fn permits(permitted: &str, topic: &str) -> bool {
    // A topic is a filter that matches only itself.
    covers(permitted, topic)
}

/// Whether everything that `filter` matches lies under `permitted`.
fn covers(permitted: &str, filter: &str) -> bool {
    // `#` and `+` do not match $SYS and its like.
    if filter.starts_with('$') && permitted.starts_with(['+', '#']) {
        return false;
    }
    let mut wanted = filter.split('/');
    for level in permitted.split('/') {
        if level == "#" {
            return true;
        }
        let Some(asked) = wanted.next() else { return false };
        let covered = match level {
            "+" => asked != "#",
            _ if is_prefix(level) => {
                let prefix = &level[..level.len() - 1];
                asked.starts_with(prefix) && !asked.contains(['+', '#'])
            }
            _ => asked == level,
        };
        if !covered {
            // `a/#` matches `a` as well, but not the other way round.
            return false;
        }
    }
    wanted.next().is_none()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use broker_users::Role;

    fn rights(role: Role, name: &str, client_id: &str) -> Rights {
        let user = User {
            password: None,
            role: Some(role),
            publish: Vec::new(),
            subscribe: Vec::new(),
            invitation: None,
        };
        Rights::new(Some(&name.parse().unwrap()), &user, client_id, Credential::Certificate(0))
    }

    fn own(filter: &str, name: Option<&str>, client_id: &str) -> Rights {
        let filters = vec![filter.to_owned()];
        let user = User {
            password: None,
            role: None,
            publish: filters.clone(),
            subscribe: filters,
            invitation: None,
        };
        let name = name.map(|name| name.parse().unwrap());
        Rights::new(name.as_ref(), &user, client_id, Credential::Certificate(0))
    }

    #[test]
    fn a_filter_is_covered_as_a_whole() {
        for (permitted, filter) in [
            ("#", "a/b"),
            ("#", "#"),
            ("#", "+/a"),
            ("a/#", "a"),
            ("a/#", "a/#"),
            ("a/#", "a/+/b"),
            ("a/+/c", "a/+/c"),
            ("a/+/c", "a/b/c"),
            ("$SYS/#", "$SYS/broker/+"),
            ("+/+", "/b"),
            ("a/b_+/c", "a/b_x/c"),
            ("$+/#", "$x"),
            ("$+/#", "$SYS/#"),
        ] {
            assert!(covers(permitted, filter), "{permitted} covers {filter}");
        }
        for (permitted, filter) in [
            ("a/#", "#"),
            ("a/#", "+/b"),
            ("a/+", "a/#"),
            ("a/+", "a"),
            ("a/+", "a/b/c"),
            ("a/b", "a/+"),
            ("a/b", "a/b/#"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
            ("a/#", "ab"),
            ("a/b_+/c", "a/+/c"),
            ("a/b_+/c", "a/x_b/c"),
            ("a/b_+/c", "a/b_x/d"),
        ] {
            assert!(!covers(permitted, filter), "{permitted} does not cover {filter}");
        }
    }

    #[test]
    fn names_and_client_ids_are_filled_in_unless_they_would_widen() {
        assert!(own("a/%u/%c/b", Some("me"), "one").may_publish("a/me/one/b"));
        assert!(!own("a/%u", None, "one").may_publish("a/%u"));
        for client_id in ["+", "#", "a/b", ""] {
            let widened = own("a/%c/#", Some("me"), client_id);
            assert!(!widened.may_subscribe(&format!("a/{client_id}/#")), "{client_id}");
            assert!(!widened.may_publish("a/x/y"), "{client_id}");
        }
        assert!(own("100%/%x", Some("me"), "c").may_publish("100%/%x"));
        // A name in a client id is not filled in again.
        assert!(own("%c", Some("me"), "%u").may_publish("%u"));
    }

    #[test]
    fn a_publisher_keeps_to_its_site() {
        let publisher = rights(Role::Publisher, "home", "powerpi-home");
        for topic in [
            "powerpi/home/status",
            "powerpi/home/price",
            "powerpi/home/main/minute",
            "homeassistant/device/powerpi_home_main/config",
        ] {
            assert!(publisher.may_publish(topic), "{topic}");
        }
        for topic in [
            "powerpi/other/status",
            "powerpi/other/price",
            "powerpi/other/main/minute",
            "powerpi/home/main/recorded",
            "homeassistant/device/powerpi_other_main/config",
            "homeassistant/status",
            "$SYS/broker/version",
        ] {
            assert!(!publisher.may_publish(topic), "{topic}");
        }
        assert!(publisher.may_subscribe("powerpi/home/+/recorded"));
        assert!(publisher.may_subscribe("homeassistant/status"));
        assert!(!publisher.may_subscribe("powerpi/+/+/recorded"));
    }

    #[test]
    fn a_publisher_announces_only_its_own_meters() {
        let topic = |name: &str| format!("homeassistant/device/{name}/config");
        let (short, long) = (rights(Role::Publisher, "a", "x"), rights(Role::Publisher, "a_b", "x"));
        // Of a_b/c and of a/b_c.
        assert!(long.may_publish(&topic("powerpi_aUb_c")) && !short.may_publish(&topic("powerpi_aUb_c")));
        assert!(short.may_publish(&topic("powerpi_a_bUc")) && !long.may_publish(&topic("powerpi_a_bUc")));
        // What both were called before; it is cleared.
        assert!(short.may_publish(&topic("powerpi_a_b_c")) && long.may_publish(&topic("powerpi_a_b_c")));
        assert!(!rights(Role::Publisher, "other", "x").may_publish(&topic("powerpi_aUb_c")));
    }

    #[test]
    fn readers_only_read_and_recorders_only_mark() {
        let reader = rights(Role::Reader, "me", "x");
        assert!(reader.may_subscribe("powerpi/#") && reader.may_subscribe("powerpi/+/+/+"));
        assert!(!reader.may_subscribe("#") && !reader.may_subscribe("+/x"));
        assert!(reader.may_subscribe("$share/g/powerpi/#") && !reader.may_subscribe("$share/g/#"));
        assert!(!reader.may_publish("powerpi/me/main/minute"));
        let web = rights(Role::Web, "web", "x");
        assert!(web.may_publish("powerpi/home/main/reading") && web.may_subscribe("powerpi/#"));
        assert!(web.may_publish("powerpi/home/main/correction"));
        for other in [
            "powerpi/home/main/minute",
            "powerpi/home/main/recorded",
            "powerpi/home/reading",
            "powerpi/home/price",
        ] {
            assert!(!web.may_publish(other), "{other}");
        }
        for of_pages in ["powerpi/home/main/reading", "powerpi/home/main/correction"] {
            assert!(!rights(Role::Publisher, "home", "x").may_publish(of_pages), "{of_pages}");
        }
        for of_pages in [Role::Look, Role::EnterReadings] {
            let of_pages = rights(of_pages, "anna", "x");
            assert!(
                !of_pages.may_publish("powerpi/home/main/reading") && !of_pages.may_subscribe("powerpi/#")
            );
        }
        let recorder = rights(Role::Recorder, "recorder", "x");
        assert!(recorder.may_publish("powerpi/home/main/recorded"));
        assert!(!recorder.may_publish("powerpi/home/main/minute"));
    }

    #[test]
    fn a_bridge_carries_everything_and_says_how_its_connection_is() {
        let bridge = rights(Role::Bridge, "attic", "x");
        for topic in
            ["powerpi/home/main/minute", "zigbee2mqtt/plug", "$SYS/broker/connection/attic.home/state"]
        {
            assert!(bridge.may_publish(topic), "{topic}");
        }
        assert!(bridge.may_subscribe("#") && !bridge.may_subscribe("$SYS/#"));
        for user in [bridge, rights(Role::Admin, "admin", "x")] {
            assert!(
                !user.may_publish("$SYS/broker/uptime")
                    && !user.may_publish("$SYS/broker/connection/a/b/state")
            );
        }
        assert!(rights(Role::Admin, "admin", "x").may_publish("$SYS/broker/connection/a.b/state"));
        assert!(!rights(Role::Publisher, "home", "x").may_publish("$SYS/broker/connection/a.b/state"));
    }

    #[test]
    fn an_invited_user_can_do_nothing_but_ask() {
        let invited = rights(Role::Invited, "invite.01020304", "x");
        assert!(invited.may_publish("$pairing/invite.01020304/request"));
        assert!(invited.may_subscribe("$pairing/invite.01020304/answer"));
        for topic in [
            "$pairing/invite.05060708/request",
            "$pairing/invite.01020304/answer",
            "powerpi/home/main/minute",
            "powerpi/invite.01020304/status",
        ] {
            assert!(!invited.may_publish(topic), "{topic}");
        }
        for filter in ["#", "$pairing/#", "$pairing/+/answer", "powerpi/#", "$SYS/#", "homeassistant/status"]
        {
            assert!(!invited.may_subscribe(filter), "{filter}");
        }
        let answering = rights(Role::Pairing, "pairing", "x");
        assert!(answering.may_subscribe("$pairing/+/request") && !answering.may_subscribe("powerpi/#"));
        assert!(
            answering.may_publish("$pairing/invite.01020304/answer")
                && !answering.may_publish("powerpi/a/status")
        );
        // What is said there is for nobody else.
        for other in [Role::Bridge, Role::Reader, Role::Recorder, Role::Web] {
            assert!(!rights(other, "x", "x").may_subscribe("$pairing/+/request"), "{other}");
        }
    }

    #[test]
    fn every_roles_filters_are_valid() {
        for role in Role::ALL.into_iter().chain([Role::Invited, Role::Pairing]) {
            assert!(role.publish().iter().chain(role.subscribe()).all(|filter| valid_pattern(filter)));
        }
        for wrong in ["", "a#", "a/#/b", "++", "a+b", "+a", "a\0", "$share/g/a"] {
            assert!(!valid_pattern(wrong), "{wrong}");
        }
    }

    #[test]
    fn each_user_has_sessions_of_their_own() {
        let one = rights(Role::Reader, "one", "x").session_name("x");
        assert_ne!(one, rights(Role::Reader, "two", "x").session_name("x"));
        assert_eq!(own("#", None, "x").session_name("x"), "x");
    }
}
