//! What it costs to keep something, in bytes of memory: about what it takes, and never less than
//! what a client has sent for it.

use crate::account::Kind;
use crate::message::Message;

/// A session, besides its client id and whatever else is kept for it.
const SESSION: usize = 1_000;
/// A subscription with its options and its identifier, besides its filter, which is kept three times.
const SUBSCRIPTION: usize = 400;
/// The packet id of a message of QoS 2 that its publisher has not released.
pub(crate) const RECEIVED: usize = 8;
/// A message, besides topic, payload and properties.
const MESSAGE: usize = 300;

/// A will that costs no more than a session is always taken: there are no more of them than there
/// are connections and sessions, and a publisher can come in whatever else its owner keeps.
pub(crate) const SMALL_WILL: usize = SESSION;

/// A session to which nothing is owed, without subscriptions.
pub(crate) fn session_cost(client_id: &str) -> usize {
    SESSION + 2 * client_id.len()
}

/// A subscription to `filter`.
pub(crate) fn filter_cost(filter: &str) -> usize {
    SUBSCRIPTION + 3 * filter.len()
}

/// A message of this size that is owed to one session, also if others are owed the same one.
pub(crate) fn owed_cost(size: usize) -> usize {
    MESSAGE + size
}

/// What is charged for a retained message.
pub(crate) fn retained_charges(message: &Message) -> [(Kind, usize); 3] {
    let (size, cost) = (message.size(), retained_cost(message));
    [(Kind::Retained, 1), (Kind::RetainedBytes, size), (Kind::Bytes, cost)]
}

/// A retained message, or a will.
pub(crate) fn retained_cost(message: &Message) -> usize {
    MESSAGE + message.topic.len() + message.size()
}
