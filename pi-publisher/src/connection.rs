//! One connection to the broker, from CONNECT to its end.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use daemon_runtime::MqttSettings;
use jiff::Timestamp;
use meter_messages::{Diag, Live, Mark, State, Status, Topic};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, EventLoop, LastWill, Packet, Publish, QoS,
};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::counting::Reading;
use crate::delivery::Delivery;
use crate::home_assistant;
use crate::old_copy::shows_old_copy;
use crate::outbox_keeper::Command;
use crate::publisher::{OldCopy, Published, Publisher};

/// Unacknowledged QoS 1 messages at a time.
const IN_FLIGHT: u16 = 500;

/// Far larger than any payload of ours: a hostile one that is retained must be
/// passed over, not end every connection. In bytes.
const LARGEST_PACKET: usize = 16 * 1024 * 1024;

/// Minutes read from the outbox at a time.
const READ: u64 = 1000;

/// How long a full window waits for a mark before sending goes on, and minutes that are sent
/// before they are sent again.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the first mark since the start is waited for before minutes are sent.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);

/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Connects, publishes everything there is and all that comes.
///
/// Ends with `Ok` on shutdown and with an error when the connection does.
pub(crate) async fn run(publisher: &Publisher, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let (client, mut events) = tokio::select! {
        () = shutdown.cancelled() => return Ok(()),
        opened = open(publisher) => opened?,
    };
    greet(publisher, &client).await?;
    tracing::info!("connected to {}", publisher.mqtt);

    let mut deliveries = JoinSet::new();
    for meter in &publisher.meters {
        deliveries.spawn(deliver(client.clone(), meter.clone(), publisher.keeper.clone()));
    }
    let asked = Notify::new();
    let chatter = chat(publisher, &client, &asked);
    let listening = listen(publisher, &mut events, &asked);
    tokio::select! {
        () = shutdown.cancelled() => {}
        Some(ended) = deliveries.join_next() => return ended.context("a meter's delivery")?,
        ended = chatter => return ended,
        ended = listening => return ended,
    }
    drop(deliveries);
    // A broker that takes nothing any more must not keep us: what is not said
    // here, the will says.
    let _ = timeout(FAREWELL, farewell(publisher, &client, &mut events)).await;
    Ok(())
}

/// A clean DISCONNECT withdraws the will, so its word is said here.
async fn farewell(
    publisher: &Publisher,
    client: &AsyncClient,
    events: &mut mpsc::Receiver<Incoming>,
) -> anyhow::Result<()> {
    say_status(publisher, client, Status::Offline).await?;
    client.disconnect().await?;
    // The loop that writes ends the channel when DISCONNECT is out.
    while events.recv().await.is_some() {}
    Ok(())
}

type Incoming = Result<Publish, ConnectionError>;

async fn open(publisher: &Publisher) -> anyhow::Result<(AsyncClient, mpsc::Receiver<Incoming>)> {
    let mut options = publisher.mqtt.options(&format!("powerpi-{}", publisher.site))?;
    let status = Topic::Status(publisher.site.clone()).to_string();
    options
        .set_clean_session(true)
        .set_inflight(IN_FLIGHT)
        .set_max_packet_size(LARGEST_PACKET, LARGEST_PACKET)
        .set_last_will(LastWill::new(status, Status::Offline.as_str(), QoS::AtLeastOnce, true));
    let (client, mut connection) = AsyncClient::new(options, IN_FLIGHT.into());
    connection.set_network_options(MqttSettings::network_options());
    match connection.poll().await? {
        Event::Incoming(Packet::ConnAck(ack)) if ack.code == ConnectReturnCode::Success => {}
        other => bail!("expected a CONNACK, got {other:?}"),
    }
    let (forward, events) = mpsc::channel(64);
    tokio::spawn(drive(connection, forward));
    Ok((client, events))
}

/// Polls the connection, so that nothing we wait for can hold it up.
async fn drive(mut connection: EventLoop, forward: mpsc::Sender<Incoming>) {
    loop {
        let event = tokio::select! {
            event = connection.poll() => event,
            () = forward.closed() => return,
        };
        let message = match event {
            Ok(Event::Incoming(Packet::Publish(publish))) => Ok(publish),
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        let ended = message.is_err();
        if forward.send(message).await.is_err() || ended {
            return;
        }
    }
}

/// What every connection begins with.
async fn greet(publisher: &Publisher, client: &AsyncClient) -> anyhow::Result<()> {
    client.subscribe(format!("powerpi/{}/+/recorded", publisher.site), QoS::AtLeastOnce).await?;
    client.subscribe(home_assistant::STATUS_TOPIC, QoS::AtMostOnce).await?;
    say_status(publisher, client, Status::Online).await?;
    for meter in &publisher.meters {
        say_info(meter, client).await?;
    }
    announce(publisher, client).await
}

async fn say_info(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let topic = Topic::Info(meter.meter.clone()).to_string();
    Ok(client.publish(topic, QoS::AtLeastOnce, true, meter.info().to_json()).await?)
}

async fn say_status(publisher: &Publisher, client: &AsyncClient, status: Status) -> anyhow::Result<()> {
    let topic = Topic::Status(publisher.site.clone()).to_string();
    Ok(client.publish(topic, QoS::AtLeastOnce, true, status.as_str()).await?)
}

async fn announce(publisher: &Publisher, client: &AsyncClient) -> anyhow::Result<()> {
    if !publisher.home_assistant {
        return Ok(());
    }
    for meter in &publisher.meters {
        let config = home_assistant::config(&meter.meter, &meter.info());
        client.publish(home_assistant::config_topic(&meter.meter), QoS::AtLeastOnce, true, config).await?;
    }
    Ok(())
}

/// Takes marks and Home Assistant's greeting until the connection ends. It
/// never publishes: that may have to wait for the connection, which would have
/// to wait for us.
async fn listen(
    publisher: &Publisher,
    events: &mut mpsc::Receiver<Incoming>,
    asked: &Notify,
) -> anyhow::Result<()> {
    loop {
        let message = events.recv().await.ok_or_else(|| anyhow!("the connection ended"))??;
        if message.topic == home_assistant::STATUS_TOPIC {
            if message.payload.as_ref() == b"online" {
                asked.notify_one();
            }
            continue;
        }
        let Ok(Topic::Recorded(meter)) = message.topic.parse() else { continue };
        let Some(meter) = publisher.meters.iter().find(|ours| ours.meter == meter) else { continue };
        match Mark::from_json(&message.payload) {
            Ok(mark) if mark.outbox != meter.outbox => {
                tracing::debug!(outbox = %mark.outbox, "a mark for another outbox");
            }
            Ok(mark) if is_old_copy(publisher, meter, &mark).await? => {
                tracing::warn!(meter = %meter.meter, mark.seq, "the mark names minutes that this outbox does not hold");
                let meter = meter.meter.meter.clone();
                let mut old_copies = publisher.old_copies.lock().unwrap_or_else(PoisonError::into_inner);
                old_copies.push(OldCopy { meter, mark });
                publisher.stop.cancel();
            }
            Ok(mark) => {
                meter.confirmed.send_replace(true);
                // Told even where it repeats: that is what it says then.
                meter.mark.send_replace(mark.seq);
                publisher
                    .keeper
                    .send(Command::Mark { meter: meter.place, seq: mark.seq })
                    .map_err(|_| anyhow!("the outbox's thread has stopped"))?;
            }
            Err(error) => tracing::warn!(topic = message.topic, %error, "unreadable mark"),
        }
    }
}

/// Compares a mark with what the outbox holds under its number.
async fn is_old_copy(publisher: &Publisher, meter: &Published, mark: &Mark) -> anyhow::Result<bool> {
    let gone = || anyhow!("the outbox's thread has stopped");
    let (reply, answer) = oneshot::channel();
    let (after, last_seq) = (mark.seq.saturating_sub(1), meter.extent.borrow().last_seq);
    let read = Command::Read { meter: meter.place, after, limit: 1, reply };
    publisher.keeper.send(read).map_err(|_| gone())?;
    let counts = answer.await.map_err(|_| gone())??;
    let row = counts.first().filter(|row| row.seq == mark.seq);
    // Without room on the disk nothing can begin anew: the mark comes again.
    Ok(meter.extent.borrow().writable && shows_old_copy(mark, row, last_seq))
}

/// Sends one meter's minutes, in order, from the mark on.
async fn deliver(
    client: AsyncClient,
    mut meter: Published,
    keeper: std::sync::mpsc::Sender<Command>,
) -> anyhow::Result<()> {
    let topic = Topic::Minute(meter.meter.clone()).to_string();
    // Numbers of an old copy must not be sent before the mark has shown it. Where
    // nobody marks anything, they are only waited for.
    let mut confirmed = meter.confirmed.subscribe();
    let _ = timeout(CONFIRMED_WITHIN, confirmed.wait_for(|confirmed| *confirmed)).await;
    let mut marks = meter.mark.subscribe();
    let mut delivery = Delivery::from_mark(*marks.borrow_and_update());
    let mut impatient_at = Instant::now() + PATIENCE;
    loop {
        let last_seq = meter.extent.borrow_and_update().last_seq;
        if marks.has_changed()? {
            delivery.mark(*marks.borrow_and_update());
        }
        if let Some((after, count)) = delivery.wanted(last_seq) {
            let (reply, answer) = oneshot::channel();
            let limit = count.min(READ) as usize;
            keeper
                .send(Command::Read { meter: meter.place, after, limit, reply })
                .map_err(|_| anyhow!("the outbox's thread has stopped"))?;
            let counts = answer.await.context("the outbox's thread has stopped")??;
            if counts.first().is_some_and(|first| first.seq > after + 1) {
                // What lies before was dropped since the info was said; nobody
                // shall wait for it.
                say_info(&meter, &client).await?;
            }
            for count in counts {
                client.publish(&topic, QoS::AtLeastOnce, false, count.to_json()).await?;
                delivery.sent(count.seq);
            }
            impatient_at = Instant::now() + PATIENCE;
            continue;
        }
        let (full, unanswered) = (delivery.is_full(last_seq), delivery.is_unanswered(last_seq));
        tokio::select! {
            changed = marks.changed() => {
                changed?;
                delivery.mark(*marks.borrow_and_update());
                impatient_at = Instant::now() + PATIENCE;
            }
            changed = meter.extent.changed() => changed?,
            () = sleep_until(impatient_at), if full => delivery.lose_patience(),
            () = sleep_until(impatient_at), if unanswered => delivery.send_again(),
        }
    }
}

/// Says what goes on now: `live` once a second, `state` every ten seconds,
/// `diag` once a minute; and what Home Assistant asks for.
async fn chat(publisher: &Publisher, client: &AsyncClient, asked: &Notify) -> anyhow::Result<()> {
    let every = |seconds| {
        let mut ticks = interval(Duration::from_secs(seconds));
        // What could not be said in time is not said afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    };
    let (mut live, mut state, mut diag) = (every(1), every(10), every(60));
    let mut writable = true;
    loop {
        tokio::select! {
            _ = live.tick() => {
                for meter in &publisher.meters { say_live(meter, client).await? }
                let now = publisher.meters.iter().all(|meter| meter.extent.borrow().writable);
                // A disk that fills up, or has room again, does not wait for its minute.
                if std::mem::replace(&mut writable, now) != now { diag.reset_immediately() }
            }
            _ = state.tick() => for meter in &publisher.meters { say_state(meter, client).await? },
            () = asked.notified() => announce(publisher, client).await?,
            _ = diag.tick() => for meter in &publisher.meters { say_diag(meter, client).await? },
        }
    }
}

async fn say_live(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let Reading { live, total, rate, .. } = *meter.reading.borrow();
    if live {
        let live = Live::new(meter.medium.unit(), now_to_the_second(), rate, total);
        let topic = Topic::Live(meter.meter.clone()).to_string();
        client.publish(topic, QoS::AtMostOnce, false, live.to_json()).await?;
    }
    Ok(())
}

async fn say_state(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let Reading { live, total, rate, .. } = *meter.reading.borrow();
    if live {
        let quantity = meter.constants.reading(total);
        let state = State::new(meter.medium.unit(), now_to_the_second(), rate, quantity, total);
        let topic = Topic::State(meter.meter.clone()).to_string();
        client.publish(topic, QoS::AtLeastOnce, true, state.to_json()).await?;
    }
    Ok(())
}

async fn say_diag(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let reading = meter.reading.borrow().clone();
    let ms = |nanoseconds: i64| (nanoseconds as f64 / 1e5).round() / 10.0;
    let diag = Diag {
        at: now_to_the_second(),
        rejected: reading.rejected,
        width_min_ms: reading.widths.map(|widths| ms(widths.min_ns)),
        width_mean_ms: reading.widths.map(|widths| ms(widths.sum_ns / i64::from(widths.pulses))),
        width_max_ms: reading.widths.map(|widths| ms(widths.max_ns)),
        lost_edges: reading.lost_edges,
        outbox_depth: meter.extent.borrow().last_seq.saturating_sub(*meter.mark.borrow()),
        outbox_writable: meter.extent.borrow().writable,
        clock: reading.clock.to_owned(),
    };
    let topic = Topic::Diag(meter.meter.clone()).to_string();
    Ok(client.publish(topic, QoS::AtMostOnce, true, diag.to_json()).await?)
}

fn now_to_the_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
