//! Shows the progress of the history: the recorder's mark tells how much of it
//! is on disk.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use daemon_runtime::{MqttSession, MqttSettings};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use meter_messages::{Mark, Meter, Minute, Topic};
use rumqttc::QoS;
use tokio::time::Instant;

/// The history counts as complete when the mark is this close to now.
const MINUTES_BEHIND: i64 = 2;

/// Without a mark for this long, something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until everything from `from` until now is recorded; returns how many
/// minutes came while it watched, and how long that took.
pub(crate) async fn watch(
    broker: SocketAddr,
    meter: &Meter,
    from: Timestamp,
) -> anyhow::Result<(u64, Duration)> {
    let settings = MqttSettings {
        host: Some(broker.ip().to_string()),
        port: Some(broker.port()),
        ..MqttSettings::default()
    };
    let session = MqttSession {
        subscriptions: vec![(Topic::Recorded(meter.clone()).to_string(), QoS::AtMostOnce)],
        ..MqttSession::new(&settings, "powerpi-demo")
    };
    let mut connection = session.connect().await?;
    let first = Minute::containing(from.as_second())?.epoch_minutes();
    let bar = progress_bar();
    let (mut recorded_before, mut recorded) = (None, 0);
    let began = Instant::now();
    let mut deadline = began + PATIENCE;
    loop {
        let Ok(message) = tokio::time::timeout_at(deadline, connection.message()).await else {
            bail!("nothing was recorded for {PATIENCE:?}; see powerpi-recorder.log and pi-publisher.log");
        };
        let message = message?;
        let Ok(mark) = Mark::from_json(&message.payload) else { continue };
        deadline = Instant::now() + PATIENCE;
        recorded_before.get_or_insert(if message.retain { mark.seq } else { 0 });
        recorded = recorded.max(mark.seq);
        let Some(minute) = mark.minute else { continue };
        let now = daemon_runtime::now().as_second() / Minute::SECONDS;
        bar.set_length((now - first).unsigned_abs());
        bar.set_position((minute.epoch_minutes() + 1 - first).unsigned_abs());
        if minute.epoch_minutes() >= now - MINUTES_BEHIND {
            bar.finish_and_clear();
            connection.close(None).await;
            return Ok((recorded - recorded_before.unwrap_or(0), began.elapsed()));
        }
    }
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    // No progress bar in a file or pipe.
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = "history {wide_bar:.green/dim} {pos}/{len} minutes, {per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}
