//! The queues of messages that are owed to sessions. Pure; what is owed to a lasting session lies
//! in the `store` as well, before its publisher gets a PUBACK.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::account::owed_cost;
use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::topics::SharePath;

/// The number under which the store holds a message, once for all sessions that it is owed to.
/// Each of them holds one reference; whoever lets go of the last one has it removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MessageNumber(pub(crate) u64);

/// Gaps that a queue may have, beyond as many as there are messages in it.
const GAPS: usize = 64;

/// A message that one session is to receive.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) message: Arc<Message>,
    /// The user who has published it; `None` for all clients without one.
    pub(crate) publisher: Option<Arc<str>>,
    /// `None` if it is owed to a session that does not outlive the broker.
    pub(crate) stored: Option<Arc<MessageNumber>>,
    /// QoS 1 or 2.
    pub(crate) qos: QoS,
    /// Whether it is sent as a retained message: it was one already when the session subscribed,
    /// or the session wants to be told that it was published as one.
    pub(crate) retain: bool,
    /// Of the session's subscriptions that have brought it.
    pub(crate) identifiers: Identifiers,
    /// The share in whose name the session got it. It goes to another member if this one goes.
    pub(crate) share: Option<SharePath>,
}

impl Owed {
    /// What it costs to keep, in bytes of memory: also if others are owed the same message.
    pub(crate) fn cost(&self) -> usize {
        owed_cost(self.message.size() + self.identifiers.size())
    }
}

/// How much may be owed to one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwedLimits {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
    /// What all that is kept for the session may cost, with what is under way: what its owner may
    /// have, the others of its owner's things being what they are.
    pub(crate) share: usize,
}

/// The messages owed to one session and not sent yet, oldest first.
///
/// Who has published how much of it is known, so that when there is no room, messages of whoever has most of
/// it make way, and nobody displaces another one's.
#[derive(Debug, Default)]
pub(crate) struct OwedQueue {
    /// With their positions, which ascend; `None` where one was taken from among the others. The first is
    /// always there.
    messages: VecDeque<(u64, Option<Owed>)>,
    /// What is there of each publisher. Those without a user count as one: there is no end of them.
    by_publisher: HashMap<Option<Arc<str>>, Part>,
    /// Positions of what is there in the name of each share.
    by_share: HashMap<SharePath, BTreeSet<u64>>,
    bytes: usize,
    count: usize,
}

/// One publisher's part of a queue.
#[derive(Debug, Default)]
struct Part {
    positions: VecDeque<u64>,
    cost: usize,
}

impl OwedQueue {
    pub(crate) fn push(&mut self, position: u64, owed: Owed) {
        self.note_share(position, &owed);
        self.part_with(&owed).positions.push_back(position);
        self.messages.push_back((position, Some(owed)));
    }

    /// Puts a message before all others, which became owed after it.
    pub(crate) fn push_front(&mut self, position: u64, owed: Owed) {
        self.note_share(position, &owed);
        self.part_with(&owed).positions.push_front(position);
        self.messages.push_front((position, Some(owed)));
    }

    fn note_share(&mut self, position: u64, owed: &Owed) {
        if let Some(share) = &owed.share {
            self.by_share.entry(Arc::clone(share)).or_default().insert(position);
        }
    }

    /// The part of a message's publisher, with the message counted.
    fn part_with(&mut self, owed: &Owed) -> &mut Part {
        self.bytes += owed.message.size();
        self.count += 1;
        let part = self.by_publisher.entry(owed.publisher.clone()).or_default();
        part.cost += owed.cost();
        part
    }

    /// The oldest one, with its position.
    pub(crate) fn first(&self) -> Option<(u64, &Owed)> {
        let (position, owed) = self.messages.front()?;
        Some((*position, owed.as_ref()?))
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Owed)> {
        let (position, owed) = self.messages.front_mut()?;
        let (position, owed) = (*position, owed.take()?);
        self.forget(position, &owed);
        Some((position, owed))
    }

    /// Shares in whose names something is there.
    pub(crate) fn shares(&self) -> impl Iterator<Item = &SharePath> {
        self.by_share.keys()
    }

    /// What is there in the name of a share, oldest first.
    pub(crate) fn of_share(&self, share: &str) -> impl Iterator<Item = (u64, &Owed)> {
        let positions = self.by_share.get(share).into_iter().flatten();
        positions
            .filter_map(|position| Some((*position, self.messages[self.index_of(*position)?].1.as_ref()?)))
    }

    /// Takes the message at a position.
    pub(crate) fn take(&mut self, position: u64) -> Option<Owed> {
        let index = self.index_of(position)?;
        let owed = self.messages[index].1.take()?;
        self.forget(position, &owed);
        Some(owed)
    }

    fn index_of(&self, position: u64) -> Option<usize> {
        self.messages.binary_search_by_key(&position, |(position, _)| *position).ok()
    }

    /// Takes the oldest message of the publisher who has most.
    pub(crate) fn pop_of_who_has_most(&mut self) -> Option<(u64, Owed)> {
        let most = self.by_publisher.values().max_by_key(|part| part.cost)?;
        let position = *most.positions.front()?;
        self.take(position).map(|owed| (position, owed))
    }

    /// A message was taken out: its publisher's oldest, mostly.
    fn forget(&mut self, position: u64, owed: &Owed) {
        self.bytes -= owed.message.size();
        self.count -= 1;
        if let Some(share) = &owed.share
            && let Some(positions) = self.by_share.get_mut(share)
        {
            positions.remove(&position);
            if positions.is_empty() {
                self.by_share.remove(share);
            }
        }
        if let Some(part) = self.by_publisher.get_mut(&owed.publisher) {
            if let Ok(index) = part.positions.binary_search(&position) {
                part.positions.remove(index);
            }
            part.cost -= owed.cost();
            if part.positions.is_empty() {
                self.by_publisher.remove(&owed.publisher);
            }
        }
        while self.messages.front().is_some_and(|(_, owed)| owed.is_none()) {
            self.messages.pop_front();
        }
        if self.messages.len() > 2 * self.count + GAPS {
            self.messages.retain(|(_, owed)| owed.is_some());
        }
        if self.messages.is_empty() {
            // A queue that once was a year long gives its room back.
            self.messages.shrink_to(1_024);
        }
    }

    /// All of them.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Owed> {
        self.messages.into_iter().filter_map(|(_, owed)| owed)
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Of topics and payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no more fits within `limits`.
    pub(crate) fn is_full(&self, limits: OwedLimits) -> bool {
        self.count >= limits.max_messages || self.bytes >= limits.max_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::Identifier;
    use crate::message::Message;

    fn owed(publisher: &str, payload: &str) -> Owed {
        let message = Arc::new(Message::plain("a", payload.to_owned()));
        let publisher = (!publisher.is_empty()).then(|| publisher.into());
        let identifiers = Identifiers::default();
        let qos = QoS::AtLeastOnce;
        Owed { message, publisher, stored: None, qos, retain: false, identifiers, share: None }
    }

    fn positions(queue: &mut OwedQueue) -> Vec<u64> {
        std::iter::from_fn(|| queue.pop()).map(|(position, _)| position).collect()
    }

    #[test]
    fn who_has_most_makes_way_the_oldest_first() {
        let mut queue = OwedQueue::default();
        for position in 1..=1_000 {
            queue.push(position, owed(if position % 100 == 0 { "honest" } else { "greedy" }, "x"));
        }
        let dropped: Vec<_> = (0..980).filter_map(|_| queue.pop_of_who_has_most()).collect();
        assert!(dropped.iter().all(|(_, owed)| owed.publisher.as_deref() == Some("greedy")));
        assert!(dropped.is_sorted_by_key(|(position, _)| *position));
        assert_eq!((queue.len(), queue.bytes()), (20, 20 * "ax".len()));
        assert!(queue.messages.len() <= 2 * queue.len() + GAPS, "gaps are closed");
        assert_eq!(queue.first().map(|(position, _)| position), Some(100), "the first is always there");
        // The rest comes in its order.
        let expected: Vec<_> =
            (1..=1_000).filter(|position| position % 100 == 0 || *position > 989).collect();
        assert_eq!(positions(&mut queue), expected);
        assert!(queue.by_publisher.is_empty() && queue.messages.is_empty());
    }

    /// Somebody may have a thousand subscriptions that a message of one byte matches.
    #[test]
    fn numbers_of_subscriptions_cost_what_they_take() {
        let (plain, mut numbered) = (owed("one", "x"), owed("one", "x"));
        for number in 1..=1_000 {
            numbered.identifiers.append(&mut Identifier::new(number).into());
        }
        assert_eq!(numbered.cost() - plain.cost(), 4_000);
    }

    #[test]
    fn what_comes_back_is_its_publishers_oldest_again() {
        let mut queue = OwedQueue::default();
        for (position, publisher) in [(1, "one"), (2, ""), (3, "one"), (4, "")] {
            queue.push(position, owed(publisher, "x"));
        }
        let taken: Vec<_> = (0..2).filter_map(|_| queue.pop()).collect();
        for (position, owed) in taken.into_iter().rev() {
            queue.push_front(position, owed);
        }
        queue.push(5, owed("one", "x"));
        assert_eq!(queue.pop_of_who_has_most().map(|(position, _)| position), Some(1));
        queue.push(6, owed("", "longer"));
        assert_eq!(queue.pop_of_who_has_most().map(|(position, _)| position), Some(2));
        assert_eq!(positions(&mut queue), [3, 4, 5, 6]);
    }

    /// Whatever was taken from among the others.
    #[test]
    fn what_is_of_a_share_is_found_in_its_order() {
        let mut queue = OwedQueue::default();
        for position in 1..=1_000 {
            let share = (position % 3 == 0).then(|| if position % 2 == 0 { "even" } else { "odd" }.into());
            queue.push(position, Owed { share, ..owed(if position < 500 { "one" } else { "other" }, "x") });
        }
        let first = |queue: &OwedQueue| queue.of_share("even").next().map(|(position, _)| position);
        for expected in [6, 12, 18] {
            assert_eq!(first(&queue), Some(expected));
            queue.take(expected);
        }
        assert_eq!(queue.pop_of_who_has_most().map(|(position, _)| position), Some(500));
        assert_eq!((0..30).filter_map(|_| queue.pop()).count(), 30);
        assert_eq!(first(&queue), Some(36));
        assert!(queue.take(35).is_some() && queue.take(18).is_none());
        let rest = positions(&mut queue);
        assert_eq!((rest.len(), rest.is_sorted()), (1_000 - 3 - 1 - 30 - 1, true));
        assert!(queue.by_publisher.is_empty() && queue.by_share.is_empty());
    }
}
