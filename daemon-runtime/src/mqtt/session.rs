//! One connection after the other, with a pause between them.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// A connection that lasted this long was a good one: the next try is soon.
const GOOD_AFTER: Duration = Duration::from_secs(30);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs `connection` again and again until it ends with `Ok`, or `shutdown`.
/// Pauses grow from 0.2 s to 30 s, with jitter, so that a broker that comes
/// back is not met by everybody at once.
pub async fn reconnect(
    peer: &str,
    shutdown: &CancellationToken,
    mut connection: impl AsyncFnMut() -> anyhow::Result<()>,
) {
    let mut pauses = pauses();
    while !shutdown.is_cancelled() {
        let began = Instant::now();
        let Err(error) = connection().await else { return };
        if began.elapsed() > GOOD_AFTER {
            pauses = self::pauses();
        }
        let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
        tracing::warn!("{peer}: {error:#}; next try in {:.1} s", pause.as_secs_f64());
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = sleep(pause) => {}
        }
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(2.0)
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_below_twice_the_longest() {
        let pauses: Vec<Duration> = pauses().take(100).collect();
        assert!(pauses[0] < Duration::from_millis(500));
        assert!(pauses[20..].iter().all(|pause| (LONGEST_PAUSE..=2 * LONGEST_PAUSE).contains(pause)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_tries_until_it_succeeds() {
        let mut tries = 0;
        reconnect("peer", &CancellationToken::new(), async || {
            tries += 1;
            if tries < 5 { Err(anyhow::anyhow!("away")) } else { Ok(()) }
        })
        .await;
        assert_eq!(tries, 5);
    }
}
