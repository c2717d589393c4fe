//! The MQTT session: values in, the alarms' retained topics out.

use std::hash::{BuildHasher, Hasher, RandomState};

use anyhow::bail;
use daemon_runtime::{MqttSettings, reconnect};
use jiff::Timestamp;
use meter_messages::{ALL_SITES, Live, Meter, State, Status, Topic};
use rumqttc::{AsyncClient, ConnectReturnCode, Event, EventLoop, Packet, Publish, QoS};
use tokio_util::sync::CancellationToken;

use crate::notice::Notice;
use crate::watching::Watch;

/// Live and retained values of each meter, and the sites' status.
const FILTERS_OF_A_METER: usize = 2;

/// Listens and publishes until `shutdown`; while the broker cannot be reached it is
/// retried, and all publishers count as offline.
pub async fn run(mqtt: &MqttSettings, watch: &Watch, shutdown: &CancellationToken) {
    let broker = mqtt.to_string();
    reconnect(&broker, shutdown, async || {
        let ended = connect(mqtt, watch, shutdown).await;
        watch.status(|_| true, None, Timestamp::now());
        ended
    })
    .await;
}

async fn connect(mqtt: &MqttSettings, watch: &Watch, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let meters = watch.meters();
    let room = FILTERS_OF_A_METER * meters.len() + 1 + watch.notices().len();
    let (client, mut events) = client(mqtt, room)?;
    match events.poll().await? {
        Event::Incoming(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {}
        other => bail!("expected a CONNACK, got {other:?}"),
    }
    tracing::info!("connected");
    client.subscribe(ALL_SITES, QoS::AtLeastOnce).await?;
    for meter in &meters {
        client.subscribe(Topic::Live(meter.clone()).to_string(), QoS::AtMostOnce).await?;
        client.subscribe(Topic::State(meter.clone()).to_string(), QoS::AtMostOnce).await?;
    }
    let mut told: Vec<(Meter, Notice)> = Vec::new();
    loop {
        let turned = watch.turned();
        for (meter, notice) in watch.notices() {
            let tell = (meter, notice);
            if !told.contains(&tell) {
                let topic = topic(&tell.0, &tell.1);
                client.try_publish(topic, QoS::AtLeastOnce, true, tell.1.to_json())?;
                told.retain(|(_, other)| other.alarm != tell.1.alarm);
                told.push(tell);
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            () = turned => {}
            event = events.poll() => if let Event::Incoming(Packet::Publish(message)) = event? {
                take(watch, &message);
            },
        }
    }
    client.disconnect().await?;
    while events.poll().await.is_ok() {}
    Ok(())
}

/// `powerpi/<site>/alarm/<name>/state`: five levels, which no subscription of
/// the recorder's covers.
fn topic(meter: &Meter, notice: &Notice) -> String {
    format!("powerpi/{}/alarm/{}/state", meter.site, notice.alarm)
}

/// Takes a message; other topics are ignored.
fn take(watch: &Watch, message: &Publish) {
    match message.topic.parse() {
        Ok(Topic::Status(site)) => {
            if let Ok(status) = Status::from_payload(&message.payload) {
                watch.status(|meter| meter.site == site, Some(status), Timestamp::now());
            }
        }
        Ok(Topic::Live(meter)) => {
            if let Ok(live) = Live::from_json(&message.payload) {
                watch.value(&meter, live);
            }
        }
        Ok(Topic::State(meter)) => {
            if let Ok(state) = State::from_json(&message.payload) {
                watch.value(&meter, state.into());
            }
        }
        _ => tracing::debug!(topic = message.topic, "ignored: not a topic this program uses"),
    }
}

fn client(mqtt: &MqttSettings, room: usize) -> anyhow::Result<(AsyncClient, EventLoop)> {
    // Unique, or two of them would disconnect each other.
    let unique = RandomState::new().build_hasher().finish();
    let mut options = mqtt.options(&format!("powerpi-alarms-{unique:016x}"))?;
    options.set_clean_session(true);
    let (client, mut events) = AsyncClient::new(options, room + 1);
    events.set_network_options(MqttSettings::network_options());
    Ok((client, events))
}
