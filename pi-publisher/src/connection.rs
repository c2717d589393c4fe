//! From the outbox to the broker: what is said over a connection.
//!
//! Each connection begins afresh: what was on its way when the last one broke is in the outbox,
//! and the mark tells from where on to send it again.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use daemon_runtime::{Connection, LogPace, MqttSession};
use jiff::Timestamp;
use meter_messages::{Diag, Live, Mark, Meter, State, Status, Topic};
use rumqttc::{AsyncClient, LastWill, Packet, QoS, SubscribeReasonCode};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::counting::CurrentValues;
use crate::delivery::Delivery;
use crate::home_assistant;
use crate::mark_silence::MarkSilence;
use crate::old_copy::{Verdict, judge};
use crate::outbox::numbered;
use crate::outbox_keeper::{Command, Extent};
use crate::publisher::{Published, Publisher};

/// Unacknowledged QoS 1 messages at a time.
const IN_FLIGHT: u16 = 500;

/// Minutes read from the outbox at a time.
const READ: u64 = 1000;

/// How long a full window waits for a mark before sending goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long minutes that are sent wait for a mark before they are sent again. A recorder asks earlier, where
/// later minutes show it the gap.
const SEND_AGAIN_AFTER: Duration = Duration::from_secs(40);

/// How often a meter's `info` is said again, for brokers that do not keep it.
const INFO_EVERY_S: u64 = 3600;

/// How long the first mark since the start is waited for before minutes are sent.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(3);

/// Publishes everything there is and all that comes, until `shutdown`.
pub(crate) async fn run(publisher: &Publisher, shutdown: &CancellationToken) {
    let offline = LastWill::new(status_topic(publisher), Status::Offline.as_str(), QoS::AtLeastOnce, true);
    let session = MqttSession {
        in_flight: IN_FLIGHT,
        room: IN_FLIGHT.into(),
        subscriptions: vec![
            (marks_of(publisher), QoS::AtLeastOnce),
            (home_assistant::STATUS_TOPIC.to_owned(), QoS::AtMostOnce),
        ],
        last_words: Some(offline),
        connected: publisher.connected.clone(),
        ..MqttSession::new(&publisher.mqtt, &client_id(publisher))
    };
    session.run(shutdown, async |connection| serve(publisher, connection).await).await;
}

/// The same after a restart, so that the broker ends what is left of the connection before; another one for another
/// publisher of the site, so that they do not end each other's.
fn client_id(publisher: &Publisher) -> String {
    let outbox = publisher.meters.first().map(|meter| format!("-{}", meter.outbox));
    format!("powerpi-{}{}", publisher.site, outbox.unwrap_or_default())
}

/// One connection, up to its end.
async fn serve(publisher: &Publisher, connection: &mut Connection) -> anyhow::Result<()> {
    let client = connection.client.clone();
    greet(publisher, &client).await?;
    let (mut deliveries, mut marks) = (JoinSet::new(), Vec::new());
    for meter in &publisher.meters {
        let (sender, receiver) = mpsc::unbounded_channel();
        marks.push(sender);
        deliveries.spawn(deliver(client.clone(), meter.clone(), receiver, publisher.keeper.clone()));
    }
    let asked = Asked::default();
    tokio::select! {
        Some(ended) = deliveries.join_next() => ended.context("a meter's delivery")?,
        ended = chat(publisher, &client, &asked) => ended,
        ended = listen(publisher, connection, &marks, &asked) => ended,
    }
}

/// What those who listen and those who speak know of each other.
#[derive(Debug, Default)]
struct Asked {
    /// Home Assistant has begun: it is told of the meters once more.
    for_meters: Notify,
    /// A mark has come that was said just now.
    is_marked: AtomicBool,
    /// Marks were asked for: those that are retained come once more.
    for_marks: AtomicBool,
    /// The broker has refused a subscription.
    is_refused: AtomicBool,
}

/// The filter of all marks of this publisher's meters.
fn marks_of(publisher: &Publisher) -> String {
    format!("powerpi/{}/+/recorded", publisher.site)
}

/// Subscribes to marks as if for the first time, if for too long none has come.
async fn ask_for_marks(
    publisher: &Publisher,
    client: &AsyncClient,
    silence: &mut MarkSilence,
    asked: &Asked,
) -> anyhow::Result<()> {
    let is_waited_for = |meter: &Published| meter.extent.borrow().last_seq > *meter.mark.borrow();
    let was_heard = asked.is_marked.swap(false, Ordering::Relaxed);
    // One that was there from the beginning is asked for by the connection itself.
    if asked.is_refused.swap(false, Ordering::Relaxed) && asked.for_marks.load(Ordering::Relaxed) {
        silence.refused(Instant::now());
    }
    if silence.is_due(Instant::now(), was_heard, publisher.meters.iter().any(is_waited_for)) {
        tracing::debug!("no mark has come for what is sent; marks are asked for");
        asked.for_marks.store(true, Ordering::Relaxed);
        client.unsubscribe(marks_of(publisher)).await?;
        client.subscribe(marks_of(publisher), QoS::AtLeastOnce).await?;
    }
    Ok(())
}

/// What every connection begins with.
async fn greet(publisher: &Publisher, client: &AsyncClient) -> anyhow::Result<()> {
    client.publish(status_topic(publisher), QoS::AtLeastOnce, true, Status::Online.as_str()).await?;
    for meter in &publisher.meters {
        say_info(meter, client).await?;
    }
    clear_former(publisher, client).await?;
    clear_removed(publisher, client).await?;
    announce(publisher, client).await
}

/// Takes back what looks as if a meter that is no longer in the settings were still counted (its `info` stays: it says
/// what its minutes mean), and announcements that do not hold any more.
async fn clear_removed(publisher: &Publisher, client: &AsyncClient) -> anyhow::Result<()> {
    let of_removed = publisher
        .removed
        .iter()
        .flat_map(|meter| [Topic::State(meter.clone()).to_string(), Topic::Diag(meter.clone()).to_string()]);
    let announcements = publisher.withdrawn.iter().flat_map(|meter| {
        let former = home_assistant::former_config_topic(meter);
        former.into_iter().chain([home_assistant::config_topic(meter)])
    });
    for topic in of_removed.chain(announcements) {
        client.publish(topic, QoS::AtLeastOnce, true, Vec::new()).await?;
    }
    Ok(())
}

/// Takes back what was announced under a name that is not used any more.
async fn clear_former(publisher: &Publisher, client: &AsyncClient) -> anyhow::Result<()> {
    let meters = publisher.meters.iter().filter(|_| publisher.home_assistant);
    for former in meters.filter_map(|meter| home_assistant::former_config_topic(&meter.meter)) {
        client.publish(former, QoS::AtLeastOnce, true, Vec::new()).await?;
    }
    Ok(())
}

async fn say_info(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let topic = Topic::Info(meter.meter.clone()).to_string();
    Ok(client.publish(topic, QoS::AtLeastOnce, true, meter.info().to_json()).await?)
}

fn status_topic(publisher: &Publisher) -> String {
    Topic::Status(publisher.site.clone()).to_string()
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
    connection: &mut Connection,
    marks: &[UnboundedSender<Mark>],
    asked: &Asked,
) -> anyhow::Result<()> {
    let mut newest: Vec<Option<Mark>> = vec![None; publisher.meters.len()];
    loop {
        let message = match connection.next().await? {
            Packet::Publish(message) => message,
            Packet::SubAck(ack) if ack.return_codes.contains(&SubscribeReasonCode::Failure) => {
                asked.is_refused.store(true, Ordering::Relaxed);
                continue;
            }
            _ => continue,
        };
        if message.topic == home_assistant::STATUS_TOPIC {
            if message.payload.as_ref() == b"online" {
                asked.for_meters.notify_one();
            }
            continue;
        }
        let Ok(Topic::Recorded(meter)) = message.topic.parse() else { continue };
        let Some(meter) = publisher.meters.iter().find(|ours| ours.meter == meter) else { continue };
        match Mark::from_json(&message.payload) {
            Ok(mark) if mark.outbox != meter.outbox => {
                tracing::debug!(outbox = %mark.outbox, "a mark for another outbox");
            }
            Ok(mark) => {
                if mark.rival {
                    warn_of_rival(&meter.meter);
                }
                let is_new = newest[meter.place].replace(mark.clone()).is_none_or(|before| before != mark);
                if !message.retain {
                    asked.is_marked.store(true, Ordering::Relaxed);
                } else if !is_new && asked.for_marks.load(Ordering::Relaxed) {
                    // It was taken when it was said: nobody asks for anything by it now.
                    continue;
                }
                hear(publisher, meter, mark, &marks[meter.place]).await?;
            }
            Err(error) => {
                static PACE: LogPace = LogPace::new();
                if let Some(left_out) = PACE.due() {
                    tracing::warn!(meter = %meter.meter, %error, left_out, "unreadable mark");
                }
            }
        }
    }
}

/// Both are recorded: the reading and all sums are those of two meters.
fn warn_of_rival(meter: &Meter) {
    static PACE: LogPace = LogPace::new();
    if let Some(left_out) = PACE.due() {
        tracing::error!(%meter, left_out, "another publisher counts under the name of this meter; both are added up: give one of them another site or id");
    }
}

/// Hands a mark on to the meter's delivery, unless it shows that the outbox is an old copy.
async fn hear(
    publisher: &Publisher,
    meter: &Published,
    mark: Mark,
    delivery: &UnboundedSender<Mark>,
) -> anyhow::Result<()> {
    match compare(publisher, meter, &mark).await? {
        Verdict::Own => {
            meter.confirmed.send_replace(true);
            meter.mark.send_replace(mark.seq);
            meter.recorded_until.send_replace(mark.minute);
            publisher
                .keeper
                .send(Command::Mark { meter: meter.place, seq: mark.seq })
                .map_err(|_| anyhow!("the outbox's thread has stopped"))?;
            delivery.send(mark).context("a meter's delivery has stopped")?;
        }
        Verdict::OldCopy => {
            tracing::warn!(meter = %meter.meter, mark.seq, "the mark names minutes that this outbox does not hold");
            let meter = meter.meter.meter.clone();
            let mut old_copies = publisher.old_copies.lock().unwrap_or_else(PoisonError::into_inner);
            old_copies.push(meter);
            publisher.stop.cancel();
        }
        Verdict::Later => {
            tracing::debug!(meter = %meter.meter, mark.seq, "a mark of other minutes, while the disk is full");
        }
    }
    Ok(())
}

/// Compares a mark with what the outbox holds under its number.
async fn compare(publisher: &Publisher, meter: &Published, mark: &Mark) -> anyhow::Result<Verdict> {
    let gone = || anyhow!("the outbox's thread has stopped");
    let (reply, answer) = oneshot::channel();
    let (after, last_seq) = (mark.seq.saturating_sub(1), meter.extent.borrow().last_seq);
    let read = Command::Read { meter: meter.place, after, limit: 1, reply };
    publisher.keeper.send(read).map_err(|_| gone())?;
    let counts = answer.await.map_err(|_| gone())??;
    let row = counts.first().map(|kept| &kept.count).filter(|row| row.seq == mark.seq);
    Ok(judge(mark, row, last_seq, meter.extent.borrow().writable))
}

/// Sends one meter's minutes, in order, from the mark on, and what the recorder misses.
async fn deliver(
    client: AsyncClient,
    mut meter: Published,
    mut marks: UnboundedReceiver<Mark>,
    keeper: flume::Sender<Command>,
) -> anyhow::Result<()> {
    // Numbers of an old copy must not be sent before the mark has shown it. Where
    // nobody marks anything, they are only waited for.
    let mut confirmed = meter.confirmed.subscribe();
    let _ = timeout(CONFIRMED_WITHIN, confirmed.wait_for(|confirmed| *confirmed)).await;
    let mut delivery = Delivery::from_mark(*meter.mark.borrow());
    let mut sent_at = Instant::now();
    loop {
        let last_seq = meter.extent.borrow_and_update().last_seq;
        while let Ok(mark) = marks.try_recv() {
            take_mark(&mut delivery, &mark, &meter, &client).await?;
        }
        if let Some((after, count)) = delivery.wanted(last_seq) {
            send(&mut delivery, (after, count), &meter, &client, &keeper).await?;
            sent_at = Instant::now();
            continue;
        }
        let (full, unanswered) = (delivery.is_full(last_seq), delivery.is_unanswered(last_seq));
        tokio::select! {
            mark = marks.recv() => {
                take_mark(&mut delivery, &mark.context("the connection has ended")?, &meter, &client).await?;
                sent_at = Instant::now();
            }
            changed = meter.extent.changed() => changed?,
            () = sleep_until(sent_at + PATIENCE), if full => delivery.lose_patience(),
            () = sleep_until(sent_at + SEND_AGAIN_AFTER), if unanswered => delivery.send_again(),
        }
    }
}

async fn take_mark(
    delivery: &mut Delivery,
    mark: &Mark,
    meter: &Published,
    client: &AsyncClient,
) -> anyhow::Result<()> {
    let Extent { oldest_seq, last_seq, .. } = *meter.extent.borrow();
    delivery.take(mark, (oldest_seq, last_seq));
    if mark.seq == 0 {
        // The recorder may not know the meter.
        say_info(meter, client).await?;
    }
    Ok(())
}

/// Sends some of the minutes that are wanted: after a number, and how many at most.
async fn send(
    delivery: &mut Delivery,
    (after, count): (u64, u64),
    meter: &Published,
    client: &AsyncClient,
    keeper: &flume::Sender<Command>,
) -> anyhow::Result<()> {
    let topic = Topic::Minute(meter.meter.clone()).to_string();
    let (reply, answer) = oneshot::channel();
    let limit = count.min(READ);
    // The one before them, too: they say how long ago it was.
    let from_before = Command::Read {
        meter: meter.place,
        after: after.saturating_sub(1),
        limit: limit as usize + usize::from(after > 0),
        reply,
    };
    keeper.send(from_before).map_err(|_| anyhow!("the outbox's thread has stopped"))?;
    let mut counts = answer.await.context("the outbox's thread has stopped")??;
    let before = counts.first().copied().filter(|first| first.count.seq <= after);
    counts.retain(|found| found.count.seq > after);
    counts.truncate(limit as usize);
    if counts.first().is_some_and(|first| first.count.seq > after + 1) {
        // What lies before was dropped since the info was said; nobody
        // shall wait for it.
        say_info(meter, client).await?;
    }
    counts.retain(|found| found.count.seq <= after + count);
    // Fewer than asked for: the others are no longer there.
    let is_short =
        (counts.len() as u64) < limit && counts.last().is_none_or(|last| last.count.seq < after + count);
    for minute in numbered(&meter.outbox, before, &counts) {
        client.publish(&topic, QoS::AtLeastOnce, false, minute.to_json()).await?;
        delivery.sent(minute.count.seq);
    }
    if is_short {
        delivery.sent(after + count);
    }
    Ok(())
}

/// Says what goes on now: `live` once a second, `state` every ten seconds,
/// `diag` once a minute, `info` every hour; and what Home Assistant asks for.
async fn chat(publisher: &Publisher, client: &AsyncClient, asked: &Asked) -> anyhow::Result<()> {
    let every = |seconds| {
        let mut ticks = interval(Duration::from_secs(seconds));
        // What could not be said in time is not said afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    };
    let (mut live, mut state, mut diag, mut info) = (every(1), every(10), every(60), every(INFO_EVERY_S));
    // It was said when the connection began.
    info.reset();
    let all_live = || publisher.meters.iter().all(|meter| meter.reading.borrow().live);
    let (mut writable, mut were_live) = (true, all_live());
    let mut silence = MarkSilence::new(Instant::now());
    loop {
        tokio::select! {
            _ = live.tick() => {
                for meter in &publisher.meters { say_live(meter, client).await? }
                let now = publisher.meters.iter().all(|meter| meter.extent.borrow().writable);
                // A disk that fills up, or has room again, does not wait for its minute.
                if std::mem::replace(&mut writable, now) != now { diag.reset_immediately() }
                // Nor does the state of a meter that has caught up.
                let now = all_live();
                if !std::mem::replace(&mut were_live, now) && now { state.reset_immediately() }
                ask_for_marks(publisher, client, &mut silence, asked).await?;
            }
            _ = state.tick() => for meter in &publisher.meters { say_state(meter, client).await? },
            () = asked.for_meters.notified() => announce(publisher, client).await?,
            _ = info.tick() => for meter in &publisher.meters { say_info(meter, client).await? },
            _ = diag.tick() => for meter in &publisher.meters { say_diag(meter, client).await? },
        }
    }
}

async fn say_live(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let CurrentValues { live, total, rate, .. } = *meter.reading.borrow();
    if live {
        let live = Live::new(meter.medium.unit(), now_to_the_second(), rate, total);
        let topic = Topic::Live(meter.meter.clone()).to_string();
        client.publish(topic, QoS::AtMostOnce, false, live.to_json()).await?;
    }
    Ok(())
}

async fn say_state(meter: &Published, client: &AsyncClient) -> anyhow::Result<()> {
    let CurrentValues { live, total, rate, .. } = *meter.reading.borrow();
    if live {
        let (unit, quantity) = (meter.medium.unit(), meter.constants.quantity(total));
        let shown = meter.readings.shown(total, &meter.constants);
        let state = State::new(unit, now_to_the_second(), rate, quantity, total).with_reading(unit, shown);
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
        broken: reading.broken.map(|broken| broken.how),
        broken_at: reading.broken.and_then(|broken| Timestamp::from_second(broken.at_s).ok()),
    };
    let topic = Topic::Diag(meter.meter.clone()).to_string();
    Ok(client.publish(topic, QoS::AtMostOnce, true, diag.to_json()).await?)
}

fn now_to_the_second() -> Timestamp {
    let now = daemon_runtime::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}
