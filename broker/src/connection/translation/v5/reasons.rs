//! Why the broker closes a connection, in MQTT 5's reason codes.

use mqtt_proto::Error;
use mqtt_proto::v5::{ConnectReasonCode, DisconnectReasonCode as Reason, ErrorV5};

use crate::connection::Ending;
use crate::outgoing::CloseReason;
use crate::packets::ProtocolError;

/// The reason to give; `None` if there is nobody to tell.
pub(super) fn disconnect_reason(ending: &Ending) -> Option<Reason> {
    let reason = match ending {
        Ending::Protocol(error) => protocol_reason(error),
        Ending::Closed(CloseReason::TakenOver) => Reason::SessionTakenOver,
        Ending::Closed(CloseReason::Stalled | CloseReason::NoRoom) | Ending::NoRoom => Reason::QuotaExceeded,
        Ending::Closed(CloseReason::WrongAcknowledgement) => Reason::ProtocolError,
        Ending::Closed(CloseReason::Revoked) => Reason::AdministrativeAction,
        Ending::TopicTooLong(_) => Reason::TopicNameInvalid,
        Ending::Silent => Reason::KeepAliveTimeout,
        Ending::Stopping => Reason::ServerShuttingDown,
        Ending::Closed(CloseReason::Disconnected | CloseReason::Refused(_)) => return None,
        Ending::Refused(_) | Ending::NoSlot(_) | Ending::NoConnect | Ending::NotAdmitted(_) => return None,
        Ending::Tls(_) | Ending::WebSocket(_) => return None,
        Ending::NotReading | Ending::EndOfStream | Ending::Io(_) => return None,
    };
    Some(reason)
}

/// The same for a CONNECT, which is answered with a CONNACK.
pub(super) fn connect_reason(error: &ProtocolError) -> ConnectReasonCode {
    match protocol_reason(error) {
        Reason::MalformedPacket => ConnectReasonCode::MalformedPacket,
        Reason::PacketTooLarge => ConnectReasonCode::PacketTooLarge,
        Reason::PayloadFormatInvalid => ConnectReasonCode::PayloadFormatInvalid,
        _ => ConnectReasonCode::ProtocolError,
    }
}

fn protocol_reason(error: &ProtocolError) -> Reason {
    match error {
        ProtocolError::TooLarge(_) => Reason::PacketTooLarge,
        ProtocolError::Malformed(_) | ProtocolError::MalformedConnect(_) | ProtocolError::Length => {
            Reason::MalformedPacket
        }
        ProtocolError::MalformedV5(error) => codec_reason(error),
        ProtocolError::Violation(_) | ProtocolError::Level(_) => Reason::ProtocolError,
        ProtocolError::ReceiveMaximum => Reason::ReceiveMaximumExceeded,
        ProtocolError::TopicAlias => Reason::TopicAliasInvalid,
        ProtocolError::TooLargeForClient => Reason::ImplementationSpecificError,
    }
}

/// What can be read but must not be said is a protocol error; the rest is malformed.
fn codec_reason(error: &ErrorV5) -> Reason {
    match error {
        ErrorV5::InvalidPayloadFormat => Reason::PayloadFormatInvalid,
        ErrorV5::DuplicatedProperty(_)
        | ErrorV5::InvalidByteProperty(..)
        | ErrorV5::InvalidResponseTopic
        | ErrorV5::InvalidReasonCode(..)
        | ErrorV5::Common(Error::ZeroPid | Error::EmptySubscription) => Reason::ProtocolError,
        // QoS 3 and retain handling 3; reserved bits are malformed.
        ErrorV5::InvalidSubscriptionOption(option) if option & 0xc0 == 0 => Reason::ProtocolError,
        _ => Reason::MalformedPacket,
    }
}
