//! Looks at counters for people, beside the publisher: what is heard of each, and why nothing is.

use anyhow::anyhow;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::select_all;
use tokio_util::sync::CancellationToken;

use crate::settings::{MeterSettings, MeterSource, Settings};
use crate::totals::heard::Heard;
use crate::totals::listener::Listener;
use crate::totals::places::{Place, places};
use crate::totals::source::CounterSource;

/// What was heard and is not looked at yet.
const UNSEEN: usize = 64;

/// The meters of a publisher that are counters of others.
pub(crate) fn counters(settings: &Settings) -> Vec<(&MeterSettings, &CounterSource)> {
    let meters = settings.meter.iter();
    let counters = meters.filter_map(|meter| match &meter.source {
        MeterSource::Contact(_) => None,
        MeterSource::Counter(counter) => Some((meter, counter)),
    });
    counters.collect()
}

/// Hands each thing heard to `take`, with its counter's place among [`counters`], until `stop`. Returns how that went for
/// each of them. A place that fails cancels `failed` at once.
pub(crate) async fn look(
    settings: &Settings,
    stop: &CancellationToken,
    failed: &CancellationToken,
    mut take: impl FnMut(usize, Heard),
) -> Vec<anyhow::Result<()>> {
    let (listeners, heard): (Vec<Listener>, Vec<_>) = counters(settings)
        .into_iter()
        .map(|(_, counter)| {
            let (sender, heard) = flume::bounded(UNSEEN);
            (Listener { counter: counter.clone(), heard: sender }, heard)
        })
        .unzip();
    let places = places(&listeners);
    let hearing = join_all(places.iter().map(async |place: &Place<'_>| {
        let outcome = place.run_once(settings, stop).await;
        if outcome.is_err() {
            failed.cancel();
        }
        outcome
    }));
    let streams =
        heard.iter().enumerate().map(|(place, heard)| heard.stream().map(move |heard| (place, heard)));
    let mut all = select_all(streams);
    let taking = async {
        while let Some((place, heard)) = all.next().await {
            take(place, heard);
        }
    };
    let outcomes = tokio::select! {
        outcomes = hearing => outcomes,
        // The listeners are here, so they are not gone.
        () = taking => Vec::new(),
    };
    drop(all);
    for (place, heard) in heard.iter().enumerate() {
        heard.try_iter().for_each(|heard| take(place, heard));
    }
    listeners.iter().map(|listener| outcome_of(listener, &places, &outcomes)).collect()
}

fn outcome_of(
    listener: &Listener,
    places: &[Place<'_>],
    outcomes: &[anyhow::Result<()>],
) -> anyhow::Result<()> {
    let mut all = places.iter().zip(outcomes);
    let is_here = |place: &Place<'_>| place.listeners().iter().any(|other| std::ptr::eq(*other, listener));
    match all.find(|(place, _)| is_here(place)) {
        Some((_, Err(error))) => Err(anyhow!("{error:#}")),
        _ => Ok(()),
    }
}
