//! Hands what somebody has typed in (a reading, a correction, or that one is taken back) to the broker, which owes it to the recorder from then on.

use std::time::Duration;

use anyhow::Context;
use daemon_runtime::{Connection, MqttSession, MqttSettings, random_id};
use meter_messages::{AlarmTest, AlarmTested, MeterId, SiteId, Topic, alarm_topic};
use rumqttc::{Packet, QoS};
use tokio::time::timeout;

/// How long the broker may take to acknowledge it.
const WITHIN: Duration = Duration::from_secs(10);

/// Returns once the broker has taken the message: QoS 1, over a connection of its own, because
/// these are rare and what becomes of one must not depend on what else is said.
pub(crate) async fn send(mqtt: &MqttSettings, topic: &Topic, payload: Vec<u8>) -> anyhow::Result<()> {
    // Not the name of the client that listens: it would be thrown off.
    let usual = mqtt.client_id.as_deref().unwrap_or("powerpi-web");
    let client_id = format!("{usual}-reading-{}", random_id());
    let session = MqttSession { client_id, ..MqttSession::new(mqtt, "") };
    let mut connection = session.connect().await.context("sending what was typed in")?;
    let sent = timeout(WITHIN, hand_over(&mut connection, topic, payload)).await;
    sent.context("it does not answer in time")
        .flatten()
        .with_context(|| format!("sending what was typed in to {mqtt}"))?;
    connection.close(None).await;
    Ok(())
}

/// How much longer than powerpi-alarms may take to send a test its outcome is waited for.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Asks powerpi-alarms for a test of an alarm; `None` where it does not answer.
pub(crate) async fn test(
    mqtt: &MqttSettings,
    site: &SiteId,
    alarm: &MeterId,
) -> anyhow::Result<Option<AlarmTested>> {
    let usual = mqtt.client_id.as_deref().unwrap_or("powerpi-web");
    let (id, tested) = (random_id(), alarm_topic(site, alarm.as_str(), "tested"));
    let session = MqttSession {
        client_id: format!("{usual}-test-{id}"),
        subscriptions: vec![(tested, QoS::AtLeastOnce)],
        needs_subscriptions: true,
        ..MqttSession::new(mqtt, "")
    };
    let mut connection = session.connect().await.context("asking for a test")?;
    let within = AlarmTested::WITHIN + TOLD_WITHIN;
    let asked = timeout(within, ask_for_test(&mut connection, site, alarm, id)).await;
    connection.close(None).await;
    asked.ok().transpose()
}

async fn ask_for_test(
    connection: &mut Connection,
    site: &SiteId,
    alarm: &MeterId,
    id: String,
) -> anyhow::Result<AlarmTested> {
    // Its answer must not come before we hear it.
    while !matches!(connection.next().await?, Packet::SubAck(_)) {}
    let (topic, test) = (alarm_topic(site, alarm.as_str(), "test"), AlarmTest { id: id.clone() });
    connection.client.publish(topic, QoS::AtLeastOnce, false, test.to_json()).await?;
    loop {
        let message = connection.message().await?;
        if let Ok(tested) = AlarmTested::from_json(&message.payload)
            && tested.id == id
        {
            return Ok(tested);
        }
    }
}

async fn hand_over(connection: &mut Connection, topic: &Topic, payload: Vec<u8>) -> anyhow::Result<()> {
    let topic = topic.to_string();
    connection.client.publish(topic, QoS::AtLeastOnce, false, payload).await?;
    while !matches!(connection.next().await?, Packet::PubAck(_)) {}
    Ok(())
}
