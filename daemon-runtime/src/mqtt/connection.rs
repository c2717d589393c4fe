//! One connection to a broker, from its CONNACK to its end.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, Outgoing, Packet, Publish, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the last words may take, so that a program ends within a second of SIGTERM.
const FAREWELL: Duration = Duration::from_millis(500);

/// Packets that have come and were not taken yet; more wait in the network.
const WAITING: usize = 64;

/// A connection. Whoever waits in [`next`](Connection::next) must not also be the one who waits for
/// room in `client`: room comes only while packets are taken.
#[derive(Debug)]
pub struct Connection {
    /// Says things over this connection, and over no other.
    pub client: AsyncClient,
    /// Whether the broker goes on with a session that was there before.
    pub session_present: bool,
    packets: mpsc::Receiver<anyhow::Result<Packet>>,
}

impl Connection {
    /// Lets a task of its own drive the connection: what rumqttc's loop does must not be cancelled
    /// half-way. `subscriptions` are the filters that `client` was told first.
    pub(super) fn new(
        client: AsyncClient,
        events: EventLoop,
        session_present: bool,
        subscriptions: Subscriptions,
    ) -> Self {
        let (sender, packets) = mpsc::channel(WAITING);
        tokio::spawn(drive(events, subscriptions, sender));
        Self { client, session_present, packets }
    }

    /// The next packet from the broker. Nothing is lost where the wait is cancelled.
    ///
    /// # Errors
    /// The end of the connection.
    pub async fn next(&mut self) -> anyhow::Result<Packet> {
        self.packets.recv().await.context("the connection ended")?
    }

    /// The next message; other packets are ignored.
    ///
    /// # Errors
    /// The end of the connection.
    pub async fn message(&mut self) -> anyhow::Result<Publish> {
        loop {
            if let Packet::Publish(message) = self.next().await? {
                return Ok(message);
            }
        }
    }

    /// Says DISCONNECT, and before it what is to be known of our absence: a clean DISCONNECT
    /// withdraws the will. A broker that takes nothing any more does not keep us.
    pub async fn close(mut self, last_words: Option<LastWill>) {
        let said = async {
            if let Some(LastWill { topic, message, qos, retain }) = last_words {
                self.client.publish(topic, qos, retain, message).await?;
            }
            self.client.disconnect().await
        };
        // The channel ends when DISCONNECT is out.
        let out = async { while self.packets.recv().await.is_some() {} };
        let _ = timeout(FAREWELL, async { tokio::join!(said, out) }).await;
    }
}

/// Subscriptions that have no SUBACK yet.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    /// Filters that are to be sent, in this order.
    pub(super) unsent: VecDeque<String>,
    /// Filters that are sent, with their packet ids.
    pub(super) unanswered: Vec<(u16, String)>,
    /// Whether the connection is of no use without them.
    pub(super) needed: bool,
}

impl Subscriptions {
    fn take(&mut self, event: &Event) -> anyhow::Result<()> {
        match event {
            Event::Outgoing(Outgoing::Subscribe(id)) => {
                self.unanswered.extend(self.unsent.pop_front().map(|filter| (*id, filter)));
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                let place = self.unanswered.iter().position(|(id, _)| *id == ack.pkid);
                let answered = place.map(|place| self.unanswered.remove(place).1);
                let refused = ack.return_codes.contains(&SubscribeReasonCode::Failure);
                match answered.filter(|_| refused) {
                    Some(filter) if self.needed => bail!("the broker refused the subscription {filter}"),
                    Some(filter) => tracing::warn!("the broker refused the subscription {filter}"),
                    None => {}
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Polls the connection until it ends, DISCONNECT is out, or nobody wants its packets any more.
async fn drive(
    mut events: EventLoop,
    mut subscriptions: Subscriptions,
    packets: mpsc::Sender<anyhow::Result<Packet>>,
) {
    loop {
        let event = tokio::select! {
            event = events.poll() => event.context("connection"),
            () = packets.closed() => return,
        };
        let checked = event.and_then(|event| subscriptions.take(&event).map(|()| event));
        let packet = match checked {
            Ok(Event::Incoming(packet)) => Ok(packet),
            Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
            Ok(Event::Outgoing(_)) => continue,
            Err(error) => Err(error),
        };
        let ended = packet.is_err();
        if packets.send(packet).await.is_err() || ended {
            return;
        }
    }
}
