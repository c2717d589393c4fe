//! What client and broker have told each other about how to speak MQTT 5.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mqtt_proto::Pid;
use mqtt_proto::v5::{
    self, Connack, ConnackProperties, ConnectReasonCode, Disconnect, DisconnectReasonCode, Packet, Puback,
    PubackReasonCode, Pubcomp, PubcompReasonCode, Publish, Pubrec, PubrecReasonCode, Pubrel,
    PubrelReasonCode, Suback, Unsuback,
};
use rumqttc::mqttbytes::QoS;

use super::delivery;
use super::reasons::disconnect_reason;
use super::values::{
    expiry, grant_code, interval, message, refusal_code, subscription, unsubscription, unwritable,
    withdrawn_code,
};
use crate::connection::Ending;
use crate::connection::translation::from_client::qos;
use crate::connection::translation::{FromClient, Written};
use crate::exchange::{Control, Incoming};
use crate::outgoing::{Answer, Reached};
use crate::packets::{self, ProtocolError};
use crate::publication::Publication;
use crate::session::{Ack, Delivery, Expiry};
use crate::settings::MqttSettings;

/// Topics that a client may give a number, and that we give one if it wants that. Each may be 64 KiB long, so not many.
const TOPIC_ALIASES: u16 = 8;
/// The largest packet that MQTT knows, in bytes.
const LARGEST_PACKET: usize = 5 + 268_435_455;

/// One connection's terms.
#[derive(Debug)]
pub(in crate::connection) struct Terms {
    /// What we take.
    max_packet_bytes: usize,
    receive_maximum: u16,
    longest_expiry: Expiry,
    /// What the client takes.
    client_max_packet_bytes: usize,
    /// The session expiry interval that the client asked for.
    asked_interval: u32,
    /// The client id that it got from us.
    assigned_client_id: Option<Arc<str>>,
    aliases: HashMap<u16, String>,
    /// The numbers that we have given to topics of messages to it.
    own_aliases: HashMap<String, u16>,
    /// How many of them it takes.
    most_own_aliases: u16,
    /// QoS 1 and 2 messages from the client that are not acknowledged to the end.
    unacknowledged: u16,
}

impl Terms {
    pub(super) fn new(connect: &v5::Connect, settings: &MqttSettings) -> Terms {
        let days = settings.session_expiry_days;
        Terms {
            max_packet_bytes: settings.max_packet_bytes,
            receive_maximum: settings.in_flight_messages.max(1),
            longest_expiry: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
            client_max_packet_bytes: connect
                .properties
                .max_packet_size
                .map_or(LARGEST_PACKET, |max| LARGEST_PACKET.min(max as usize)),
            asked_interval: connect.properties.session_expiry_interval.unwrap_or(0),
            assigned_client_id: None,
            aliases: HashMap::new(),
            own_aliases: HashMap::new(),
            most_own_aliases: connect.properties.topic_alias_max.unwrap_or(0).min(TOPIC_ALIASES),
            unacknowledged: 0,
        }
    }

    /// How long a session stays that asks for this interval.
    pub(super) fn grant_expiry(&self, interval: u32) -> Expiry {
        [expiry(interval), self.longest_expiry].into_iter().flatten().min()
    }

    /// Bytes of the topics that have a number.
    pub(in crate::connection) fn kept_bytes(&self) -> usize {
        self.aliases.values().chain(self.own_aliases.keys()).map(String::len).sum()
    }

    pub(in crate::connection) fn assign_client_id(&mut self, client_id: &str) {
        self.assigned_client_id = Some(client_id.into());
    }

    pub(in crate::connection) fn read(
        &mut self,
        bytes: &mut BytesMut,
    ) -> Result<Option<FromClient>, ProtocolError> {
        let packet = packets::v5::read(bytes, self.max_packet_bytes)?;
        packet.map(|packet| self.incoming(packet)).transpose()
    }

    fn incoming(&mut self, packet: Packet) -> Result<FromClient, ProtocolError> {
        let control = match packet {
            Packet::Publish(publish) => {
                let publication = self.publication(publish, Instant::now())?;
                return Ok(FromClient::Ordered(Incoming::Publish(publication)));
            }
            Packet::Puback(ack) => return Ok(FromClient::Ack(Ack::Received(ack.pid.value()))),
            Packet::Pubrec(ack) if ack.reason_code as u8 >= 0x80 => {
                return Ok(FromClient::Ack(Ack::Discarded(ack.pid.value())));
            }
            Packet::Pubrec(ack) => return Ok(FromClient::Ack(Ack::Recorded(ack.pid.value()))),
            Packet::Pubcomp(ack) => return Ok(FromClient::Ack(Ack::Completed(ack.pid.value()))),
            Packet::Pingreq => return Ok(FromClient::Ping),
            Packet::Pubrel(release) => Control::Release(release.pid.value()),
            Packet::Subscribe(subscribe) => Control::Subscribe(subscription(subscribe)?),
            Packet::Unsubscribe(unsubscribe) => Control::Unsubscribe(unsubscription(&unsubscribe)),
            Packet::Disconnect(disconnect) => self.disconnection(&disconnect)?,
            Packet::Connect(_) => return Err(ProtocolError::Violation("a second CONNECT")),
            Packet::Auth(_) => return Err(ProtocolError::Violation("AUTH without an authentication method")),
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) | Packet::Pingresp => {
                return Err(ProtocolError::Violation("a packet that only a server sends"));
            }
        };
        Ok(FromClient::Ordered(Incoming::Control(control)))
    }

    fn publication(&mut self, publish: Publish, now: Instant) -> Result<Publication, ProtocolError> {
        let topic = self.topic(&publish)?;
        let packet_id = publish.qos_pid.pid().map_or(0, Pid::value);
        if packet_id != 0 {
            if self.unacknowledged >= self.receive_maximum {
                return Err(ProtocolError::ReceiveMaximum);
            }
            self.unacknowledged += 1;
        }
        Ok(Publication {
            qos: qos(publish.qos_pid.qos()),
            retain: publish.retain,
            packet_id,
            message: Arc::new(message(topic, publish.payload, publish.properties, now)),
        })
    }

    /// The topic that a message is published under, by name or by alias.
    fn topic(&mut self, publish: &Publish) -> Result<String, ProtocolError> {
        let name = &*publish.topic_name;
        let Some(alias) = publish.properties.topic_alias else {
            return Ok(name.to_owned());
        };
        if !(1..=TOPIC_ALIASES).contains(&alias) {
            return Err(ProtocolError::TopicAlias);
        }
        if name.is_empty() {
            let known = self.aliases.get(&alias).cloned();
            return known.ok_or(ProtocolError::Violation("a topic alias that has no topic yet"));
        }
        self.aliases.insert(alias, name.to_owned());
        Ok(name.to_owned())
    }

    fn disconnection(&self, disconnect: &Disconnect) -> Result<Control, ProtocolError> {
        let asked = disconnect.properties.session_expiry_interval;
        if self.asked_interval == 0 && asked.is_some_and(|interval| interval != 0) {
            return Err(ProtocolError::Violation(
                "DISCONNECT sets a session expiry although CONNECT had none",
            ));
        }
        Ok(Control::Disconnect {
            with_will: disconnect.reason_code != DisconnectReasonCode::NormalDisconnect,
            expiry: asked.map(|interval| self.grant_expiry(interval)),
        })
    }

    pub(in crate::connection) fn write_answer(
        &mut self,
        answer: Answer,
        to: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let refuses = matches!(answer, Answer::Recorded { reached: Reached::Forbidden, .. });
        if refuses || matches!(answer, Answer::Received { .. } | Answer::Completed { known: true, .. }) {
            self.unacknowledged = self.unacknowledged.saturating_sub(1);
        }
        if let Answer::Refused(refusal) = answer {
            let connack = |words| {
                let mut connack = Connack::new(false, refusal_code(refusal));
                connack.properties.reason_string = words;
                connack.into()
            };
            return self.write_with_words(connack, &refusal.to_string(), to);
        }
        let packet = self.answer(answer)?;
        self.write(&packet, to)
    }

    fn answer(&self, answer: Answer) -> Result<Packet, ProtocolError> {
        let packet = match answer {
            Answer::Connected { session_present } => self.welcome(session_present).into(),
            Answer::Refused(refusal) => Connack::new(false, refusal_code(refusal)).into(),
            Answer::Received { packet_id, reached } => {
                let reason = match reached {
                    Reached::Somebody => PubackReasonCode::Success,
                    Reached::Nobody => PubackReasonCode::NoMatchingSubscribers,
                    Reached::Forbidden => PubackReasonCode::NotAuthorized,
                };
                Puback::new(pid(packet_id)?, reason).into()
            }
            Answer::Recorded { packet_id, reached } => {
                let reason = match reached {
                    Reached::Somebody => PubrecReasonCode::Success,
                    Reached::Nobody => PubrecReasonCode::NoMatchingSubscribers,
                    Reached::Forbidden => PubrecReasonCode::NotAuthorized,
                };
                Pubrec::new(pid(packet_id)?, reason).into()
            }
            Answer::Release { packet_id, known: true } => Pubrel::new_success(pid(packet_id)?).into(),
            Answer::Release { packet_id, known: false } => {
                Pubrel::new(pid(packet_id)?, PubrelReasonCode::PacketIdentifierNotFound).into()
            }
            Answer::Completed { packet_id, known: true } => Pubcomp::new_success(pid(packet_id)?).into(),
            Answer::Completed { packet_id, known: false } => {
                Pubcomp::new(pid(packet_id)?, PubcompReasonCode::PacketIdentifierNotFound).into()
            }
            Answer::Subscribed { packet_id, grants } => {
                Suback::new(pid(packet_id)?, grants.iter().map(grant_code).collect()).into()
            }
            Answer::Unsubscribed { packet_id, existed } => {
                Unsuback::new(pid(packet_id)?, existed.into_iter().map(withdrawn_code).collect()).into()
            }
        };
        Ok(packet)
    }

    /// The CONNACK of an accepted client: what it may expect of us.
    fn welcome(&self, session_present: bool) -> Connack {
        let granted = interval(self.grant_expiry(self.asked_interval));
        let mut connack = Connack::new(session_present, ConnectReasonCode::Success);
        connack.properties = ConnackProperties {
            session_expiry_interval: (granted != self.asked_interval).then_some(granted),
            receive_max: Some(self.receive_maximum),
            max_packet_size: u32::try_from(self.max_packet_bytes).ok(),
            assigned_client_id: self.assigned_client_id.clone(),
            topic_alias_max: Some(TOPIC_ALIASES),
            subscription_id_available: Some(true),
            shared_subscription_available: Some(true),
            ..ConnackProperties::default()
        };
        connack
    }

    pub(in crate::connection) fn write_delivery(
        &mut self,
        delivery: Delivery,
        now: Instant,
        to: &mut BytesMut,
    ) -> Result<Written, ProtocolError> {
        let (message, qos, packet_id, dup, retain, identifiers) = match delivery {
            Delivery::Release(packet_id) => {
                let release = Pubrel::new_success(pid(packet_id)?).into();
                return self.write(&release, to).map(|()| Written::Yes);
            }
            Delivery::Publish { message, qos, packet_id, dup, retain, identifiers } => {
                (message, qos, packet_id, dup, retain, identifiers)
            }
        };
        let of_qos0 = qos == QoS::AtMostOnce;
        if of_qos0 && message.has_expired(now) {
            return Ok(Written::LeftOut);
        }
        let mut publish = delivery::publish(&message, &identifiers, now);
        (publish.qos, publish.pkid) = (delivery::qos(qos), packet_id);
        (publish.dup, publish.retain) = (dup, retain);
        let alias = self.own_alias(&message.topic);
        if let (Some((alias, is_known)), Some(properties)) = (alias, &mut publish.properties) {
            properties.topic_alias = Some(alias);
            if is_known {
                publish.topic.clear();
            }
        }
        if publish.size() > self.client_max_packet_bytes {
            return Ok(if of_qos0 { Written::LeftOut } else { Written::TooLarge { packet_id } });
        }
        if let Some((alias, false)) = alias {
            self.own_aliases.insert(message.topic.clone(), alias);
        }
        // It is no longer than a packet can be, and has a packet id.
        publish.write(to).map_err(|_| ProtocolError::Length)?;
        Ok(Written::Yes)
    }

    /// The number of a topic, and whether the client knows it already; `None` if there is none left. The first
    /// topics get one: mostly a client gets messages of a few topics over and over.
    fn own_alias(&self, topic: &str) -> Option<(u16, bool)> {
        if let Some(alias) = self.own_aliases.get(topic) {
            return Some((*alias, true));
        }
        // No more than the most there may be.
        let next = self.own_aliases.len() as u16 + 1;
        (next <= self.most_own_aliases).then_some((next, false))
    }

    /// A DISCONNECT that says why.
    pub(in crate::connection) fn write_ending(&mut self, ending: &Ending, to: &mut BytesMut) {
        if let Some(reason) = disconnect_reason(ending) {
            let disconnect = |words| {
                let mut disconnect = Disconnect::new(reason);
                disconnect.properties.reason_string = words;
                disconnect.into()
            };
            // It is over in any case.
            let _ = self.write_with_words(disconnect, &ending.to_string(), to);
        }
    }

    /// Writes a packet that says why in words, or only by its code if the client does not take as much
    /// [MQTT-3.2.2-19, 3.14.2-3].
    fn write_with_words(
        &self,
        packet: impl Fn(Option<Arc<str>>) -> Packet,
        words: &str,
        to: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        match self.write(&packet(Some(words.into())), to) {
            Err(ProtocolError::TooLargeForClient) => self.write(&packet(None), to),
            written => written,
        }
    }

    pub(in crate::connection) fn write(
        &self,
        packet: &Packet,
        to: &mut BytesMut,
    ) -> Result<(), ProtocolError> {
        let encoded = packet.encode().map_err(unwritable)?;
        if encoded.as_ref().len() > self.client_max_packet_bytes {
            return Err(ProtocolError::TooLargeForClient);
        }
        to.extend_from_slice(encoded.as_ref());
        Ok(())
    }
}

fn pid(packet_id: u16) -> Result<Pid, ProtocolError> {
    Pid::try_from(packet_id).map_err(unwritable)
}
