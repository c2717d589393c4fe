//! What a client sends, packet by packet.

use bytes::BytesMut;
use foreign_text::foreign;
use rumqttc::mqttbytes::QoS;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::access::Refusals;
use crate::connection::translation::FromClient;
use crate::connection::{Connection, Ending, READ_BYTES};
use crate::exchange::{Control, Incoming};
use crate::packets::ProtocolError;
use crate::packets::v4::Oversize;

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes the packets that have come completely.
    pub(super) fn take_packets(&mut self) -> Result<(), Ending> {
        let mut is_large = false;
        loop {
            let before = self.read.len();
            let Some(packet) = self.version.read(&mut self.read)? else {
                if is_large {
                    // What was read into is kept by whatever is left in it.
                    self.read = BytesMut::from(&self.read[..]);
                }
                if self.read.len() < before {
                    // The client sends on, if only what is passed over.
                    self.timing.heard();
                }
                return Ok(());
            };
            is_large |= before - self.read.len() > READ_BYTES;
            self.timing.heard();
            self.surroundings.traffic.packets_received.add(1);
            match packet {
                FromClient::Ordered(incoming) => {
                    if let Some(incoming) = self.permitted(incoming)? {
                        self.pending_bytes += before - self.read.len();
                        self.pending.push(incoming);
                    }
                }
                FromClient::Oversize(oversize) => {
                    let answer = self.drop_oversize(&oversize);
                    self.pending.extend(answer);
                }
                FromClient::Ack(ack) => self.acks.push(ack),
                FromClient::Ping => self.answer_ping()?,
            }
        }
    }

    fn answer_ping(&mut self) -> Result<(), ProtocolError> {
        self.begin_writing();
        self.version.write_ping_response(&mut self.unwritten)
    }

    /// What becomes of a packet: a message that the client may not publish goes nowhere. Subscriptions are looked at
    /// by the exchange, filter by filter.
    pub(super) fn permitted(&self, incoming: Incoming) -> Result<Option<Incoming>, Ending> {
        let Incoming::Publish(publication) = &incoming else { return Ok(Some(incoming)) };
        let topic = &publication.message.topic;
        if !self.topic_limits.allow(topic) {
            return Err(Ending::TopicTooLong(foreign(topic).to_string()));
        }
        if self.rights.may_publish(topic) {
            return Ok(Some(incoming));
        }
        Refusals::count(&self.surroundings.gate.refusals.publishes);
        let (peer, client_id) = (self.peer, foreign(&self.client_id));
        tracing::warn!(%peer, ?client_id, "message dropped: the user may not publish to \"{}\"", foreign(topic));
        Ok(answer_to_dropped(publication.qos, publication.packet_id))
    }

    fn drop_oversize(&self, oversize: &Oversize) -> Option<Incoming> {
        let Oversize { topic, bytes, qos, packet_id, .. } = oversize;
        self.surroundings.traffic.oversize.add(1);
        let (peer, client_id) = (self.peer, foreign(&self.client_id));
        tracing::warn!(
            %peer,
            ?client_id,
            bytes,
            "message dropped: it is larger than [mqtt] max_packet_bytes: \"{topic}\""
        );
        answer_to_dropped(*qos, *packet_id)
    }
}

/// A message that goes nowhere is acknowledged all the same, in its turn: a client that gets no answer sends it again
/// over every connection, before everything else that it has. One of QoS 0 gets no answer.
fn answer_to_dropped(qos: QoS, packet_id: u16) -> Option<Incoming> {
    (qos != QoS::AtMostOnce).then_some(Incoming::Control(Control::Dropped { packet_id, qos }))
}
