//! The way into the broker.

use std::net::SocketAddr;

/// The way a client has come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entrance {
    pub(crate) tls: bool,
    pub(crate) web_socket: bool,
    /// Whether only this machine can come this way.
    pub(crate) loopback: bool,
}

impl Entrance {
    pub(crate) fn new(listens_on: SocketAddr, tls: bool, web_socket: bool) -> Entrance {
        Entrance { tls, web_socket, loopback: listens_on.ip().to_canonical().is_loopback() }
    }
}
