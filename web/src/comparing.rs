//! Tells in the log what of the settings fits no meter that there is.

use std::time::Duration;

use daemon_runtime::UnknownName;
use tokio_util::sync::CancellationToken;

use crate::answers::Site;
use crate::current::CurrentSite;

/// A meter that is new, or was taken out, changes what fits.
const EVERY: Duration = Duration::from_secs(600);

/// Names that are told in the log at once.
const MOST_TOLD: usize = 20;

/// Compares until `shutdown`: at once, and from time to time. Each thing is told once.
pub(crate) async fn compare(current: &CurrentSite, shutdown: &CancellationToken) {
    let mut told: Vec<UnknownName> = Vec::new();
    while !shutdown.is_cancelled() {
        told = compare_once(&current.get(), told).await;
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What is unknown now; what was not told yet is told.
async fn compare_once(site: &Site, told: Vec<UnknownName>) -> Vec<UnknownName> {
    // Says what does not fit together.
    let is_there = site.ledger.house().await.is_ok_and(|house| !house.meters().is_empty());
    // Before the first meter every name is unknown.
    if !is_there {
        return told;
    }
    let Ok(known) = site.ledger.ask(|ledger| ledger.names()).await else { return told };
    let unknown = site.names.unknown(&known);
    for new in unknown.iter().filter(|unknown| !told.contains(unknown)).take(MOST_TOLD) {
        tracing::warn!("settings: {new}");
    }
    unknown
}
