//! What stands in packets of MQTT 5, one by one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt_proto::v5::{
    self, ConnectReasonCode, PublishProperties, RetainHandling, SubscribeReasonCode, SubscriptionOptions,
    UnsubscribeReasonCode, UserProperty,
};
use rumqttc::mqttbytes::QoS;

use crate::access;
use crate::exchange::{RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::message::{Message, Properties};
use crate::outgoing::{ConnectRefused, NotSubscribed};
use crate::packets::ProtocolError;
use crate::session::Expiry;

/// The session expiry interval that means "never".
const NEVER: u32 = u32::MAX;

/// A message that was published now, under this topic.
pub(super) fn message(topic: String, payload: Bytes, said: PublishProperties, now: Instant) -> Message {
    let expires = said.message_expiry_interval.and_then(|interval| now.checked_add(seconds(interval)));
    Message { topic, payload, expires, properties: properties(said).boxed() }
}

pub(super) fn properties(said: PublishProperties) -> Properties {
    Properties {
        payload_is_utf8: said.payload_is_utf8,
        content_type: said.content_type.map(|text| text.to_string()),
        response_topic: said.response_topic.map(|topic| topic.to_string()),
        correlation_data: said.correlation_data.map(Vec::from),
        user: said
            .user_properties
            .into_iter()
            .map(|UserProperty { name, value }| (name.to_string(), value.to_string()))
            .collect(),
    }
}

/// What is said of a message that is sent on now.
pub(super) fn said_of(message: &Message, now: Instant) -> Result<PublishProperties, ProtocolError> {
    let mut said = PublishProperties {
        // What is left of a second counts as one, so that nobody is told "none" in time.
        message_expiry_interval: message.expires.map(|expires| {
            let left = expires.saturating_duration_since(now);
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            u32::try_from(seconds).unwrap_or(u32::MAX)
        }),
        ..PublishProperties::default()
    };
    let Some(properties) = &message.properties else {
        return Ok(said);
    };
    said.payload_is_utf8 = properties.payload_is_utf8;
    said.content_type = properties.content_type.as_deref().map(Into::into);
    said.correlation_data = properties.correlation_data.as_deref().map(Bytes::copy_from_slice);
    if let Some(topic) = &properties.response_topic {
        said.response_topic = Some(topic.as_str().try_into().map_err(unwritable)?);
    }
    let user = properties.user.iter();
    said.user_properties = user
        .map(|(name, value)| UserProperty { name: name.as_str().into(), value: value.as_str().into() })
        .collect();
    Ok(said)
}

pub(super) fn subscription(subscribe: v5::Subscribe) -> Result<Subscribe, ProtocolError> {
    if subscribe.properties.subscription_id.is_some() {
        return Err(ProtocolError::SubscriptionIdentifier);
    }
    let filters = subscribe.topics.into_iter().map(|(filter, options)| {
        let SubscriptionOptions { max_qos, no_local, retain_as_published, retain_handling } = options;
        if no_local && filter.is_shared() {
            return Err(ProtocolError::Violation("No Local on a shared subscription"));
        }
        let qos = qos(max_qos);
        Ok(Wanted {
            filter: filter.to_string(),
            options: crate::session::SubscriptionOptions { qos, no_local, retain_as_published },
            retained: match retain_handling {
                RetainHandling::SendAtSubscribe => RetainedWanted::Always,
                RetainHandling::SendAtSubscribeIfNotExist => RetainedWanted::IfNew,
                RetainHandling::DoNotSend => RetainedWanted::Never,
            },
        })
    });
    Ok(Subscribe { packet_id: subscribe.pid.value(), filters: filters.collect::<Result<_, _>>()? })
}

pub(super) fn unsubscription(unsubscribe: &v5::Unsubscribe) -> Unsubscribe {
    let filters = unsubscribe.topics.iter().map(|filter| filter.to_string()).collect();
    Unsubscribe { packet_id: unsubscribe.pid.value(), filters }
}

pub(super) fn grant_code(grant: &Result<QoS, NotSubscribed>) -> SubscribeReasonCode {
    match grant {
        Ok(QoS::AtMostOnce) => SubscribeReasonCode::GrantedQoS0,
        Ok(QoS::AtLeastOnce) => SubscribeReasonCode::GrantedQoS1,
        Ok(QoS::ExactlyOnce) => SubscribeReasonCode::GrantedQoS2,
        Err(NotSubscribed::NotPermitted) => SubscribeReasonCode::NotAuthorized,
        Err(NotSubscribed::Invalid | NotSubscribed::TooLong) => SubscribeReasonCode::TopicFilterInvalid,
        Err(NotSubscribed::Shared) => SubscribeReasonCode::SharedSubscriptionNotSupported,
        Err(NotSubscribed::TooMany | NotSubscribed::OverShare | NotSubscribed::TooManyFilters(_)) => {
            SubscribeReasonCode::QuotaExceeded
        }
    }
}

pub(super) fn withdrawn_code(existed: bool) -> UnsubscribeReasonCode {
    if existed { UnsubscribeReasonCode::Success } else { UnsubscribeReasonCode::NoSubscriptionExisted }
}

pub(super) fn refusal_code(refusal: ConnectRefused) -> ConnectReasonCode {
    match refusal {
        ConnectRefused::TooManySessions | ConnectRefused::NoRoomForWill => ConnectReasonCode::QuotaExceeded,
        ConnectRefused::TooManyClients => ConnectReasonCode::ServerBusy,
        ConnectRefused::NoClientId | ConnectRefused::ClientIdTooLong => {
            ConnectReasonCode::ClientIdentifierNotValid
        }
        ConnectRefused::WillTopicTooLong => ConnectReasonCode::TopicNameInvalid,
        ConnectRefused::AuthenticationMethod => ConnectReasonCode::BadAuthMethod,
        ConnectRefused::Login(access::LoginRefused::WrongLogin) => ConnectReasonCode::BadUserNameOrPassword,
        ConnectRefused::Login(access::LoginRefused::Anonymous | access::LoginRefused::Will) => {
            ConnectReasonCode::NotAuthorized
        }
        ConnectRefused::Login(access::LoginRefused::Busy) => ConnectReasonCode::ServerBusy,
    }
}

/// How long a session stays that asks for `interval` seconds.
pub(super) fn expiry(interval: u32) -> Expiry {
    (interval != NEVER).then(|| seconds(interval))
}

/// The interval in seconds that says so.
pub(super) fn interval(expiry: Expiry) -> u32 {
    expiry.map_or(NEVER, |expiry| u32::try_from(expiry.as_secs()).unwrap_or(NEVER))
}

pub(super) fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

pub(super) fn qos(qos: mqtt_proto::QoS) -> QoS {
    match qos {
        mqtt_proto::QoS::Level0 => QoS::AtMostOnce,
        mqtt_proto::QoS::Level1 => QoS::AtLeastOnce,
        mqtt_proto::QoS::Level2 => QoS::ExactlyOnce,
    }
}

pub(super) fn unwritable(error: mqtt_proto::Error) -> ProtocolError {
    ProtocolError::MalformedV5(error.into())
}
