//! A message on its way to a client, as a PUBLISH.
//!
//! rumqttc's codec writes it, since mqtt-proto's knows only one subscription identifier of a message.

use std::time::Instant;

use bytes::Bytes;
use rumqttc::mqttbytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Publish, PublishProperties};

use crate::identifiers::Identifiers;
use crate::message::Message;

/// The message as it is sent on now, of QoS 0.
pub(super) fn publish(message: &Message, identifiers: &Identifiers, now: Instant) -> Publish {
    Publish {
        topic: Bytes::copy_from_slice(message.topic.as_bytes()),
        payload: message.payload.clone(),
        properties: Some(said_of(message, identifiers, now)),
        ..Publish::default()
    }
}

fn said_of(message: &Message, identifiers: &Identifiers, now: Instant) -> PublishProperties {
    let said = PublishProperties {
        // What is left of a second counts as one, so that nobody is told "none" in time.
        message_expiry_interval: message.expires.map(|expires| {
            let left = expires.saturating_duration_since(now);
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        }),
        subscription_identifiers: identifiers.numbers().map(|number| number as usize).collect(),
        ..PublishProperties::default()
    };
    let Some(properties) = &message.properties else {
        return said;
    };
    PublishProperties {
        payload_format_indicator: properties.payload_is_utf8.map(u8::from),
        content_type: properties.content_type.clone(),
        response_topic: properties.response_topic.clone(),
        correlation_data: properties.correlation_data.as_deref().map(Bytes::copy_from_slice),
        user_properties: properties.user.clone(),
        ..said
    }
}

pub(super) fn qos(qos: mqttbytes::QoS) -> QoS {
    match qos {
        mqttbytes::QoS::AtMostOnce => QoS::AtMostOnce,
        mqttbytes::QoS::AtLeastOnce => QoS::AtLeastOnce,
        mqttbytes::QoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}
