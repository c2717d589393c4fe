//! Which topic names and topic filters are valid (MQTT 3.1.1, section 4.7), and which the settings allow.

use std::sync::Arc;

use crate::settings::MqttSettings;

/// What is subscribed to in a shared subscription: `$share/name/filter`.
pub(crate) type SharePath = Arc<str>;

/// What the filter of a shared subscription begins with.
const SHARE: &str = "$share/";

/// How long topic names and topic filters may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicLimits {
    levels: usize,
    bytes: usize,
}

impl TopicLimits {
    pub(crate) fn new(settings: &MqttSettings) -> TopicLimits {
        let or_unlimited = |most: usize| if most == 0 { usize::MAX } else { most };
        TopicLimits {
            levels: or_unlimited(settings.max_topic_levels),
            bytes: or_unlimited(settings.max_topic_bytes),
        }
    }

    /// Whether a topic or filter is no longer than that.
    pub(crate) fn allow(self, name: &str) -> bool {
        // Levels have to be counted only where there could be more.
        name.len() <= self.bytes && (name.len() < self.levels || name.split('/').count() <= self.levels)
    }
}

/// Whether a message may be published under `topic`.
pub(crate) fn valid_topic(topic: &str) -> bool {
    valid_string(topic) && !topic.is_empty() && rumqttc::valid_topic(topic)
}

/// Whether `filter` can be subscribed to, alone or in a share: `$share/name/filter`, with a name that is not empty
/// and has no wildcards [MQTT-4.8.2-1, 4.8.2-2].
pub(crate) fn valid_filter(filter: &str) -> bool {
    let Some(share) = filter.strip_prefix(SHARE) else {
        return valid_string(filter) && filter != "$share" && rumqttc::valid_filter(filter);
    };
    share.split_once('/').is_some_and(|(name, filter)| {
        !name.is_empty() && !name.contains(['+', '#', '\0']) && !is_share(filter) && valid_filter(filter)
    })
}

/// Whether `text` may stand in a packet: without the character NUL.
pub(crate) fn valid_string(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether only the broker itself may publish under `topic`: under `$SYS`, but for what a bridge of mosquitto's
/// says of its connection there.
pub(crate) fn is_brokers_own(topic: &str) -> bool {
    let Some(below) = topic.strip_prefix("$SYS") else { return false };
    let bridge = below.strip_prefix("/broker/connection/").and_then(|rest| rest.strip_suffix("/state"));
    let is_of_bridge = bridge.is_some_and(|name| !name.is_empty() && !name.contains('/'));
    (below.is_empty() || below.starts_with('/')) && !is_of_bridge
}

/// Whether a filter is one of a shared subscription.
pub(crate) fn is_share(filter: &str) -> bool {
    filter.starts_with(SHARE)
}

/// What messages are compared with: a filter without the name of its share.
pub(crate) fn unshared(filter: &str) -> &str {
    let share = filter.strip_prefix(SHARE).and_then(|share| share.split_once('/'));
    share.map_or(filter, |(_, filter)| filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_long_and_deep_as_the_settings_allow() {
        let limits = |max_topic_levels, max_topic_bytes| {
            TopicLimits::new(&MqttSettings { max_topic_levels, max_topic_bytes, ..MqttSettings::default() })
        };
        let (long, deep) = ("x".repeat(65_535), "/".repeat(65_535));
        let none = TopicLimits::new(&MqttSettings::default());
        assert!(none.allow(&long) && none.allow(&deep));
        assert!(limits(3, 0).allow(&long) && limits(0, 65_535).allow(&deep));
        assert!(limits(3, 0).allow("a/b/c") && limits(3, 0).allow("//") && limits(3, 0).allow("+/+/#"));
        assert!(!limits(3, 0).allow("a/b/c/d") && !limits(3, 0).allow("///") && !limits(3, 0).allow(&deep));
        assert!(limits(0, 5).allow("a/b/c") && !limits(0, 5).allow("a/b/cd") && !limits(0, 5).allow("größe"));
        assert!(limits(1, 1).allow("a") && !limits(1, 1).allow("/"));
    }

    #[test]
    fn topics_carry_no_wildcards_and_no_nul() {
        for topic in ["a", "/", "a//b", "$SYS/x", "größe/µ", "a b"] {
            assert!(valid_topic(topic), "{topic:?}");
        }
        for topic in ["", "a/+", "#", "a#", "a\0b"] {
            assert!(!valid_topic(topic), "{topic:?}");
        }
    }

    #[test]
    fn sys_is_the_brokers_own_but_for_bridges() {
        for topic in [
            "$SYS",
            "$SYS/",
            "$SYS/broker/uptime",
            "$SYS/broker/connection//state",
            "$SYS/broker/connection/a/b/state",
        ] {
            assert!(is_brokers_own(topic), "{topic:?}");
        }
        for topic in ["$SYS/broker/connection/attic.home/state", "$SYSTEM/x", "SYS/x", "$x", "a/$SYS"] {
            assert!(!is_brokers_own(topic), "{topic:?}");
        }
    }

    #[test]
    fn wildcards_stand_alone_in_their_level() {
        for filter in ["#", "+", "a/#", "+/b/+", "/", "/#", "$SYS/#", "ä/+"] {
            assert!(valid_filter(filter), "{filter:?}");
        }
        for filter in ["", "a#", "#/a", "a+", "+a/b", "a/++", "a\0", "$share"] {
            assert!(!valid_filter(filter), "{filter:?}");
        }
    }

    #[test]
    fn a_share_has_a_name_and_a_filter() {
        for (path, filter) in [
            ("$share/g/a/+/b", "a/+/b"),
            ("$share/g/#", "#"),
            ("$share/g//", "/"),
            ("$share/größe 1/$SYS/#", "$SYS/#"),
        ] {
            assert!(valid_filter(path) && is_share(path), "{path:?}");
            assert_eq!(unshared(path), filter);
        }
        for path in
            ["$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a", "$share/g/a#"]
        {
            assert!(!valid_filter(path), "{path:?}");
        }
        assert!(!valid_filter("$share/g/$share/h/a") && !valid_filter("$share/g\0/a"));
        assert!(!is_share("$shared/g/a") && !is_share("a/$share/g/a"));
        assert_eq!(unshared("a/b"), "a/b");
    }
}
