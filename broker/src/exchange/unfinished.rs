//! What is too much for one round.

use crate::identifiers::Identifier;
use crate::outgoing::Answer;
use crate::retained::RetainedScan;
use crate::session::ConnectionId;
use crate::sessions::SessionId;

/// A SUBSCRIBE whose retained messages are being looked for.
#[derive(Debug)]
pub(super) struct Subscribing {
    pub(super) connection: ConnectionId,
    pub(super) session: SessionId,
    /// Its SUBACK, until that is sent.
    pub(super) answer: Option<Answer>,
    pub(super) scan: RetainedScan,
    /// By which number the client knows what it has subscribed to.
    pub(super) identifier: Option<Identifier>,
    /// Whether it waits for its client to make room, and not only for the next round.
    pub(super) waits: bool,
}
