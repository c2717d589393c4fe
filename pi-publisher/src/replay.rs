//! `pi-publisher replay`: sends kept minutes once more, for a server whose
//! ledger has holes. The recorder takes what it lacks and passes over the rest.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use daemon_runtime::MqttSettings;
use jiff::Timestamp;
use meter_messages::{Mark, Meter, OutboxId, PulseCount, Topic};
use rumqttc::{AsyncClient, ConnectReturnCode, Event, EventLoop, Packet, QoS};

use crate::outbox::{Account, Outbox};
use crate::settings::Settings;

/// How long a retained mark may take to come.
const MARK_WITHIN: Duration = Duration::from_secs(2);

/// Minutes read at a time.
const READ: usize = 1000;

/// Sends every kept minute with `from <= start < to` of every meter, and
/// returns how many there were. Each has been acknowledged by the broker.
pub async fn replay(
    settings: &Settings,
    from: Timestamp,
    to: Timestamp,
    progress: &mut dyn Write,
) -> anyhow::Result<u64> {
    if from >= to {
        bail!("--from {from} is not before --to {to}");
    }
    let outbox = Outbox::open_read_only(&settings.state_dir)?;
    let (client, mut connection) = connect(settings).await?;
    let mut sent = 0;
    for meter in &settings.meter {
        let Some(account) = outbox.existing_account(&meter.id)? else {
            writeln!(progress, "{}: no minutes kept", meter.id)?;
            continue;
        };
        let meter = Meter { site: settings.site.clone(), meter: meter.id.clone() };
        if let Some(outbox) = recorded_outbox(&client, &mut connection, &meter).await?
            && outbox != account.outbox
        {
            bail!(
                "{meter}: the recorder has outbox {outbox}, but this one is {}, and its minutes \
                 would be booked for the other; run pi-publisher with this state_dir first",
                account.outbox
            );
        }
        let topic = Topic::Minute(meter.clone()).to_string();
        let mut of_meter = 0;
        let mut after = account.oldest_seq - 1;
        loop {
            let (read_up_to, counts) = next(&outbox, &account, after, from..to)?;
            send(&client, &mut connection, &topic, &counts).await?;
            of_meter += counts.len() as u64;
            if read_up_to == after {
                break;
            }
            after = read_up_to;
        }
        writeln!(progress, "{}: {of_meter} minutes sent", meter.meter)?;
        sent += of_meter;
    }
    client.disconnect().await?;
    while !matches!(connection.poll().await, Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) | Err(_)) {}
    Ok(sent)
}

/// The outbox that the recorder's retained mark speaks of, if there is one.
async fn recorded_outbox(
    client: &AsyncClient,
    connection: &mut EventLoop,
    meter: &Meter,
) -> anyhow::Result<Option<OutboxId>> {
    let topic = Topic::Recorded(meter.clone()).to_string();
    client.subscribe(&topic, QoS::AtMostOnce).await?;
    let mark = async {
        loop {
            match connection.poll().await? {
                Event::Incoming(Packet::Publish(message)) if message.topic == topic => {
                    return anyhow::Ok(Mark::from_json(&message.payload).ok());
                }
                _ => {}
            }
        }
    };
    let mark = tokio::time::timeout(MARK_WITHIN, mark).await.unwrap_or(Ok(None))?;
    Ok(mark.map(|mark| mark.outbox))
}

/// Reads on; returns up to which `seq`, and what of it lies in the span.
fn next(
    outbox: &Outbox,
    account: &Account,
    after: u64,
    span: std::ops::Range<Timestamp>,
) -> anyhow::Result<(u64, Vec<PulseCount>)> {
    let mut counts = outbox.after(account, after, READ)?;
    let read_up_to = counts.last().map_or(after, |count| count.seq);
    counts.retain(|count| span.contains(&count.minute.timestamp()));
    Ok((read_up_to, counts))
}

async fn connect(settings: &Settings) -> anyhow::Result<(AsyncClient, EventLoop)> {
    let mqtt = &settings.mqtt;
    // Beside the publisher, which may be connected under its own name.
    let beside = format!("powerpi-{}-replay", settings.site);
    let mqtt = MqttSettings { client_id: None, ..mqtt.clone() };
    let mut options = mqtt.options(&beside)?;
    options.set_inflight(100);
    let (client, mut connection) = AsyncClient::new(options, READ);
    match connection.poll().await.with_context(|| mqtt.to_string())? {
        Event::Incoming(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {}
        other => bail!("expected a CONNACK, got {other:?}"),
    }
    Ok((client, connection))
}

/// Publishes and waits until each has its PUBACK.
async fn send(
    client: &AsyncClient,
    connection: &mut EventLoop,
    topic: &str,
    counts: &[PulseCount],
) -> anyhow::Result<()> {
    for count in counts {
        // READ of them fit into the channel, which is empty here.
        client.publish(topic, QoS::AtLeastOnce, false, count.to_json()).await?;
    }
    let mut unacknowledged = counts.len();
    while unacknowledged > 0 {
        if let Event::Incoming(Packet::PubAck(_)) = connection.poll().await? {
            unacknowledged -= 1;
        }
    }
    Ok(())
}
