//! The recorder's session at the broker: persistent, with acknowledgements by
//! hand.

use anyhow::Context;
use daemon_runtime::{Connection, MqttSession, MqttSettings};
use meter_messages::{ALL_METERS, ALL_PRICES, Mark, Topic, infos_of};
use rumqttc::{AsyncClient, Publish, QoS};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::bookkeeping::{Delivered, Input, Output};

/// The session's name at the broker; two recorders need two.
pub(crate) const USUAL_CLIENT_ID: &str = "powerpi-recorder";

/// Room for acknowledgements that wait to be written.
const WAITING_ACKS: usize = 1000;

/// Marks that the broker has not acknowledged: it does so only once they are on its disk, and rumqttc lets our own
/// acknowledgements wait behind those that are more.
const MARKS_IN_FLIGHT: u16 = 1000;

/// The session over all its connections.
pub struct Subscription {
    /// The broker.
    pub mqtt: MqttSettings,
    /// Where messages go.
    pub inputs: flume::Sender<Input>,
    /// What comes back for them.
    pub outputs: UnboundedReceiver<Output>,
    /// Counts connections.
    pub connection: u64,
    /// Whether there is one now.
    pub connected: watch::Sender<bool>,
}

impl Subscription {
    /// Receives until `shutdown`. What is not acknowledged then comes again after the next start.
    pub async fn run(mut self, shutdown: &CancellationToken) {
        let session = MqttSession {
            clean: false,
            manual_acks: true,
            in_flight: MARKS_IN_FLIGHT,
            room: WAITING_ACKS,
            subscriptions: vec![(ALL_METERS.to_owned(), QoS::AtLeastOnce)],
            needs_subscriptions: true,
            connected: self.connected.clone(),
            ..MqttSession::new(&self.mqtt, USUAL_CLIENT_ID)
        };
        session.run(shutdown, async |connection| self.serve(connection).await).await;
    }

    /// One connection, up to its end.
    async fn serve(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        self.connection += 1;
        let client = connection.client.clone();
        tokio::select! {
            ended = receive(connection, self.connection, &self.inputs) => ended,
            ended = say(&client, self.connection, &mut self.outputs) => ended,
        }
    }
}

/// Acknowledges and publishes marks.
async fn say(
    client: &AsyncClient,
    connection: u64,
    outputs: &mut UnboundedReceiver<Output>,
) -> anyhow::Result<()> {
    // Over each connection: a session may be from before there were prices. Where it is not, the retained messages that
    // this brings are known by the time at which they were said. Without it, minutes are recorded all the same.
    client.subscribe(ALL_PRICES, QoS::AtLeastOnce).await?;
    loop {
        let output = outputs.recv().await.context("the ledger's thread has stopped")?;
        // What came over another connection was dropped with it, and comes again over this one.
        for delivered in output.acknowledge.iter().filter(|delivered| delivered.connection == connection) {
            client.ack(&delivered.message).await?;
        }
        for (meter, mark) in output.marks {
            let topic = Topic::Recorded(meter).to_string();
            client.publish(topic, QoS::AtLeastOnce, true, mark.to_json()).await?;
        }
        for (meter, outbox) in output.strangers {
            if let Some(outbox) = outbox {
                // Its publisher says its info again. Not retained: the meter may be made up.
                let mark = Mark::new(outbox, 0, None);
                let topic = Topic::Recorded(meter.clone()).to_string();
                client.publish(topic, QoS::AtLeastOnce, false, mark.to_json()).await?;
            }
            // Its retained message comes with the subscription; the one for
            // all brings what follows.
            let topic = Topic::Info(meter).to_string();
            ask_for_retained(client, topic).await?;
        }
        for site in output.taken_over {
            ask_for_retained(client, infos_of(&site)).await?;
        }
    }
}

/// Retained messages come with a subscription.
async fn ask_for_retained(client: &AsyncClient, filter: String) -> anyhow::Result<()> {
    client.subscribe(&filter, QoS::AtLeastOnce).await?;
    Ok(client.unsubscribe(filter).await?)
}

/// Whether a message is of no interest here and waits for no acknowledgement: what a meter shows each second need not
/// wake the ledger's thread.
fn is_passing(message: &Publish) -> bool {
    let of_now = || matches!(message.topic.parse(), Ok(Topic::Live(_) | Topic::Diag(_)));
    message.qos == QoS::AtMostOnce && of_now()
}

/// Hands on what comes. It never says anything: that may have to wait for room, which comes only
/// while something is received.
async fn receive(
    connection: &mut Connection,
    number: u64,
    inputs: &flume::Sender<Input>,
) -> anyhow::Result<()> {
    let gone = "the ledger's thread has stopped";
    inputs.send_async(Input::Connected).await.context(gone)?;
    loop {
        let message = connection.message().await?;
        if is_passing(&message) {
            continue;
        }
        let delivered = Delivered { connection: number, message };
        inputs.send_async(Input::Message(delivered)).await.context(gone)?;
    }
}
