//! Between packets and what the exchange speaks of.

use std::sync::Arc;

use bytes::Bytes;
use rumqttc::{Packet, PubRel, Publish};

use crate::exchange::{Control, Incoming, Publication};
use crate::owed::Message;
use crate::packets::ProtocolError;
use crate::session::{Ack, Delivery};

/// A packet of a connected client, by who deals with it.
pub(super) enum FromClient {
    /// The exchange, in the order of sending.
    Ordered(Incoming),
    /// The exchange, at once.
    Ack(Ack),
    /// The connection itself.
    Ping,
}

/// What a packet asks for.
pub(super) fn incoming(packet: Packet) -> Result<FromClient, ProtocolError> {
    let control = match packet {
        Packet::Publish(publish) => {
            return publication(publish)
                .map(|publication| FromClient::Ordered(Incoming::Publish(publication)));
        }
        Packet::PubAck(ack) => return Ok(FromClient::Ack(Ack::Received(ack.pkid))),
        Packet::PubRec(ack) => return Ok(FromClient::Ack(Ack::Recorded(ack.pkid))),
        Packet::PubComp(ack) => return Ok(FromClient::Ack(Ack::Completed(ack.pkid))),
        Packet::PingReq => return Ok(FromClient::Ping),
        Packet::PubRel(release) => Control::Release(release.pkid),
        Packet::Subscribe(subscribe) => Control::Subscribe(subscribe),
        Packet::Unsubscribe(unsubscribe) => Control::Unsubscribe(unsubscribe),
        Packet::Disconnect => Control::Disconnect,
        Packet::Connect(_) => return Err(ProtocolError::Violation("a second CONNECT")),
        Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
            return Err(ProtocolError::Violation("a packet that only a server sends"));
        }
    };
    Ok(FromClient::Ordered(Incoming::Control(control)))
}

fn publication(publish: Publish) -> Result<Publication, ProtocolError> {
    if publish.topic.starts_with("$SYS/") {
        return Err(ProtocolError::Violation("$SYS is the broker's own"));
    }
    let message = Message {
        topic: publish.topic,
        // A copy, so that a message kept for long does not keep all that was read with it.
        payload: Bytes::copy_from_slice(&publish.payload),
    };
    Ok(Publication {
        message: Arc::new(message),
        qos: publish.qos,
        retain: publish.retain,
        packet_id: publish.pkid,
    })
}

/// The packet that takes a step towards the client.
pub(super) fn packet_of(delivery: Delivery) -> Packet {
    match delivery {
        Delivery::Release(packet_id) => Packet::PubRel(PubRel::new(packet_id)),
        Delivery::Publish { message, qos, packet_id, dup, retain } => Packet::Publish(Publish {
            dup,
            qos,
            retain,
            topic: message.topic.clone(),
            pkid: packet_id,
            payload: message.payload.clone(),
        }),
    }
}
