//! Steps between the broker and a client, and what they change.

use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::owed::Owed;

/// A step towards the client.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// A PUBLISH.
    Publish {
        message: Arc<Message>,
        qos: QoS,
        /// 0 with QoS 0.
        packet_id: u16,
        /// Whether it may have been sent before.
        dup: bool,
        retain: bool,
        /// Of the subscriptions that have brought it.
        identifiers: Identifiers,
    },
    /// A PUBREL with this packet id.
    Release(u16),
}

/// An answer of the client to a [`Delivery`], with its packet id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ack {
    /// PUBACK.
    Received(u16),
    /// PUBREC.
    Recorded(u16),
    /// PUBCOMP.
    Completed(u16),
    /// It will never have the message: PUBREC with an error, or too large a message for it.
    Discarded(u16),
}

impl Ack {
    pub(crate) fn packet_id(self) -> u16 {
        match self {
            Ack::Received(packet_id)
            | Ack::Recorded(packet_id)
            | Ack::Completed(packet_id)
            | Ack::Discarded(packet_id) => packet_id,
        }
    }
}

/// What an [`Ack`] changed.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Nothing: nothing of this id is under way.
    Nothing,
    /// Nothing: what is under way under this id is to be acknowledged in another way.
    Unfit,
    /// The delivery has come to its end.
    Completed { position: u64, owed: Option<Owed> },
    /// The client has the message and does not take it again: to be answered with PUBREL.
    Recorded { position: u64, owed: Owed },
    /// To be answered with PUBREL, as before.
    Release,
    /// To be answered with PUBREL, although nothing of this id is under way: else the client
    /// would wait for ever.
    Unknown,
}

/// What comes next for a client.
#[derive(Debug)]
pub(crate) enum Next {
    Deliver(Delivery),
    /// A message that has become too old, or is no longer permitted, and is owed no more.
    Expired(u64, Owed),
    /// A message of QoS 2 that is no longer permitted and that the client may have seen: only PUBREL is
    /// sent, as if it had recorded it.
    Ended {
        position: u64,
        packet_id: u16,
        owed: Owed,
    },
}

/// Where a message was put that became owed, and what was dropped for it.
#[derive(Debug)]
pub(crate) struct Owing {
    /// `None` if there is no room for it.
    pub(crate) position: Option<u64>,
    pub(crate) dropped: Vec<(u64, Owed)>,
}
