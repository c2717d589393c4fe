//! MQTT 3.1.1.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqtt_proto::v3::Connect;
use rumqttc::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck,
    SubscribeReasonCode, UnsubAck,
};

use crate::access;
use crate::connection::translation::from_client::{login, qos};
use crate::connection::translation::{ConnectRequest, FromClient};
use crate::exchange::{Control, Incoming, Opening, RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::message::Message;
use crate::outgoing::{Answer, ConnectRefused};
use crate::packets::ProtocolError;
use crate::packets::v4::{self, Oversize};
use crate::publication::{Publication, Will};
use crate::session::{Ack, Delivery, SubscriptionOptions};
use crate::settings::MqttSettings;
use crate::topics::is_share;

pub(super) fn connect_request(connect: Connect) -> ConnectRequest {
    let will = connect.last_will.map(|will| Will {
        publication: Publication {
            message: Arc::new(Message::plain(&*will.topic_name, will.message)),
            qos: qos(will.qos),
            retain: will.retain,
            packet_id: 0,
        },
        lifetime: None,
        delay: Duration::ZERO,
    });
    ConnectRequest {
        keep_alive: Duration::from_secs(connect.keep_alive.into()),
        login: login(connect.username.as_deref(), connect.password.as_ref()),
        opening: Opening {
            client_id: connect.client_id.to_string(),
            clean_start: connect.clean_session,
            expiry: connect.clean_session.then_some(Duration::ZERO),
            will,
            receive_maximum: u16::MAX,
        },
        wants_other_authentication: false,
    }
}

/// A CONNACK with an error.
pub(super) fn refuse(code: ConnectReturnCode) -> Option<BytesMut> {
    let mut bytes = BytesMut::new();
    write(&Packet::ConnAck(ConnAck::new(code, false)), &mut bytes).ok()?;
    Some(bytes)
}

/// How one connection is read.
#[derive(Debug)]
pub(in crate::connection) struct Terms {
    max_packet_bytes: usize,
    /// Whether it is a bridge of another broker.
    is_bridge: bool,
    /// A message that is being passed over.
    oversize: Option<Oversize>,
}

impl Terms {
    pub(super) fn new(is_bridge: bool, settings: &MqttSettings) -> Terms {
        Terms { max_packet_bytes: settings.max_packet_bytes, is_bridge, oversize: None }
    }

    pub(super) fn read(&mut self, bytes: &mut BytesMut) -> Result<Option<FromClient>, ProtocolError> {
        if self.oversize.is_none() {
            match v4::read(bytes, self.max_packet_bytes) {
                Err(ProtocolError::TooLarge(packet_bytes)) => {
                    self.oversize = Oversize::read_front(bytes, packet_bytes, self.max_packet_bytes)?;
                }
                read => return read?.map(|packet| incoming(packet, self.is_bridge)).transpose(),
            }
        }
        Ok(self.oversize.take_if(|oversize| oversize.pass_over(bytes)).map(FromClient::Oversize))
    }
}

fn incoming(packet: Packet, is_bridge: bool) -> Result<FromClient, ProtocolError> {
    let control = match packet {
        Packet::Publish(publish) => {
            return Ok(FromClient::Ordered(Incoming::Publish(publication(publish))));
        }
        Packet::PubAck(ack) => return Ok(FromClient::Ack(Ack::Received(ack.pkid))),
        Packet::PubRec(ack) => return Ok(FromClient::Ack(Ack::Recorded(ack.pkid))),
        Packet::PubComp(ack) => return Ok(FromClient::Ack(Ack::Completed(ack.pkid))),
        Packet::PingReq => return Ok(FromClient::Ping),
        Packet::PubRel(release) => Control::Release(release.pkid),
        Packet::Subscribe(subscribe) => Control::Subscribe(subscription(subscribe, is_bridge)),
        Packet::Unsubscribe(unsubscribe) => {
            Control::Unsubscribe(Unsubscribe { packet_id: unsubscribe.pkid, filters: unsubscribe.topics })
        }
        Packet::Disconnect => Control::Disconnect { with_will: false, expiry: None },
        Packet::Connect(_) => return Err(ProtocolError::Violation("a second CONNECT")),
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
            return Err(ProtocolError::Violation("a packet that only a server sends"));
        }
    };
    Ok(FromClient::Ordered(Incoming::Control(control)))
}

fn publication(publish: Publish) -> Publication {
    // A copy, so that a message kept for long does not keep all that was read with it.
    let message = Message::plain(publish.topic, Bytes::copy_from_slice(&publish.payload));
    Publication {
        message: Arc::new(message),
        qos: publish.qos,
        retain: publish.retain,
        packet_id: publish.pkid,
    }
}

/// A bridge does not want back what it has brought, and has to know which messages are retained.
fn subscription(subscribe: rumqttc::Subscribe, is_bridge: bool) -> Subscribe {
    let wanted = |filter: rumqttc::SubscribeFilter| Wanted {
        options: SubscriptionOptions {
            qos: filter.qos,
            // What a share brings has to go to one of its members, whoever has published it.
            no_local: is_bridge && !is_share(&filter.path),
            retain_as_published: is_bridge,
            identifier: None,
        },
        retained: RetainedWanted::Always,
        filter: filter.path,
    };
    Subscribe { packet_id: subscribe.pkid, filters: subscribe.filters.into_iter().map(wanted).collect() }
}

/// The packet that takes a step towards the client.
pub(super) fn delivery(delivery: Delivery) -> Packet {
    match delivery {
        Delivery::Release(packet_id) => Packet::PubRel(PubRel::new(packet_id)),
        Delivery::Publish { message, qos, packet_id, dup, retain, .. } => Packet::Publish(Publish {
            dup,
            qos,
            retain,
            topic: message.topic.clone(),
            pkid: packet_id,
            payload: message.payload.clone(),
        }),
    }
}

pub(super) fn answer(answer: Answer) -> Packet {
    match answer {
        Answer::Connected { session_present } => {
            Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, session_present))
        }
        Answer::Refused(refusal) => Packet::ConnAck(ConnAck::new(code_of(refusal), false)),
        Answer::Received { packet_id, .. } => Packet::PubAck(PubAck::new(packet_id)),
        Answer::Recorded { packet_id, .. } => Packet::PubRec(PubRec::new(packet_id)),
        Answer::Release { packet_id, .. } => Packet::PubRel(PubRel::new(packet_id)),
        Answer::Completed { packet_id, .. } => Packet::PubComp(PubComp::new(packet_id)),
        Answer::Subscribed { packet_id, grants } => {
            let codes = grants
                .into_iter()
                .map(|grant| grant.map_or(SubscribeReasonCode::Failure, SubscribeReasonCode::Success));
            Packet::SubAck(SubAck::new(packet_id, codes.collect()))
        }
        Answer::Unsubscribed { packet_id, .. } => Packet::UnsubAck(UnsubAck::new(packet_id)),
    }
}

fn code_of(refusal: ConnectRefused) -> ConnectReturnCode {
    match refusal {
        ConnectRefused::TooManySessions | ConnectRefused::NoRoomForWill | ConnectRefused::TooManyClients => {
            ConnectReturnCode::ServiceUnavailable
        }
        ConnectRefused::NoClientId | ConnectRefused::ClientIdTooLong => ConnectReturnCode::BadClientId,
        ConnectRefused::AuthenticationMethod | ConnectRefused::WillTopicTooLong => {
            ConnectReturnCode::NotAuthorized
        }
        ConnectRefused::Login(access::LoginRefused::WrongLogin) => ConnectReturnCode::BadUserNamePassword,
        ConnectRefused::Login(access::LoginRefused::Anonymous | access::LoginRefused::Will) => {
            ConnectReturnCode::NotAuthorized
        }
        ConnectRefused::Login(access::LoginRefused::Busy) => ConnectReturnCode::ServiceUnavailable,
    }
}

pub(super) fn write(packet: &Packet, to: &mut BytesMut) -> Result<(), ProtocolError> {
    packet.write(to, usize::MAX).map(drop).map_err(ProtocolError::Malformed)
}
