//! Retained messages: the last one published with the retain flag, for each topic.

mod scan;

use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::account::Owner;
use crate::message::Message;
pub(crate) use crate::retained::scan::RetainedScan;
use crate::topic_tree::TopicTree;

/// A message kept for those who subscribe later.
#[derive(Debug, Clone)]
pub(crate) struct RetainedMessage {
    pub(crate) message: Arc<Message>,
    pub(crate) qos: QoS,
    /// Who has published it; `None` for the broker itself.
    pub(crate) owner: Option<Owner>,
    /// They count up as they are retained.
    number: u64,
}

/// The retained messages of all topics.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    by_topic: TopicTree<RetainedMessage>,
    last_number: u64,
    /// Those that clients have published.
    messages: usize,
}

impl Retained {
    /// How many messages of clients are retained.
    pub(crate) fn len(&self) -> usize {
        self.messages
    }

    pub(crate) fn get(&self, topic: &str) -> Option<&RetainedMessage> {
        self.by_topic.get(topic)
    }

    /// Keeps a message in the place of the topic's last one. `owner` is who has published it, if it
    /// was not the broker itself.
    pub(crate) fn insert(&mut self, message: Arc<Message>, qos: QoS, owner: Option<Owner>) {
        self.messages += usize::from(owner.is_some());
        self.last_number += 1;
        let number = self.last_number;
        let topic = Arc::clone(&message);
        let earlier = self.by_topic.insert(&topic.topic, RetainedMessage { message, qos, owner, number });
        self.messages -= usize::from(earlier.is_some_and(|earlier| earlier.owner.is_some()));
    }

    /// Forgets the message of a topic.
    pub(crate) fn remove(&mut self, topic: &str) {
        let removed = self.by_topic.remove(topic);
        self.messages -= usize::from(removed.is_some_and(|removed| removed.owner.is_some()));
    }

    /// Removes the messages that have expired, and returns them.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<RetainedMessage> {
        let expired = self.by_topic.values().filter(|retained| retained.message.has_expired(now));
        let gone: Vec<_> = expired.cloned().collect();
        for retained in &gone {
            self.remove(&retained.message.topic);
        }
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
        let mut retained = Retained::default();
        for topic in topics {
            retained.insert(message(topic, "x"), QoS::AtLeastOnce, None);
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
    fn clients_messages_are_counted_and_the_brokers_own_are_not() {
        let mut retained = retained(&["$SYS/up"]);
        let owner = Some(Owner::User("user".into()));
        for topic in ["a", "b", "a"] {
            retained.insert(message(topic, "x"), QoS::AtMostOnce, owner.clone());
        }
        assert_eq!(retained.len(), 2);
        retained.remove("b");
        assert_eq!((retained.len(), topics(&retained, "#")), (1, vec!["a".to_owned()]));
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
        retained.insert(message("b", "new"), QoS::AtMostOnce, None);
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
