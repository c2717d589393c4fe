//! Retained messages: the last one published with the retain flag, for each topic.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::message::Message;
use crate::router;

/// A message kept for those who subscribe later.
#[derive(Debug, Clone)]
pub(crate) struct RetainedMessage {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
}

/// There are as many retained messages as may be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooManyRetained {
    #[error("the limit of {0} retained messages is reached")]
    Messages(usize),
    #[error("retained messages take all {0} bytes that [mqtt] max_retained_bytes allows")]
    Bytes(usize),
}

/// The retained messages of all topics.
#[derive(Debug)]
pub(crate) struct Retained {
    by_topic: BTreeMap<String, RetainedMessage>,
    /// Those that clients have published, and bytes of topics, payloads and properties. The
    /// broker's own figures are always retained.
    messages: usize,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Retained {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Retained {
        Retained { by_topic: BTreeMap::new(), messages: 0, bytes: 0, max_messages, max_bytes }
    }

    /// How many messages of clients are retained.
    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    /// Keeps a message in the place of the topic's last one. An empty one only deletes it.
    pub(crate) fn retain(&mut self, message: &Arc<Message>, qos: QoS) -> Result<(), TooManyRetained> {
        let earlier = self.by_topic.get(&message.topic).map(|earlier| earlier.message.size());
        let empty = message.payload.is_empty();
        if !message.topic.starts_with("$SYS/") {
            let messages = self.messages - usize::from(earlier.is_some()) + usize::from(!empty);
            let bytes = self.bytes - earlier.unwrap_or(0) + if empty { 0 } else { message.size() };
            // What takes no more room than before is always taken.
            if messages > self.messages.max(self.max_messages) {
                return Err(TooManyRetained::Messages(self.max_messages));
            }
            if bytes > self.bytes.max(self.max_bytes) {
                return Err(TooManyRetained::Bytes(self.max_bytes));
            }
            (self.messages, self.bytes) = (messages, bytes);
        }
        if empty {
            self.by_topic.remove(&message.topic);
        } else {
            let retained = RetainedMessage { message: Arc::clone(message), qos };
            self.by_topic.insert(message.topic.clone(), retained);
        }
        Ok(())
    }

    /// Removes the messages that have expired, and returns them.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<RetainedMessage> {
        let expired = self.by_topic.values().filter(|retained| retained.message.has_expired(now));
        let gone: Vec<_> = expired.cloned().collect();
        for retained in &gone {
            self.by_topic.remove(&retained.message.topic);
        }
        // The broker's own figures do not expire.
        self.messages -= gone.len();
        self.bytes -= gone.iter().map(|retained| retained.message.size()).sum::<usize>();
        gone
    }

    /// The retained messages that match `filter`, in the order of their topics.
    pub(crate) fn matching<'a>(&'a self, filter: &'a str) -> impl Iterator<Item = &'a RetainedMessage> {
        let prefix = literal_prefix(filter);
        self.by_topic
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(topic, _)| topic.starts_with(prefix))
            .filter(move |(topic, _)| router::matches(topic, filter))
            .map(|(_, retained)| retained)
    }
}

/// What every topic that matches `filter` begins with.
fn literal_prefix(filter: &str) -> &str {
    let end = filter.find(['+', '#']).unwrap_or(filter.len());
    // `a/#` matches `a` as well.
    filter[..end].strip_suffix('/').unwrap_or(&filter[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn retained(topics: &[&str]) -> Retained {
        let mut retained = Retained::new(topics.len(), 1_000);
        for topic in topics {
            retained.retain(&message(topic, "x"), QoS::AtLeastOnce).unwrap();
        }
        retained
    }

    fn message(topic: &str, payload: &'static str) -> Arc<Message> {
        Arc::new(Message::plain(topic, payload))
    }

    fn topics(retained: &Retained, filter: &str) -> Vec<String> {
        retained.matching(filter).map(|found| found.message.topic.clone()).collect()
    }

    #[test]
    fn wildcards_find_what_matches() {
        let retained = retained(&["a", "a/b", "a/b/c", "ab", "b/b", "/a", "$SYS/up", "größe"]);
        assert_eq!(topics(&retained, "a/#"), ["a", "a/b", "a/b/c"]);
        assert_eq!(topics(&retained, "+/b"), ["a/b", "b/b"]);
        assert_eq!(topics(&retained, "a/+"), ["a/b"]);
        assert_eq!(topics(&retained, "a"), ["a"]);
        assert_eq!(topics(&retained, "/+"), ["/a"]);
        assert_eq!(topics(&retained, "gr\u{f6}ße"), ["größe"]);
        assert_eq!(topics(&retained, "$SYS/#"), ["$SYS/up"]);
        assert_eq!(topics(&retained, "#").len(), 7);
        assert_eq!(topics(&retained, "+/up"), [""; 0]);
    }

    #[test]
    fn an_empty_message_deletes_and_makes_room() {
        let mut retained = retained(&["a", "b"]);
        let full = retained.retain(&message("c", "x"), QoS::AtMostOnce);
        assert_eq!(full, Err(TooManyRetained::Messages(2)));
        retained.retain(&message("a", "new"), QoS::AtMostOnce).unwrap();
        retained.retain(&message("b", ""), QoS::AtMostOnce).unwrap();
        retained.retain(&message("c", "x"), QoS::AtMostOnce).unwrap();
        assert_eq!(topics(&retained, "#"), ["a", "c"]);
    }

    #[test]
    fn bytes_are_limited_and_come_back() {
        let mut retained = Retained::new(10, 10);
        retained.retain(&message("a", "12345"), QoS::AtMostOnce).unwrap();
        let full = retained.retain(&message("b", "1234"), QoS::AtMostOnce);
        assert_eq!(full, Err(TooManyRetained::Bytes(10)));
        // In the place of the earlier one it fits, and a smaller one leaves room.
        retained.retain(&message("a", "123456789"), QoS::AtMostOnce).unwrap();
        retained.retain(&message("a", "1"), QoS::AtMostOnce).unwrap();
        retained.retain(&message("b", "1234567"), QoS::AtMostOnce).unwrap();
        retained.retain(&message("b", ""), QoS::AtMostOnce).unwrap();
        retained.retain(&message("c", "1234567"), QoS::AtMostOnce).unwrap();
    }
}
