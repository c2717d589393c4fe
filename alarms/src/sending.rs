//! Sends the notices queued for one way, in order, retrying each until it succeeds.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio_util::sync::CancellationToken;

use crate::notice::Notice;
use crate::record::Way;
use crate::watching::Watch;

/// The first and the longest pause between two tries.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// Until it is asked again whether this program may send.
const PAUSE_TO_ASK: Duration = Duration::from_secs(1);

/// Sends until `shutdown`.
pub async fn run(
    way: &Way,
    watch: &Watch,
    shutdown: &CancellationToken,
    send: impl AsyncFn(&Notice) -> anyhow::Result<()>,
) {
    let mut pauses = pauses();
    loop {
        let turned = watch.turned();
        let pause = match watch.unsent(way) {
            None => None,
            Some(_) if !watch.may_tell().await => Some(PAUSE_TO_ASK),
            Some(notice) => match send(&notice).await {
                Ok(()) => {
                    tracing::info!(%way, alarm = notice.alarm, "sent");
                    watch.sent(way, &notice).await;
                    pauses = self::pauses();
                    continue;
                }
                Err(error) => {
                    let pause = pauses.next().unwrap_or(PAUSE.1);
                    tracing::warn!(%way, "not sent: {error:#}; next try in {:.0} s", pause.as_secs_f64());
                    Some(pause)
                }
            },
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = turned, if pause.is_none() => {}
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(PAUSE.0)
        .with_max_delay(PAUSE.1)
        .without_max_times()
        .build()
}
