//! Hands a reading, or that one is taken back, to the broker, which owes it to the recorder from then on.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use anyhow::Context;
use daemon_runtime::MqttSettings;
use meter_messages::{Meter, Topic};
use rumqttc::{AsyncClient, Event, Incoming, Outgoing, QoS};

/// How long somebody waits for it.
const WITHIN: Duration = Duration::from_secs(10);

/// Returns once the broker has taken the reading: QoS 1, over a connection of its own, because
/// readings are rare and what becomes of one must not depend on what else is said.
pub(crate) async fn send(mqtt: &MqttSettings, meter: &Meter, payload: Vec<u8>) -> anyhow::Result<()> {
    let sent = tokio::time::timeout(WITHIN, hand_over(mqtt, meter, payload)).await;
    sent.context("it does not answer in time")
        .flatten()
        .with_context(|| format!("sending a reading to {mqtt}"))
}

async fn hand_over(mqtt: &MqttSettings, meter: &Meter, payload: Vec<u8>) -> anyhow::Result<()> {
    let unique = RandomState::new().build_hasher().finish();
    let usual = mqtt.client_id.as_deref().unwrap_or("powerpi-web");
    // Not the name of the client that listens: it would be thrown off.
    let name = format!("{usual}-reading-{unique:016x}");
    let mut options = MqttSettings { client_id: None, ..mqtt.clone() }.options(&name)?;
    options.set_clean_session(true);
    let (client, mut connection) = AsyncClient::new(options, 2);
    connection.set_network_options(MqttSettings::network_options());
    let topic = Topic::Reading(meter.clone()).to_string();
    loop {
        match connection.poll().await? {
            // No earlier: rumqttc drops what waits for a new session.
            Event::Incoming(Incoming::ConnAck(_)) => {
                client.try_publish(&topic, QoS::AtLeastOnce, false, payload.as_slice())?;
            }
            Event::Incoming(Incoming::PubAck(_)) => break,
            _ => {}
        }
    }
    client.try_disconnect()?;
    while !matches!(connection.poll().await, Ok(Event::Outgoing(Outgoing::Disconnect)) | Err(_)) {}
    Ok(())
}
