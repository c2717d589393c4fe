//! Which topic names and topic filters are valid (MQTT 3.1.1, section 4.7).

/// Whether a message may be published under `topic`.
pub(crate) fn valid_topic(topic: &str) -> bool {
    valid_string(topic) && !topic.is_empty() && rumqttc::valid_topic(topic)
}

/// Whether `filter` can be subscribed to. Shared subscriptions (`$share/...`) belong to MQTT 5.
pub(crate) fn valid_filter(filter: &str) -> bool {
    valid_string(filter) && rumqttc::valid_filter(filter) && !shared(filter)
}

/// Whether `text` may stand in a packet: without the character NUL.
pub(crate) fn valid_string(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether `filter` asks for a shared subscription.
pub(crate) fn shared(filter: &str) -> bool {
    filter == "$share" || filter.starts_with("$share/")
}

#[cfg(test)]
mod tests {
    use super::{valid_filter, valid_topic};

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
    fn wildcards_stand_alone_in_their_level() {
        for filter in ["#", "+", "a/#", "+/b/+", "/", "/#", "$SYS/#", "ä/+"] {
            assert!(valid_filter(filter), "{filter:?}");
        }
        for filter in ["", "a#", "#/a", "a+", "+a/b", "a/++", "a\0", "$share", "$share/g/a"] {
            assert!(!valid_filter(filter), "{filter:?}");
        }
    }
}
