//! Messages, as publishers meant them: what of MQTT 5 goes through the broker untouched is here,
//! and a client of MQTT 3.1.1 neither gives nor gets it.

use std::time::Instant;

use bytes::Bytes;
use rumqttc::mqttbytes::QoS;
use serde::{Deserialize, Serialize};

/// A published message, shared by all who are to receive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// A valid topic name.
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
    /// When it is too old to be sent on; `None` if it never is.
    pub(crate) expires: Option<Instant>,
    /// `None` if there are none, as most messages have it.
    pub(crate) properties: Option<Box<Properties>>,
}

/// What MQTT 5 lets a publisher say about a message, for its subscribers. The store keeps it as
/// JSON with these names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Properties {
    /// The payload format indicator: whether the payload is UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload_is_utf8: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_data: Option<Vec<u8>>,
    /// Names and values, in the publisher's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) user: Vec<(String, String)>,
}

impl Message {
    /// A message with nothing but topic and payload.
    pub(crate) fn plain(topic: impl Into<String>, payload: impl Into<Bytes>) -> Message {
        Message { topic: topic.into(), payload: payload.into(), expires: None, properties: None }
    }

    /// Bytes of topic, payload and properties.
    pub(crate) fn size(&self) -> usize {
        let properties = self.properties.as_ref().map_or(0, |properties| properties.size());
        self.topic.len() + self.payload.len() + properties
    }

    /// Whether it is too old at `now` to be sent on.
    pub(crate) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Properties {
    /// `None` if they say nothing.
    pub(crate) fn boxed(self) -> Option<Box<Properties>> {
        (self != Properties::default()).then(|| Box::new(self))
    }

    fn size(&self) -> usize {
        let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let user: usize =
            self.user.iter().map(|(name, value)| USER_PROPERTY + name.len() + value.len()).sum();
        let correlation = self.correlation_data.as_ref().map_or(0, Vec::len);
        size_of::<Properties>() + of(&self.content_type) + of(&self.response_topic) + correlation + user
    }
}

/// The lower of two levels.
pub(crate) fn lower(one: QoS, other: QoS) -> QoS {
    if (one as u8) < other as u8 { one } else { other }
}

/// What a user property takes in memory besides its name and value.
const USER_PROPERTY: usize = size_of::<(String, String)>();
