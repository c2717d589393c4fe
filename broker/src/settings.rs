//! What can be set, and what holds when nothing is.

use std::net::SocketAddr;
use std::path::PathBuf;

use broker_users::{Role, UserName};
use daemon_runtime::EndpointSettings;
use serde::Deserialize;

/// All settings of the broker; the file's sections are the fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Listening, and what clients may ask for.
    pub mqtt: MqttSettings,
    /// What survives a restart.
    pub store: StoreSettings,
    /// Telling how the broker does, over HTTP.
    pub health: EndpointSettings,
    /// Who may come in.
    pub access: AccessSettings,
    /// A second listener, with TLS.
    pub tls: TlsSettings,
    /// Listeners for MQTT over WebSocket.
    pub websocket: WebSocketSettings,
}

/// Section `[access]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// The users file, as `powerpi passwd` writes it.
    pub users: Option<PathBuf>,
    /// Who comes in without a user; if not set, `never` with a users file and `loopback` without.
    pub anonymous: Option<Anonymous>,
    /// What they may do.
    pub anonymous_role: Role,
    /// Users for whom publishers wait while they are too slow, besides those with the role
    /// `recorder`. Anybody else then loses the oldest messages owed.
    pub publishers_wait_for: Vec<UserName>,
}

/// Where clients come in without a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// Nowhere.
    Never,
    /// Through listeners on a loopback address, but not over WebSocket.
    Loopback,
    /// Everywhere.
    Everywhere,
}

/// Section `[tls]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// Address and port to listen on, once a certificate is set.
    pub listen: SocketAddr,
    /// The broker's certificate and those between it and its CA, in PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, in PEM.
    pub key: Option<PathBuf>,
    /// The CA of clients' certificates, in PEM. A name in a client's certificate that is a user's
    /// logs the client in.
    pub client_ca: Option<PathBuf>,
    /// The CA's list of certificates that are revoked, in PEM; needs `client_ca`.
    pub client_crl: Option<PathBuf>,
    /// Whether clients without a certificate are turned away.
    pub require_client_certificate: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        TlsSettings {
            listen: SocketAddr::from(([0; 8], 8883)),
            certificate: None,
            key: None,
            client_ca: None,
            client_crl: None,
            require_client_certificate: false,
        }
    }
}

/// Section `[websocket]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketSettings {
    /// Address and port to listen on, without TLS.
    pub listen: Option<SocketAddr>,
    /// Address and port to listen on, with the certificate of `[tls]`.
    pub tls_listen: Option<SocketAddr>,
    /// Origins of the pages that may connect, like `https://power.example.org`; all if none is named.
    /// Programs that are no browsers name none and may connect.
    pub origins: Vec<String>,
}

/// Section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The file; its folder must be there.
    pub path: PathBuf,
    /// Keeps nothing on disk: whatever was acknowledged is lost when the broker ends.
    pub in_memory: bool,
    /// Bytes in the file at which publishers of QoS 1 and 2 have to wait, until subscribers have
    /// acknowledged something; 0 for as many as the disk holds.
    pub max_bytes: u64,
    /// Free bytes on the disk below which they have to wait as well. What is left is for
    /// subscribers to come back and take what is owed to them.
    pub min_free_bytes: u64,
}

impl Default for StoreSettings {
    fn default() -> Self {
        StoreSettings {
            path: "/var/lib/powerpi/broker/store.sqlite".into(),
            in_memory: false,
            max_bytes: 0,
            min_free_bytes: 32 * 1024 * 1024,
        }
    }
}

/// Section `[mqtt]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MqttSettings {
    /// Address and port to listen on, without TLS.
    pub listen: SocketAddr,
    /// Clients connected at the same time.
    pub max_connections: usize,
    /// Those of them that come from one network (an IPv4 address, or 48 bits of IPv6); 0 for no limit.
    pub max_connections_per_address: usize,
    /// Connections without a whole CONNECT yet, besides the clients; one network gets three quarters. With
    /// more of them, those that have waited longest are closed, of the network that has most. As many more
    /// may wait for their login.
    pub max_half_open: usize,
    /// Largest packet taken from a client, in bytes, without its fixed header. A larger message of MQTT 3.1.1 is
    /// acknowledged and dropped; a client of MQTT 5 is told the limit.
    pub max_packet_bytes: usize,
    /// Seconds from the TCP connection to a complete CONNECT.
    pub connect_timeout_s: u64,
    /// Seconds that a client may take to read anything of what it is sent.
    pub write_timeout_s: u64,
    /// Sessions kept that outlive their connection. Half of them are divided into equal parts, one
    /// for each user and one for all clients without; of the others nobody gets more than three
    /// quarters of what is left. What is published is kept for each of them that subscribes to it, so this is
    /// also how much work one message can be.
    pub max_sessions: usize,
    /// Days after which a session of an absent client is forgotten; 0 for never.
    pub session_expiry_days: u64,
    /// Subscriptions of one session.
    pub max_subscriptions: usize,
    /// Messages owed to one session: a year of minutes is 525,600.
    pub max_owed_messages: usize,
    /// Bytes of topics and payloads owed to one session.
    pub max_owed_bytes: usize,
    /// QoS 1 and 2 messages sent to a client and not yet acknowledged by it.
    pub in_flight_messages: u16,
    /// Bytes that may wait for a client to read them before QoS 0 messages to it are dropped.
    pub max_waiting_bytes: usize,
    /// Seconds after which a connected client for which publishers wait, and which acknowledges
    /// nothing that it was sent, is disconnected so that they can go on.
    pub stalled_after_s: u64,
    /// Bytes of memory for all that clients can make the broker keep; 0 for a quarter of the machine's
    /// memory, or half of what the unit or container may have. Three quarters are for what is kept, an
    /// eighth for what is on its way, both divided as `max_sessions` is, and an eighth for the router.
    pub max_kept_bytes: usize,
    /// Retained messages. Divided as `max_sessions` is, and so are their bytes, and filters.
    pub max_retained: usize,
    /// Bytes of their topics and payloads.
    pub max_retained_bytes: usize,
    /// Levels of a topic or topic filter; 0 for as many as MQTT allows.
    pub max_topic_levels: usize,
    /// Bytes of a topic or topic filter; 0 for as many as MQTT allows, which are 65,535.
    pub max_topic_bytes: usize,
    /// Half of the different topic filters that can be subscribed to. The router knows as many at a
    /// time, 1,000 at most; a tree finds those that it does not know.
    pub max_filters: usize,
    /// Different topics that the router knows at a time, 10,000 at most; for others a tree is
    /// searched.
    pub max_topics: usize,
}

impl Default for MqttSettings {
    fn default() -> Self {
        MqttSettings {
            listen: SocketAddr::from(([127, 0, 0, 1], 1883)),
            max_connections: 1_000,
            max_connections_per_address: 750,
            max_half_open: 600,
            max_packet_bytes: 256 * 1024,
            connect_timeout_s: 10,
            write_timeout_s: 30,
            max_sessions: 1_000,
            session_expiry_days: 400,
            max_subscriptions: 1_000,
            max_owed_messages: 2_000_000,
            max_owed_bytes: 512 * 1024 * 1024,
            in_flight_messages: 1_000,
            max_waiting_bytes: 4 * 1024 * 1024,
            stalled_after_s: 60,
            max_kept_bytes: 0,
            max_retained: 100_000,
            max_retained_bytes: 128 * 1024 * 1024,
            max_topic_levels: 0,
            max_topic_bytes: 0,
            max_filters: 10_000,
            max_topics: 10_000,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_in_deploy_is_understood() {
        daemon_runtime::parse::<Settings>(include_str!("../../deploy/powerpi-broker.toml")).unwrap();
    }
}
