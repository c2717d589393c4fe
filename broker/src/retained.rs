//! Retained messages: the last one published with the retain flag, for each topic.

mod scan;

use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::message::Message;
pub(crate) use crate::retained::scan::RetainedScan;
use crate::topic_tree::TopicTree;

/// A message kept for those who subscribe later.
#[derive(Debug, Clone)]
pub(crate) struct RetainedMessage {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    /// They count up as they are retained.
    number: u64,
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
    by_topic: TopicTree<RetainedMessage>,
    last_number: u64,
    /// Those that clients have published, and bytes of topics, payloads and properties. The
    /// broker's own figures are always retained.
    messages: usize,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

impl Retained {
    pub(crate) fn new(max_messages: usize, max_bytes: usize) -> Retained {
        Retained {
            by_topic: TopicTree::default(),
            last_number: 0,
            messages: 0,
            bytes: 0,
            max_messages,
            max_bytes,
        }
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
            self.last_number += 1;
            let number = self.last_number;
            self.by_topic
                .insert(&message.topic, RetainedMessage { message: Arc::clone(message), qos, number });
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
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::topic_tree::Found;
    use crate::work::Work;

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
        scan(retained, &[filter]).0
    }

    /// What a SUBSCRIBE brings, and how much work it was.
    fn scan(retained: &Retained, filters: &[&str]) -> (Vec<String>, usize) {
        let filters = filters.iter().map(|filter| ((*filter).to_owned(), QoS::AtLeastOnce)).collect();
        let (mut scan, mut work) = (RetainedScan::new(filters, retained), Work::of(usize::MAX));
        let mut found = Vec::new();
        while let Found::One((message, _)) = scan.next(retained, Instant::now(), &mut work) {
            found.push(message.topic.clone());
        }
        (found, work.done())
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

    #[test]
    fn a_message_comes_once_for_all_filters() {
        let retained = retained(&["a/b", "a/c", "d"]);
        assert_eq!(scan(&retained, &["a/+", "#", "a/b"]).0, ["a/b", "a/c", "d"]);
    }

    /// What is retained meanwhile comes as any other message does.
    #[test]
    fn what_is_retained_after_the_subscribe_is_left_out() {
        let mut retained = retained(&["a", "b"]);
        let mut scan = RetainedScan::new(vec![("#".to_owned(), QoS::AtLeastOnce)], &retained);
        retained.retain(&message("b", "new"), QoS::AtMostOnce).unwrap();
        let mut found = Vec::new();
        loop {
            match scan.next(&retained, Instant::now(), &mut Work::of(1)) {
                Found::One((message, qos)) => found.push((message.topic.clone(), qos)),
                Found::OutOfWork => {}
                Found::NoMore => break,
            }
        }
        assert_eq!(found, [("a".to_owned(), QoS::AtLeastOnce)]);
    }
}
