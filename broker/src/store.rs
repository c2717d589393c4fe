//! Where a message is kept for those it is owed to, before its publisher gets a PUBACK.
//!
//! In memory: what is owed here survives its subscriber's absence, but not the broker's end.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;

/// A published message, shared by all who are to receive it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// A valid topic name.
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
}

impl Message {
    /// Bytes of topic and payload.
    pub(crate) fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

/// A message that one session is to receive.
#[derive(Debug, Clone)]
pub(crate) struct Owed {
    pub(crate) message: Arc<Message>,
    /// QoS 1 or 2.
    pub(crate) qos: QoS,
    /// Whether it was retained already when the session subscribed.
    pub(crate) retain: bool,
}

/// How much may be owed to one session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwedLimits {
    pub(crate) max_messages: usize,
    pub(crate) max_bytes: usize,
}

/// The messages owed to one session and not sent yet, oldest first.
#[derive(Debug, Default)]
pub(crate) struct OwedQueue {
    messages: VecDeque<Owed>,
    bytes: usize,
}

impl OwedQueue {
    pub(crate) fn push(&mut self, owed: Owed) {
        self.bytes += owed.message.size();
        self.messages.push_back(owed);
    }

    pub(crate) fn pop(&mut self) -> Option<Owed> {
        let owed = self.messages.pop_front()?;
        self.bytes -= owed.message.size();
        if self.messages.is_empty() {
            // A queue that once was a year long gives its room back.
            self.messages.shrink_to(1_024);
        }
        Some(owed)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether no more fits within `limits`.
    pub(crate) fn is_full(&self, limits: OwedLimits) -> bool {
        self.messages.len() >= limits.max_messages || self.bytes >= limits.max_bytes
    }
}
