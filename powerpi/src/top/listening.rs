//! What publishers say, as it comes.

use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Connection, MqttSession, MqttSettings};
use rumqttc::QoS;
use tokio::time::Instant;

use super::meters::Meters;

/// All that is retained has come once none of it came for so long.
const PAUSE: Duration = Duration::from_millis(700);

/// How long the broker may take to answer, and to say all that it retains.
const PATIENCE: Duration = Duration::from_secs(10);

const TOPICS: [&str; 5] =
    ["powerpi/+/status", "powerpi/+/+/info", "powerpi/+/+/state", "powerpi/+/+/live", "powerpi/+/+/diag"];

/// A connection over which values come.
pub(super) struct Listening(Connection);

impl Listening {
    /// Connects as the pages do.
    ///
    /// # Errors
    /// If the broker does not answer, or lets nobody in.
    pub(super) async fn begin(settings: &MqttSettings) -> anyhow::Result<Self> {
        let client_id = format!("powerpi-top-{}", daemon_runtime::random_id());
        let session = MqttSession {
            client_id: client_id.clone(),
            subscriptions: TOPICS.iter().map(|topic| ((*topic).to_owned(), QoS::AtMostOnce)).collect(),
            ..MqttSession::new(settings, &client_id)
        };
        let connected = tokio::time::timeout(PATIENCE, session.connect()).await;
        Ok(Self(connected.context("it does not answer")??))
    }

    /// Takes what comes within a time.
    ///
    /// # Errors
    /// If the connection ends.
    pub(super) async fn for_a_while(&mut self, meters: &mut Meters, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while let Ok(message) = tokio::time::timeout_at(end, self.0.message()).await {
            let message = message?;
            meters.take(&message.topic, &message.payload);
        }
        Ok(())
    }
}

/// Takes all that the broker retains.
///
/// # Errors
/// If the broker does not answer, lets nobody in, or ends the connection.
pub(super) async fn listen_once(settings: &MqttSettings, meters: &mut Meters) -> anyhow::Result<()> {
    let mut listening = Listening::begin(settings).await.context("the broker cannot be asked")?;
    let latest = Instant::now() + PATIENCE;
    let mut end = Instant::now() + PAUSE;
    while let Ok(message) = tokio::time::timeout_at(end.min(latest), listening.0.message()).await {
        let message = message?;
        // What is said each second would never end.
        if message.retain {
            end = Instant::now() + PAUSE;
        }
        meters.take(&message.topic, &message.payload);
    }
    listening.0.close(None).await;
    Ok(())
}
