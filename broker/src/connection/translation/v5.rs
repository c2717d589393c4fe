//! MQTT 5.

mod delivery;
mod reasons;
mod terms;
mod values;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use mqtt_proto::v5::{self, Connack, ConnectReasonCode, Packet, PublishProperties, WillProperties};

use crate::connection::translation::ConnectRequest;
use crate::connection::translation::from_client::{login, qos};
pub(super) use crate::connection::translation::v5::terms::Terms;
use crate::connection::translation::v5::values::{properties, seconds};
use crate::exchange::Opening;
use crate::message::Message;
use crate::packets::ProtocolError;
use crate::publication::{Publication, Will};
use crate::settings::MqttSettings;

pub(super) fn connect_request(connect: v5::Connect, settings: &MqttSettings) -> (ConnectRequest, Terms) {
    let properties = &connect.properties;
    let terms = Terms::new(&connect, settings);
    let request = ConnectRequest {
        wants_other_authentication: properties.auth_method.is_some(),
        keep_alive: Duration::from_secs(connect.keep_alive.into()),
        login: login(connect.username.as_deref(), connect.password.as_ref()),
        opening: Opening {
            client_id: connect.client_id.to_string(),
            clean_start: connect.clean_start,
            expiry: terms.grant_expiry(properties.session_expiry_interval.unwrap_or(0)),
            receive_maximum: properties.receive_max.unwrap_or(u16::MAX),
            will: connect.last_will.map(will),
        },
    };
    (request, terms)
}

/// The CONNACK for a client of a version that we do not know.
pub(super) fn refuse_level() -> Option<BytesMut> {
    refuse(ConnectReasonCode::UnsupportedProtocolVersion)
}

/// The CONNACK for a CONNECT that is none.
pub(super) fn refuse_error(error: &ProtocolError) -> Option<BytesMut> {
    refuse(reasons::connect_reason(error))
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
