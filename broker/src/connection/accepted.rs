//! An accepted connection, before anybody knows who it is.

use std::net::SocketAddr;

use crate::access::Entrance;
use crate::admission::Slot;
use crate::session::ConnectionId;

/// What is known of a connection besides its bytes.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) id: ConnectionId,
    pub(crate) peer: SocketAddr,
    pub(crate) entrance: Entrance,
    /// The names in its verified certificate, if it has shown one.
    pub(crate) certified: Vec<String>,
    /// How often it had changed which certificates are good when it was verified.
    pub(crate) client_trust: u64,
    pub(crate) slot: Slot,
}
