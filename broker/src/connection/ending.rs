//! How connections end.

use foreign_text::foreign;

use crate::access;
use crate::admission::NoSlot;
use crate::outgoing::{CloseReason, ConnectRefused};
use crate::packets::ProtocolError;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("{0}")]
    Refused(ConnectRefused),
    #[error("{0}")]
    Closed(CloseReason),
    #[error(transparent)]
    NoSlot(#[from] NoSlot),
    #[error("login refused: {0}")]
    NotAdmitted(#[from] access::LoginRefused),
    /// The topic, as it may be shown.
    #[error("the topic is longer or deeper than [mqtt] max_topic_bytes and max_topic_levels allow: \"{0}\"")]
    TopicTooLong(String),
    #[error("TLS: {}", foreign(&.0.to_string()))]
    Tls(std::io::Error),
    #[error("WebSocket: {}", foreign(&.0.to_string()))]
    WebSocket(Box<tokio_tungstenite::tungstenite::Error>),
    #[error("no CONNECT arrived in time")]
    NoConnect,
    #[error("the client has been silent for more than one and a half times its keep-alive interval")]
    Silent,
    #[error("the client has not read anything in time")]
    NotReading,
    #[error("its user, or its address, has as many bytes on the way as it is allowed")]
    NoRoom,
    #[error("the client closed the connection")]
    EndOfStream,
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("the broker is stopping")]
    Stopping,
}
