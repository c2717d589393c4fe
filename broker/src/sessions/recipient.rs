//! Who is to receive a message.

use rumqttc::mqttbytes::QoS;

use crate::identifiers::Identifiers;
use crate::topics::SharePath;

/// A session's number. Never used twice, except that a restart forgets those of clean sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) u64);

/// Who is to receive a message, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) session: SessionId,
    /// The highest QoS of the session's matching subscriptions.
    pub(crate) qos: QoS,
    /// Whether one of them asks which messages were published to be retained.
    pub(crate) retain_as_published: bool,
    /// Of all of them.
    pub(crate) identifiers: Identifiers,
    /// The share in whose name the session gets it; such a copy is one of its own.
    pub(crate) share: Option<SharePath>,
}
