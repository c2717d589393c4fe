//! Being a client of a broker: one connection after the other.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rumqttc::{AsyncClient, ConnectionError, Event, LastWill, NetworkOptions, Packet, QoS};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::connection::Subscriptions;
use super::tries::Tries;
use super::{Address, Connection, MqttSettings};

/// How long an address may take from its name's resolution to CONNACK, in seconds; less where another one may be better.
const CONNECT_WITHIN_S: u64 = 10;
const CONNECT_WITHIN_S_OF_SEVERAL: u64 = 5;

/// Far larger than any payload of ours, in bytes: a hostile one that is owed or retained must be
/// passed over, not end every connection.
const LARGEST_PACKET: usize = 16 * 1024 * 1024;

/// What a program is to its broker. Each connection begins with a new client of rumqttc's, because
/// what an old one still holds is lost or belongs to a connection that is gone.
#[derive(Debug, Clone)]
pub struct MqttSession {
    /// The broker.
    pub settings: MqttSettings,
    /// The client's name there.
    pub client_id: String,
    /// Whether the broker forgets us with the connection.
    pub clean: bool,
    /// Whether the program itself acknowledges what has come.
    pub manual_acks: bool,
    /// QoS 1 messages on their way at a time.
    pub in_flight: u16,
    /// Requests that wait to be written, beside the subscriptions.
    pub room: usize,
    /// Filters that are subscribed to over each connection that brings no session along.
    pub subscriptions: Vec<(String, QoS)>,
    /// Whether a connection ends if one of them is refused; else it is asked for again from time to time.
    pub needs_subscriptions: bool,
    /// The will, and what is said of our own accord at the end.
    pub last_words: Option<LastWill>,
    /// Whether there is a connection now, while the session [runs](Self::run).
    pub connected: watch::Sender<bool>,
}

/// While this lives, there is a connection.
struct Connected<'a>(&'a watch::Sender<bool>);

impl<'a> Connected<'a> {
    fn from_now_on(connected: &'a watch::Sender<bool>) -> Self {
        connected.send_replace(true);
        Self(connected)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl MqttSession {
    /// A session that ends with its connection; the settings may give the client another name.
    pub fn new(settings: &MqttSettings, usual_client_id: &str) -> Self {
        Self {
            settings: settings.clone(),
            client_id: settings.client_id.clone().unwrap_or_else(|| usual_client_id.to_owned()),
            clean: true,
            manual_acks: false,
            in_flight: 100,
            room: 10,
            subscriptions: Vec::new(),
            needs_subscriptions: false,
            last_words: None,
            connected: watch::Sender::new(false),
        }
    }

    /// Runs `serve` over one connection after the other until `shutdown`, which it need not
    /// watch: it is dropped at whatever it awaits, and the connection closed. Its error, like the
    /// connection's, leads to the next try.
    pub async fn run(
        &self,
        shutdown: &CancellationToken,
        mut serve: impl AsyncFnMut(&mut Connection) -> anyhow::Result<()>,
    ) {
        let addresses = self.settings.addresses();
        let mut tries = Tries::new(addresses.len());
        loop {
            let address = &addresses[tries.next()];
            let Some(connected) = shutdown.run_until_cancelled(self.connect_to(address)).await else {
                return;
            };
            let (error, lasted) = match connected {
                Ok(mut connection) => {
                    let _connected = Connected::from_now_on(&self.connected);
                    let began = Instant::now();
                    match shutdown.run_until_cancelled(serve(&mut connection)).await {
                        Some(Err(error)) => (error, began.elapsed()),
                        Some(Ok(())) | None => return connection.close(self.last_words.clone()).await,
                    }
                }
                Err(error) => (error, Duration::ZERO),
            };
            let pause = tries.failed(lasted);
            tracing::warn!("broker {address}: {error:#}; next try in {:.1} s", pause.as_secs_f64());
            if shutdown.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// One connection, for what is done once: to the first address that answers.
    ///
    /// # Errors
    /// What the last one failed with.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        let mut outcome = Err(anyhow!("no address"));
        for address in self.settings.addresses() {
            outcome = self.connect_to(&address).await.with_context(|| format!("broker {address}"));
            match &outcome {
                Ok(_) => break,
                Err(error) => tracing::debug!("{error:#}"),
            }
        }
        outcome
    }

    /// Has the broker forget the session, and all that waits there for it. Whoever is connected under its name is not any more. It
    /// is tried until a broker does it.
    pub async fn forget(&self) {
        let clean = Self { clean: true, subscriptions: Vec::new(), last_words: None, ..self.clone() };
        let mut tries = Tries::new(1);
        loop {
            match clean.connect().await {
                Ok(connection) => return connection.close(None).await,
                Err(error) => {
                    let pause = tries.failed(Duration::ZERO);
                    tracing::warn!(
                        "the session is not forgotten yet: {error:#}; next try in {:.1} s",
                        pause.as_secs_f64()
                    );
                    sleep(pause).await;
                }
            }
        }
    }

    async fn connect_to(&self, address: &Address) -> anyhow::Result<Connection> {
        let mut options = self.settings.options(&self.client_id, address)?;
        options
            .set_clean_session(self.clean)
            .set_manual_acks(self.manual_acks)
            .set_inflight(self.in_flight)
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        if let Some(will) = &self.last_words {
            options.set_last_will(will.clone());
        }
        let (client, mut events) = AsyncClient::new(options, self.room + self.subscriptions.len());
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        let within_s = match self.settings.addresses().len() {
            0 | 1 => CONNECT_WITHIN_S,
            _ => CONNECT_WITHIN_S_OF_SEVERAL,
        };
        network.set_connection_timeout(within_s);
        events.set_network_options(network);
        let session_present = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(ack))) => ack.session_present,
            Ok(other) => bail!("expected a CONNACK, got {other:?}"),
            Err(ConnectionError::NetworkTimeout) => bail!("does not answer within {within_s} s"),
            Err(error) => return Err(error.into()),
        };
        tracing::info!(session_present, "connected to broker {address}");
        // No earlier: rumqttc drops what waits for a new session. And not where a session is there:
        // it has them, and subscribing again would bring retained messages among what is owed.
        let filters = if session_present { &[] } else { self.subscriptions.as_slice() };
        let subscriptions = Subscriptions::make(&client, filters, self.needs_subscriptions)?;
        Ok(Connection::new(client, events, session_present, subscriptions))
    }
}
