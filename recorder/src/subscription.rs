//! The recorder's session at the broker: persistent, with acknowledgements by
//! hand.

use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::{MqttSettings, reconnect};
use meter_messages::{ALL_METERS, Topic};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, QoS,
    SubscribeReasonCode,
};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use crate::bookkeeping::{Delivered, Input, Output};

/// The session's name at the broker; two recorders need two.
const USUAL_CLIENT_ID: &str = "powerpi-recorder";

/// How long the last acknowledgements may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Far larger than any payload of ours: a hostile one that is owed or retained
/// must be passed over, not end every connection. In bytes.
const LARGEST_PACKET: usize = 16 * 1024 * 1024;

/// Room for acknowledgements that wait to be written.
const WAITING_ACKS: usize = 1000;

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
}

impl Subscription {
    /// Receives until `shutdown`; a broker that is away is tried again.
    pub async fn run(mut self, shutdown: &CancellationToken) {
        let broker = self.mqtt.to_string();
        reconnect(&broker, shutdown, async || {
            self.connection += 1;
            self.connect(shutdown).await
        })
        .await;
    }

    /// One connection: a fresh client, because what an old one still holds
    /// belongs to acknowledgements nobody may send any more.
    async fn connect(&mut self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        let (client, mut events) = AsyncClient::new(self.options()?, WAITING_ACKS);
        events.set_network_options(MqttSettings::network_options());
        let first = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            first = events.poll() => first?,
        };
        let session_present = match first {
            Event::Incoming(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {
                // A session that is there has its subscription; subscribing
                // again would bring retained messages among what is owed.
                if !ack.session_present {
                    client.subscribe(ALL_METERS, QoS::AtLeastOnce).await?;
                }
                tracing::info!(session_present = ack.session_present, "connected");
                ack.session_present
            }
            other => bail!("expected a CONNACK, got {other:?}"),
        };
        self.inputs.send_async(Input::Connected).await.context("the ledger's thread has stopped")?;
        let receiving = receive(events, self.connection, session_present, self.inputs.clone());
        tokio::pin!(receiving);
        loop {
            tokio::select! {
                ended = &mut receiving => return ended,
                () = shutdown.cancelled() => break,
                output = self.outputs.recv() => {
                    let output = output.context("the ledger's thread has stopped")?;
                    say(&client, self.connection, output, &mut receiving).await?;
                }
            }
        }
        // What is not acknowledged now comes again after the next start.
        let farewell = async { tokio::join!(client.disconnect(), receiving) };
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
        Ok(())
    }

    fn options(&self) -> anyhow::Result<MqttOptions> {
        let mut options = self.mqtt.options(USUAL_CLIENT_ID)?;
        options
            .set_clean_session(false)
            .set_manual_acks(true)
            .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET);
        Ok(options)
    }
}

/// Acknowledges and publishes marks, while the connection goes on.
async fn say(
    client: &AsyncClient,
    connection: u64,
    output: Output,
    receiving: &mut (impl Future<Output = anyhow::Result<()>> + Unpin),
) -> anyhow::Result<()> {
    let saying = async {
        for delivered in output.acknowledge.iter().filter(|delivered| delivered.connection == connection) {
            client.ack(&delivered.message).await?;
        }
        for (meter, mark) in output.marks {
            let topic = Topic::Recorded(meter).to_string();
            client.publish(topic, QoS::AtLeastOnce, true, mark.to_json()).await?;
        }
        for meter in output.strangers {
            // Its retained message comes with the subscription; the one for
            // all brings what follows.
            let topic = Topic::Info(meter).to_string();
            client.subscribe(&topic, QoS::AtLeastOnce).await?;
            client.unsubscribe(topic).await?;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        said = saying => said,
        ended = receiving => ended,
    }
}

/// Polls the connection until it ends or DISCONNECT is out.
async fn receive(
    mut events: EventLoop,
    connection: u64,
    mut subscribed: bool,
    inputs: flume::Sender<Input>,
) -> anyhow::Result<()> {
    loop {
        match events.poll().await.map_err(explain)? {
            Event::Incoming(Packet::Publish(message)) => {
                let delivered = Delivered { connection, message };
                inputs
                    .send_async(Input::Message(delivered))
                    .await
                    .context("the ledger's thread has stopped")?;
            }
            // The first one answers the subscription to all; without a later
            // one a stranger remains one.
            Event::Incoming(Packet::SubAck(ack)) if !subscribed => {
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) {
                    bail!("the broker refused the subscription {ALL_METERS}");
                }
                subscribed = true;
            }
            Event::Outgoing(rumqttc::Outgoing::Disconnect) => return Ok(()),
            _ => {}
        }
    }
}

fn explain(error: ConnectionError) -> anyhow::Error {
    anyhow::Error::new(error).context("connection")
}
