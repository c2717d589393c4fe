//! MQTT 5.

mod farewell;
mod terms;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use mqtt_proto::v5::{
    self, Connack, ConnectReasonCode, Packet, PublishProperties, RetainHandling, SubscribeReasonCode,
    SubscriptionOptions, UnsubscribeReasonCode, UserProperty, WillProperties,
};
use rumqttc::mqttbytes::QoS;

use crate::access;
use crate::connection::translation::ConnectRequest;
pub(super) use crate::connection::translation::v5::terms::Terms;
use crate::exchange::{Opening, RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::message::{Message, Properties};
use crate::outlet::{NotSubscribed, Refusal};
use crate::packets::ProtocolError;
use crate::publication::{Publication, Will};
use crate::session::Expiry;
use crate::settings::MqttSettings;

/// The session expiry interval that means "never".
const NEVER: u32 = u32::MAX;

pub(super) fn connect_request(connect: v5::Connect, settings: &MqttSettings) -> ConnectRequest {
    let properties = &connect.properties;
    let terms = Terms::new(&connect, settings);
    ConnectRequest {
        wants_other_authentication: properties.auth_method.is_some(),
        keep_alive: Duration::from_secs(connect.keep_alive.into()),
        login: connect.username.as_ref().map(|user| {
            let password = connect.password.as_deref().unwrap_or_default();
            (user.to_string(), String::from_utf8_lossy(password).into_owned())
        }),
        opening: Opening {
            client_id: connect.client_id.to_string(),
            clean_start: connect.clean_start,
            expiry: terms.grant_expiry(properties.session_expiry_interval.unwrap_or(0)),
            receive_maximum: properties.receive_max.unwrap_or(u16::MAX),
            will: connect.last_will.map(will),
        },
        version: super::Version::V5(terms),
    }
}

/// The CONNACK for a client of a version that we do not know.
pub(super) fn refuse_level() -> Option<BytesMut> {
    refuse(ConnectReasonCode::UnsupportedProtocolVersion)
}

/// The CONNACK for a CONNECT that is none.
pub(super) fn refuse_error(error: &ProtocolError) -> Option<BytesMut> {
    refuse(farewell::connect_reason(error))
}

fn refuse(reason: ConnectReasonCode) -> Option<BytesMut> {
    let packet = Packet::Connack(Connack::new(false, reason));
    Some(packet.encode().ok()?.as_ref().into())
}

fn will(will: v5::LastWill) -> Will {
    let WillProperties {
        delay_interval,
        payload_is_utf8,
        message_expiry_interval,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
    } = will.properties;
    let said = PublishProperties {
        payload_is_utf8,
        content_type,
        response_topic,
        correlation_data,
        user_properties,
        ..PublishProperties::default()
    };
    let properties = properties(said).boxed();
    let message = Message { properties, ..Message::plain(&*will.topic_name, will.payload) };
    Will {
        publication: Publication {
            message: Arc::new(message),
            qos: qos(will.qos),
            retain: will.retain,
            packet_id: 0,
        },
        lifetime: message_expiry_interval.map(seconds),
        delay: seconds(delay_interval.unwrap_or(0)),
    }
}

/// A message that was published now, under this topic.
fn message(topic: String, payload: Bytes, said: PublishProperties, now: Instant) -> Message {
    let expires = said.message_expiry_interval.and_then(|interval| now.checked_add(seconds(interval)));
    Message { topic, payload, expires, properties: properties(said).boxed() }
}

fn properties(said: PublishProperties) -> Properties {
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
fn said_of(message: &Message, now: Instant) -> Result<PublishProperties, ProtocolError> {
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

fn subscription(subscribe: v5::Subscribe) -> Result<Subscribe, ProtocolError> {
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

fn unsubscription(unsubscribe: &v5::Unsubscribe) -> Unsubscribe {
    let filters = unsubscribe.topics.iter().map(|filter| filter.to_string()).collect();
    Unsubscribe { packet_id: unsubscribe.pid.value(), filters }
}

fn grant_code(grant: &Result<QoS, NotSubscribed>) -> SubscribeReasonCode {
    match grant {
        Ok(QoS::AtMostOnce) => SubscribeReasonCode::GrantedQoS0,
        Ok(QoS::AtLeastOnce) => SubscribeReasonCode::GrantedQoS1,
        Ok(QoS::ExactlyOnce) => SubscribeReasonCode::GrantedQoS2,
        Err(NotSubscribed::NotPermitted) => SubscribeReasonCode::NotAuthorized,
        Err(NotSubscribed::Invalid) => SubscribeReasonCode::TopicFilterInvalid,
        Err(NotSubscribed::Shared) => SubscribeReasonCode::SharedSubscriptionNotSupported,
        Err(NotSubscribed::TooMany | NotSubscribed::TooManyFilters(_)) => SubscribeReasonCode::QuotaExceeded,
    }
}

fn withdrawn_code(existed: bool) -> UnsubscribeReasonCode {
    if existed { UnsubscribeReasonCode::Success } else { UnsubscribeReasonCode::NoSubscriptionExisted }
}

fn refusal_code(refusal: Refusal) -> ConnectReasonCode {
    match refusal {
        Refusal::TooManySessions => ConnectReasonCode::QuotaExceeded,
        Refusal::TooManyClients => ConnectReasonCode::ServerBusy,
        Refusal::NoClientId | Refusal::ClientIdTooLong => ConnectReasonCode::ClientIdentifierNotValid,
        Refusal::AuthenticationMethod => ConnectReasonCode::BadAuthMethod,
        Refusal::Login(access::Refusal::WrongLogin) => ConnectReasonCode::BadUserNameOrPassword,
        Refusal::Login(access::Refusal::Anonymous | access::Refusal::Will) => {
            ConnectReasonCode::NotAuthorized
        }
        Refusal::Login(access::Refusal::Busy) => ConnectReasonCode::ServerBusy,
    }
}

/// How long a session stays that asks for `interval` seconds.
fn expiry(interval: u32) -> Expiry {
    (interval != NEVER).then(|| seconds(interval))
}

/// The interval in seconds that says so.
fn interval(expiry: Expiry) -> u32 {
    expiry.map_or(NEVER, |expiry| u32::try_from(expiry.as_secs()).unwrap_or(NEVER))
}

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

fn qos(qos: mqtt_proto::QoS) -> QoS {
    match qos {
        mqtt_proto::QoS::Level0 => QoS::AtMostOnce,
        mqtt_proto::QoS::Level1 => QoS::AtLeastOnce,
        mqtt_proto::QoS::Level2 => QoS::ExactlyOnce,
    }
}

fn unwritable(error: mqtt_proto::Error) -> ProtocolError {
    ProtocolError::MalformedV5(error.into())
}
