//! Messages that are larger than may be.
//!
//! A client of MQTT 3.1.1 cannot be told so: whose connection is closed sends the same message again over the next one,
//! and nothing behind it ever comes. So the front of such a message is read, and the rest is passed over as it comes.

use bytes::{Buf, BytesMut};
use foreign_text::foreign;
use rumqttc::Publish;
use rumqttc::mqttbytes::{FixedHeader, PacketType, QoS};

use crate::packets::frame::{ProtocolError, header_bytes};
use crate::packets::v4::check_publish;

/// A message of which no more is kept than it takes to answer it.
#[derive(Debug)]
pub(crate) struct Oversize {
    /// As it may be shown.
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    /// 0 with QoS 0.
    pub(crate) packet_id: u16,
    /// Of the packet, without its fixed header.
    pub(crate) bytes: usize,
    /// Bytes that are still to be passed over.
    left: usize,
}

impl Oversize {
    /// Takes the front of a packet of so many bytes, if it is a message; `None` if not all of the front has come.
    pub(crate) fn read_front(
        bytes: &mut BytesMut,
        packet_bytes: usize,
        max_packet_bytes: usize,
    ) -> Result<Option<Oversize>, ProtocolError> {
        let header = header_bytes(bytes);
        let first = bytes[0];
        if first >> 4 != PacketType::Publish as u8 {
            return Err(ProtocolError::TooLarge(packet_bytes));
        }
        let Some(topic_bytes) = bytes.get(header..header + 2) else {
            return Ok(None);
        };
        let topic_bytes = usize::from(u16::from_be_bytes([topic_bytes[0], topic_bytes[1]]));
        let has_packet_id = first & 0b0110 != 0;
        let front = header + 2 + topic_bytes + if has_packet_id { 2 } else { 0 };
        if front > max_packet_bytes {
            return Err(ProtocolError::TooLarge(packet_bytes));
        }
        if bytes.len() < front {
            return Ok(None);
        }
        let fixed_header = FixedHeader::new(first, header - 1, packet_bytes);
        let read = Publish::read(fixed_header, bytes.split_to(front).freeze());
        let publish = read.map_err(ProtocolError::Malformed)?;
        check_publish(&publish)?;
        Ok(Some(Oversize {
            topic: foreign(&publish.topic).to_string(),
            qos: publish.qos,
            packet_id: publish.pkid,
            bytes: packet_bytes,
            left: header + packet_bytes - front,
        }))
    }

    /// Passes over what has come of it; whether that was the rest.
    pub(crate) fn pass_over(&mut self, bytes: &mut BytesMut) -> bool {
        let come = self.left.min(bytes.len());
        bytes.advance(come);
        self.left -= come;
        self.left == 0
    }
}
