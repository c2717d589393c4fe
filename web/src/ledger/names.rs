//! Tells in the log what of the settings fits no meter that there is.

use std::time::Duration;

use daemon_runtime::UnknownName;
use tokio_util::sync::CancellationToken;

use crate::ledger::reader::LedgerReader;
use crate::settings::names::SettingNames;

/// A meter that is new, or was taken out, changes what fits.
const EVERY: Duration = Duration::from_secs(600);

/// Names that are told in the log at once.
const MOST_TOLD: usize = 20;

/// Compares until `shutdown`: at once, and from time to time. Each thing is told once.
pub(crate) async fn compare(names: SettingNames, ledger: LedgerReader, shutdown: CancellationToken) {
    let mut told: Vec<UnknownName> = Vec::new();
    while !shutdown.is_cancelled() {
        // Says what does not fit together.
        let is_there = ledger.house().await.is_ok_and(|house| !house.meters().is_empty());
        // Before the first meter every name is unknown.
        if is_there && let Ok(known) = ledger.ask(|ledger| ledger.names()).await {
            let unknown = names.unknown(&known);
            for new in unknown.iter().filter(|unknown| !told.contains(unknown)).take(MOST_TOLD) {
                tracing::warn!("settings: {new}");
            }
            told = unknown;
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
