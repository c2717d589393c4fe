//! Server-sent events: a meter's state on connect and once a minute, and each
//! new value in between.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use meter_messages::Meter;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use web_http::BasePath;
use web_http::reply::{self, Reply};

use crate::api::states::{PresenceState, meter_state};
use crate::ledger::reader::LedgerReader;
use crate::live::values::{News, Presence};

/// Seconds into a minute at which the last one is surely recorded.
const SETTLED_S: i64 = 6;

/// A sign of life for proxies and browsers where nothing happens.
const SILENCE: Duration = Duration::from_secs(20);

/// Seconds over which browsers are told of a new minute, one after the other: they
/// all ask for the page then.
const SPREAD_MS: u64 = 3_000;

/// A word that the page has changed.
const MINUTE: &[u8] = b"event: minute\ndata: {}\n\n";

/// Time between two words that something failed or is well again.
const TURNS_APART: Duration = Duration::from_secs(2);

/// The value of now of a meter.
#[derive(Serialize)]
struct ValueOfNow {
    meter: String,
    #[serde(flatten)]
    presence: PresenceState,
}

/// `/api/v1/live`: the values of meters as they come, each with its meter, and
/// once a minute the word that the page has changed.
pub(crate) fn of_all(
    watched: Vec<(Meter, watch::Receiver<News>)>,
    turns: watch::Receiver<u64>,
    shutdown: CancellationToken,
) -> Reply {
    let values = watched.into_iter().map(|(meter, receiver)| {
        let next = |(meter, mut receiver, begun): (Meter, watch::Receiver<News>, bool)| async move {
            if begun {
                receiver.changed().await.ok()?;
            }
            let put = |presence: &Presence| live_event(&meter, presence);
            let event = match &*receiver.borrow_and_update() {
                news if begun => news.event(put),
                // What was fresh when it was put into words need not be any more.
                news => put(&news.presence),
            };
            Some((event, (meter, receiver, true)))
        };
        Box::pin(stream::unfold((meter, receiver, false), next))
    });
    let minutes = stream::unfold((), |()| async {
        tokio::time::sleep(until_settled() + spread()).await;
        Some((Bytes::from_static(MINUTE), ()))
    });
    // And when something fails, or is well again; but not more often than this, however often that is.
    let turned = stream::unfold(turns, |mut turns| async {
        turns.changed().await.ok()?;
        tokio::time::sleep(TURNS_APART / 2 + spread() / 2).await;
        turns.mark_unchanged();
        Some((Bytes::from_static(MINUTE), turns))
    });
    // Also the sign of life where nothing else happens.
    let silence = stream::unfold((), |()| async {
        tokio::time::sleep(SILENCE).await;
        Some((Bytes::from_static(b":\n\n"), ()))
    });
    let rest = stream::select(Box::pin(minutes), stream::select(Box::pin(turned), Box::pin(silence)));
    let events = stream::select(stream::select_all(values), rest).take_until(shutdown.cancelled_owned());
    event_stream(events)
}

/// A pause that differs from browser to browser.
fn spread() -> Duration {
    static STREAMS: AtomicU64 = AtomicU64::new(0);
    // The golden section spreads them evenly, however many there are.
    let share = STREAMS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    Duration::from_millis((share * SPREAD_MS) >> 32)
}

fn event_stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    reply::event_stream(events.map(Ok::<_, Infallible>))
}

/// One browser's stream of events.
struct Watcher {
    meter: Meter,
    presence: watch::Receiver<News>,
    reader: LedgerReader,
    base_path: BasePath,
    shutdown: CancellationToken,
    /// When all is to be sent (again).
    due: Instant,
}

/// `/api/v1/meters/<site>/<meter>/live`: all on connect, then each new value,
/// and the figures once a minute. Who reads slowly gets the newest value next,
/// not all he missed.
pub(crate) fn events(
    meter: Meter,
    presence: watch::Receiver<News>,
    reader: LedgerReader,
    base_path: BasePath,
    shutdown: CancellationToken,
) -> Reply {
    let watcher = Watcher { meter, presence, reader, base_path, shutdown, due: Instant::now() };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((event, watcher))
    });
    event_stream(events)
}

impl Watcher {
    /// The next event; `None` when the server stops.
    async fn next(&mut self) -> Option<Bytes> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => None,
            () = tokio::time::sleep_until(self.due) => self.state().await,
            Ok(()) = self.presence.changed() => Some(self.now()),
            () = tokio::time::sleep(SILENCE) => Some(Bytes::from_static(b":\n\n")),
        }
    }

    async fn state(&mut self) -> Option<Bytes> {
        self.due = Instant::now() + until_settled();
        let figures = self.reader.figures(self.meter.clone()).await.ok()??;
        let presence = self.presence.borrow_and_update().presence.clone();
        Some(event("state", &meter_state(&figures, &presence, &self.reader, &self.base_path)))
    }

    fn now(&mut self) -> Bytes {
        self.presence.borrow_and_update().event(|presence| live_event(&self.meter, presence))
    }
}

/// The time until the minute that is over next is surely recorded.
fn until_settled() -> Duration {
    let into_minute = daemon_runtime::now().as_second().rem_euclid(60);
    Duration::from_secs(((SETTLED_S - into_minute - 1).rem_euclid(60) + 1) as u64)
}

fn live_event(meter: &Meter, presence: &Presence) -> Bytes {
    event("live", &ValueOfNow { meter: meter.to_string(), presence: presence.into() })
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    // Fails only for maps with keys that are not text; there are none here.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}
