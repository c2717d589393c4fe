//! The queues of messages that are owed to sessions. Pure; what is owed to a lasting session lies
//! in the `store` as well, before its publisher gets a PUBACK.

use std::collections::VecDeque;
use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::account::owed_cost;
use crate::message::Message;

/// The number under which the store holds a message, once for all sessions that it is owed to.
/// Each of them holds one reference; whoever lets go of the last one has it removed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MessageNumber(pub(crate) u64);

/// A message that one session is to receive.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) message: Arc<Message>,
    /// `None` if it is owed to a session that does not outlive the broker.
    pub(crate) stored: Option<Arc<MessageNumber>>,
    /// QoS 1 or 2.
    pub(crate) qos: QoS,
    /// Whether it is sent as a retained message: it was one already when the session subscribed,
    /// or the session wants to be told that it was published as one.
    pub(crate) retain: bool,
}

impl Owed {
    /// What it costs to keep, in bytes of memory: also if others are owed the same message.
    pub(crate) fn cost(&self) -> usize {
        owed_cost(self.message.size())
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
#[derive(Debug, Default)]
pub(crate) struct OwedQueue {
    /// With their positions, which ascend.
    messages: VecDeque<(u64, Owed)>,
    bytes: usize,
}

impl OwedQueue {
    pub(crate) fn push(&mut self, position: u64, owed: Owed) {
        self.bytes += owed.message.size();
        self.messages.push_back((position, owed));
    }

    /// Puts a message before all others, which became owed after it.
    pub(crate) fn push_front(&mut self, position: u64, owed: Owed) {
        self.bytes += owed.message.size();
        self.messages.push_front((position, owed));
    }

    /// The oldest one, with its position.
    pub(crate) fn first(&self) -> Option<(u64, &Owed)> {
        self.messages.front().map(|(position, owed)| (*position, owed))
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Owed)> {
        let (position, owed) = self.messages.pop_front()?;
        self.bytes -= owed.message.size();
        if self.messages.is_empty() {
            // A queue that once was a year long gives its room back.
            self.messages.shrink_to(1_024);
        }
        Some((position, owed))
    }

    /// All of them.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Owed> {
        self.messages.into_iter().map(|(_, owed)| owed)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Of topics and payloads.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether no more fits within `limits`.
    pub(crate) fn is_full(&self, limits: OwedLimits) -> bool {
        self.messages.len() >= limits.max_messages || self.bytes >= limits.max_bytes
    }
}
