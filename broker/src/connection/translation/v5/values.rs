//! What stands in packets of MQTT 5, one by one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use mqtt_proto::v5::{
    self, ConnectReasonCode, PublishProperties, RetainHandling, SubscribeReasonCode, SubscriptionOptions,
    UnsubscribeReasonCode, UserProperty,
};
use rumqttc::mqttbytes::QoS;

use crate::access;
use crate::connection::translation::from_client::qos;
use crate::exchange::{RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::identifiers::Identifier;
use crate::message::{Message, Properties};
use crate::outgoing::{ConnectRefused, NotSubscribed};
use crate::packets::ProtocolError;
use crate::session::{self, Expiry};

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

pub(super) fn subscription(subscribe: v5::Subscribe) -> Result<Subscribe, ProtocolError> {
    // Never 0, which is looked at when the packet is read.
    let identifier = subscribe.properties.subscription_id.and_then(|id| Identifier::new(id.value()));
    let filters = subscribe.topics.into_iter().map(|(filter, options)| {
        let SubscriptionOptions { max_qos, no_local, retain_as_published, retain_handling } = options;
        if no_local && filter.is_shared() {
            return Err(ProtocolError::Violation("No Local on a shared subscription"));
        }
        let qos = qos(max_qos);
        Ok(Wanted {
            filter: filter.to_string(),
            options: session::SubscriptionOptions { qos, no_local, retain_as_published, identifier },
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

pub(super) fn unwritable(error: mqtt_proto::Error) -> ProtocolError {
    ProtocolError::MalformedV5(error.into())
}
