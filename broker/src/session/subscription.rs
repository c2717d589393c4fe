//! What a session has subscribed to, and the numbers by which its client knows it.

use rumqttc::mqttbytes::QoS;

use crate::identifiers::Identifier;
use crate::router::FilterId;

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
