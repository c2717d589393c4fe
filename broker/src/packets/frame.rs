//! What packets of all versions have in common.

use bytes::BytesMut;
use foreign_text::foreign;
use mqtt_proto::v5::ErrorV5;
use rumqttc::mqttbytes;

/// Why a client's bytes cannot be answered other than by closing its connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a packet of {0} bytes is too large")]
    TooLarge(usize),
    /// What it says may quote the client.
    #[error("malformed packet: {}", foreign(&.0.to_string()))]
    Malformed(mqttbytes::Error),
    #[error("malformed packet: {}", foreign(&.0.to_string()))]
    MalformedConnect(mqtt_proto::Error),
    #[error("malformed packet: {}", foreign(&.0.to_string()))]
    MalformedV5(ErrorV5),
    /// Bytes missing or left over.
    #[error("the packet's length is wrong")]
    Length,
    #[error("{0}")]
    Violation(&'static str),
    /// The client speaks another version, as far as one can tell.
    #[error("protocol level {0} is neither MQTT 3.1.1 nor MQTT 5")]
    Level(u8),
    #[error("more unacknowledged messages than the receive maximum allows")]
    ReceiveMaximum,
    #[error("a topic alias out of range")]
    TopicAlias,
    /// What the broker has to say is larger than the client takes.
    #[error("an answer is larger than the maximum packet size of the client")]
    TooLargeForClient,
}

/// Takes the next packet from `bytes`, whatever it is; the fixed header is the same in all versions.
pub(super) fn frame(
    bytes: &mut BytesMut,
    max_packet_bytes: usize,
) -> Result<Option<BytesMut>, ProtocolError> {
    match mqttbytes::check(bytes.iter(), max_packet_bytes) {
        Ok(header) => Ok(Some(bytes.split_to(header.frame_length()))),
        Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
        Err(mqttbytes::Error::PayloadSizeLimitExceeded(size)) => Err(ProtocolError::TooLarge(size)),
        Err(error) => Err(ProtocolError::Malformed(error)),
    }
}

/// How long the fixed header is: a byte, and those of the length, of which all but the last have the highest bit.
pub(super) fn header_bytes(frame: &[u8]) -> usize {
    2 + frame.iter().skip(1).take_while(|byte| **byte >= 0x80).count()
}
