//! Shows the progress of the history: the recorder's marks tell how much of it
//! is on disk.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use daemon_runtime::{MqttSession, MqttSettings};
use jiff::Timestamp;
use meter_messages::{Mark, Meter, Minute, Topic};
use rumqttc::QoS;
use tokio::time::Instant;

use crate::progress;

/// The history counts as complete when the mark is this close to now.
const MINUTES_BEHIND: i64 = 2;

/// Without a mark for this long, something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Meters whose history comes in.
struct Histories<'asked> {
    /// Each with the last minute of its history; `None` for now.
    meters: &'asked [(Meter, Option<Minute>)],
    /// The first minute, since 1970.
    first: i64,
    recorded: HashMap<Meter, Recorded>,
}

/// How far a meter's history has come.
#[derive(Debug, Clone, Copy, Default)]
struct Recorded {
    /// How many minutes were there when it was first heard of.
    before: Option<i64>,
    minute: Option<Minute>,
}

impl Histories<'_> {
    fn take(&mut self, meter: Meter, mark: &Mark, was_said_before: bool) {
        let before = if was_said_before { self.since_first(mark.minute) } else { 0 };
        let recorded = self.recorded.entry(meter).or_default();
        recorded.before.get_or_insert(before);
        recorded.minute = recorded.minute.max(mark.minute);
    }

    /// How many minutes there are up to one. Their numbers do not say it: what was written at once has others.
    fn since_first(&self, last: Option<Minute>) -> i64 {
        last.map_or(0, |last| (last.epoch_minutes() + 1 - self.first).max(0))
    }

    /// How many minutes of each meter have come, and how many there will be.
    fn progress(&self) -> impl Iterator<Item = (i64, i64)> {
        let now = daemon_runtime::now().as_second() / Minute::SECONDS - MINUTES_BEHIND;
        self.meters.iter().map(move |(meter, until)| {
            let come = self.since_first(self.recorded.get(meter).and_then(|recorded| recorded.minute));
            (come, self.since_first(Some(until.unwrap_or_else(|| Minute::nearest(now)))))
        })
    }

    fn is_complete(&self) -> bool {
        let mut meters = self.meters.iter().zip(self.progress());
        meters.all(|((meter, _), (come, all))| come >= all && self.recorded.contains_key(meter))
    }

    /// How many minutes came.
    fn minutes(&self) -> i64 {
        self.recorded.values().map(|it| self.since_first(it.minute) - it.before.unwrap_or_default()).sum()
    }
}

/// Waits until everything of some meters is recorded from `from` on; returns how many minutes came while it watched,
/// and how long that took.
pub(crate) async fn watch(
    broker: SocketAddr,
    meters: &[(Meter, Option<Minute>)],
    from: Timestamp,
) -> anyhow::Result<(i64, Duration)> {
    let settings = MqttSettings {
        host: Some(broker.ip().to_string()),
        port: Some(broker.port()),
        ..MqttSettings::default()
    };
    let topic = |(meter, _): &(Meter, _)| (Topic::Recorded(meter.clone()).to_string(), QoS::AtMostOnce);
    let session = MqttSession {
        subscriptions: meters.iter().map(topic).collect(),
        ..MqttSession::new(&settings, "powerpi-demo")
    };
    let mut connection = session.connect().await?;
    let first = Minute::containing(from.as_second())?.epoch_minutes();
    let mut histories = Histories { meters, first, recorded: HashMap::new() };
    let bar = progress::bar(0, "history {bar} {pos}/{len} minutes, {per_sec}, {eta} left");
    let began = Instant::now();
    let mut deadline = began + PATIENCE;
    while !histories.is_complete() {
        let Ok(message) = tokio::time::timeout_at(deadline, connection.message()).await else {
            bail!("nothing was recorded for {PATIENCE:?}; see powerpi-recorder.log and pi-publisher.log");
        };
        let message = message?;
        let topic = message.topic.parse();
        let (Ok(Topic::Recorded(meter)), Ok(mark)) = (topic, Mark::from_json(&message.payload)) else {
            continue;
        };
        deadline = Instant::now() + PATIENCE;
        histories.take(meter, &mark, message.retain);
        let (come, all) = histories.progress().fold((0, 0), |sum, of| (sum.0 + of.0.min(of.1), sum.1 + of.1));
        bar.set_length(all.unsigned_abs());
        bar.set_position(come.unsigned_abs());
    }
    bar.finish_and_clear();
    connection.close(None).await;
    Ok((histories.minutes(), began.elapsed()))
}
