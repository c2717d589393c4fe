//! What a session has subscribed to, and the numbers by which its client knows it.

use std::num::NonZeroU32;

use rumqttc::mqttbytes::QoS;
use serde::{Deserialize, Serialize};

use crate::router::FilterId;

/// A subscription identifier of MQTT 5.
pub(crate) type Identifier = NonZeroU32;

/// What a session has subscribed to under one filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscription {
    pub(crate) filter: FilterId,
    pub(crate) options: SubscriptionOptions,
}

/// How messages are to be delivered to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriptionOptions {
    /// The QoS granted.
    pub(crate) qos: QoS,
    /// Whether what the client has published itself is left out.
    pub(crate) no_local: bool,
    /// Whether the client is told which messages were published to be retained.
    pub(crate) retain_as_published: bool,
    /// By which number the client knows it (MQTT 5).
    pub(crate) identifier: Option<Identifier>,
}

/// The identifiers of all subscriptions of a session that a message has matched: as often as a client has given the
/// same one. The store keeps them as a list in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identifiers(Vec<Identifier>);

impl Identifiers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over those of another subscription.
    pub(crate) fn append(&mut self, others: &mut Identifiers) {
        self.0.append(&mut others.0);
    }

    /// Bytes that they take.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|identifier| identifier.get())
    }
}

impl From<Option<Identifier>> for Identifiers {
    fn from(identifier: Option<Identifier>) -> Identifiers {
        Identifiers(identifier.into_iter().collect())
    }
}
