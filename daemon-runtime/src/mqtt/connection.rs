//! One connection to a broker, from its CONNACK to its end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, Outgoing, Packet, Publish, QoS, SubscribeReasonCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long the last words may take, so that a program ends within a second of SIGTERM.
const FAREWELL: Duration = Duration::from_millis(500);

/// Packets that have come and were not taken yet; more wait in the network.
const WAITING: usize = 64;

/// How soon a subscription that was refused is asked for again: NATS refuses some while most of its nodes are away, and
/// rights are changed.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(10);

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
    /// half-way. `subscriptions` are those that are made first.
    pub(super) fn new(
        client: AsyncClient,
        events: EventLoop,
        session_present: bool,
        subscriptions: Subscriptions,
    ) -> Self {
        let (sender, packets) = mpsc::channel(WAITING);
        tokio::spawn(drive(client.clone(), events, subscriptions, sender));
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

    /// Says DISCONNECT, and nothing before it. What comes until the broker closes is dropped.
    pub async fn leave(&mut self) {
        if self.client.try_disconnect().is_ok() {
            let _ = timeout(FAREWELL, async { while self.next().await.is_ok() {} }).await;
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

/// The subscriptions of a connection.
#[derive(Debug)]
pub(super) struct Subscriptions {
    /// Those that are to be sent, in this order.
    unsent: VecDeque<Subscription>,
    /// Those that are sent and have no SUBACK yet, with their packet ids.
    unanswered: Vec<(u16, Subscription)>,
    /// Those that were refused, and since when.
    refused: Option<(Instant, Vec<Subscription>)>,
    /// Whether the connection is of no use without them.
    needed: bool,
}

/// A filter, its QoS, and whether it was refused before.
#[derive(Debug, Clone)]
struct Subscription {
    filter: String,
    qos: QoS,
    was_refused: bool,
}

impl Subscriptions {
    /// Asks for these, in this order.
    ///
    /// # Errors
    /// If `client` has no room for them.
    pub(super) fn make(
        client: &AsyncClient,
        filters: &[(String, QoS)],
        needed: bool,
    ) -> anyhow::Result<Self> {
        let mut all = Self { unsent: VecDeque::new(), unanswered: Vec::new(), refused: None, needed };
        for (filter, qos) in filters {
            client.try_subscribe(filter, *qos)?;
            all.unsent.push_back(Subscription { filter: filter.clone(), qos: *qos, was_refused: false });
        }
        Ok(all)
    }

    fn take(&mut self, event: &Event) -> anyhow::Result<()> {
        match event {
            Event::Outgoing(Outgoing::Subscribe(id)) => {
                self.unanswered.extend(self.unsent.pop_front().map(|subscription| (*id, subscription)));
            }
            Event::Incoming(Packet::SubAck(ack)) => {
                let Some(place) = self.unanswered.iter().position(|(id, _)| *id == ack.pkid) else {
                    return Ok(());
                };
                let (_, answered) = self.unanswered.remove(place);
                self.answer(answered, ack.return_codes.contains(&SubscribeReasonCode::Failure))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn answer(&mut self, subscription: Subscription, is_refused: bool) -> anyhow::Result<()> {
        let filter = &subscription.filter;
        match (is_refused, subscription.was_refused) {
            (true, _) if self.needed => bail!("the broker refused the subscription {filter}"),
            (true, false) => {
                tracing::warn!("the broker refused the subscription {filter}; it is asked for again");
            }
            (false, true) => tracing::info!("the broker takes the subscription {filter} now"),
            _ => {}
        }
        if is_refused {
            let (_, refused) = self.refused.get_or_insert_with(|| (Instant::now(), Vec::new()));
            refused.push(Subscription { was_refused: true, ..subscription });
        }
        Ok(())
    }

    /// Asks again for what was refused a while ago; if there is no room for it now, later.
    fn ask_again(&mut self, client: &AsyncClient) {
        let Some((since, refused)) = &mut self.refused else { return };
        if since.elapsed() < ASKED_AGAIN_AFTER {
            return;
        }
        while let Some(subscription) = refused.last() {
            if client.try_subscribe(&subscription.filter, subscription.qos).is_err() {
                return;
            }
            self.unsent.extend(refused.pop());
        }
        self.refused = None;
    }
}

/// Polls the connection until it ends, DISCONNECT is out, or nobody wants its packets any more.
async fn drive(
    client: AsyncClient,
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
        // A timer would cancel the loop half-way; there is an event at least with each keep-alive.
        subscriptions.ask_again(&client);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rumqttc::{MqttOptions, SubAck};

    use super::*;

    fn answered(id: u16, code: SubscribeReasonCode) -> Event {
        Event::Incoming(Packet::SubAck(SubAck::new(id, vec![code])))
    }

    #[test]
    fn a_subscription_that_was_refused_is_asked_for_again_until_it_is_taken() {
        let (client, _events) = AsyncClient::new(MqttOptions::new("one", "127.0.0.1", 1883), 10);
        let filters = ["a", "b"].map(|filter| (filter.to_owned(), QoS::AtLeastOnce));
        let mut all = Subscriptions::make(&client, &filters, false).unwrap();
        let taken = SubscribeReasonCode::Success(QoS::AtLeastOnce);
        for (id, code) in [(1, SubscribeReasonCode::Failure), (2, taken)] {
            all.take(&Event::Outgoing(Outgoing::Subscribe(id))).unwrap();
            all.take(&answered(id, code)).unwrap();
        }
        for id in [3, 4] {
            all.ask_again(&client);
            assert!(all.unsent.is_empty(), "not at once");
            all.refused.as_mut().unwrap().0 -= ASKED_AGAIN_AFTER;
            all.ask_again(&client);
            let asked: Vec<&str> = all.unsent.iter().map(|subscription| &*subscription.filter).collect();
            assert_eq!(asked, ["a"]);
            all.take(&Event::Outgoing(Outgoing::Subscribe(id))).unwrap();
            let code = if id == 3 { SubscribeReasonCode::Failure } else { taken };
            all.take(&answered(id, code)).unwrap();
        }
        assert!(all.refused.is_none() && all.unanswered.is_empty());

        let mut needed = Subscriptions::make(&client, &filters, true).unwrap();
        needed.take(&Event::Outgoing(Outgoing::Subscribe(5))).unwrap();
        assert!(needed.take(&answered(5, SubscribeReasonCode::Failure)).is_err());
    }
}
