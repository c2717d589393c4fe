//! `pi-publisher replay`: sends kept minutes once more, for a server whose
//! ledger has holes. The recorder takes what it lacks and passes over the rest.

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::{Connection, MqttSession};
use jiff::Timestamp;
use meter_messages::{Mark, Meter, OutboxId, OutboxMinute, Topic};
use rumqttc::{Packet, QoS};
use tokio_util::sync::CancellationToken;

use crate::outbox::{Outbox, numbered};
use crate::settings::Settings;

/// How long a retained mark may take to come.
const MARK_WITHIN: Duration = Duration::from_secs(2);

/// Minutes read at a time.
const READ: usize = 1000;

/// Sends every kept minute with `from <= start < to` of every meter, and
/// returns how many there were. Each has been acknowledged by the broker.
///
/// # Errors
/// If something fails, or `shutdown` comes before all are sent.
pub async fn replay(
    settings: &Settings,
    from: Timestamp,
    to: Timestamp,
    progress: &mut dyn Write,
    shutdown: &CancellationToken,
) -> anyhow::Result<u64> {
    if from >= to {
        bail!("--from {from} is not before --to {to}");
    }
    let outbox = Outbox::open_read_only(&settings.state_dir)?;
    let session = MqttSession {
        // Beside the publisher, which may be connected under its own name.
        client_id: format!("powerpi-{}-replay", settings.site),
        room: READ,
        ..MqttSession::new(&settings.mqtt, "")
    };
    let Some(connected) = shutdown.run_until_cancelled(session.connect()).await else {
        bail!("stopped before anything was sent");
    };
    let mut connection = connected?;
    let mut sent = 0;
    let sending = async {
        for meter in &settings.meter {
            let meter = Meter { site: settings.site.clone(), meter: meter.id.clone() };
            sent += replay_meter(&outbox, &meter, from..to, &mut connection, progress).await?;
        }
        anyhow::Ok(())
    };
    let ended = shutdown.run_until_cancelled(sending).await;
    connection.close(None).await;
    ended.context("stopped before all was sent; run it again: no minute is recorded twice").flatten()?;
    Ok(sent)
}

async fn replay_meter(
    outbox: &Outbox,
    meter: &Meter,
    span: Range<Timestamp>,
    connection: &mut Connection,
    progress: &mut dyn Write,
) -> anyhow::Result<u64> {
    let Some(account) = outbox.existing_account(&meter.meter)? else {
        writeln!(progress, "{}: no minutes kept", meter.meter)?;
        return Ok(0);
    };
    if let Some(outbox) = recorded_outbox(connection, meter).await?
        && outbox != account.outbox
    {
        bail!(
            "{meter}: the recorder has outbox {outbox}, but this one is {}, and its minutes \
             would be booked for the other; run pi-publisher with this state_dir first",
            account.outbox
        );
    }
    let topic = Topic::Minute(meter.clone()).to_string();
    let mut sent = 0;
    let (mut after, mut last) = (account.oldest_seq - 1, None);
    loop {
        let counts = outbox.after(&account, after, READ)?;
        let Some(newest) = counts.last().copied() else { break };
        let minutes = numbered(&account.outbox, last, &counts);
        let minutes = minutes.filter(|minute| span.contains(&minute.count.minute.timestamp())).collect();
        sent += send(connection, &topic, minutes).await?;
        (after, last) = (newest.count.seq, Some(newest));
    }
    writeln!(progress, "{}: {sent} minutes sent", meter.meter)?;
    Ok(sent)
}

/// The outbox that the recorder's retained mark speaks of, if there is one.
async fn recorded_outbox(connection: &mut Connection, meter: &Meter) -> anyhow::Result<Option<OutboxId>> {
    let topic = Topic::Recorded(meter.clone()).to_string();
    connection.client.subscribe(&topic, QoS::AtMostOnce).await?;
    let mark = async {
        loop {
            let message = connection.message().await?;
            if message.topic == topic {
                return anyhow::Ok(Mark::from_json(&message.payload).ok());
            }
        }
    };
    let mark = tokio::time::timeout(MARK_WITHIN, mark).await.unwrap_or(Ok(None))?;
    Ok(mark.map(|mark| mark.outbox))
}

/// Publishes and waits until each has its PUBACK; returns how many there were.
async fn send(connection: &mut Connection, topic: &str, minutes: Vec<OutboxMinute>) -> anyhow::Result<u64> {
    for minute in &minutes {
        // READ of them fit into the client's room, which is empty here.
        connection.client.publish(topic, QoS::AtLeastOnce, false, minute.to_json()).await?;
    }
    let mut unacknowledged = minutes.len();
    while unacknowledged > 0 {
        if let Packet::PubAck(_) = connection.next().await? {
            unacknowledged -= 1;
        }
    }
    Ok(minutes.len() as u64)
}
