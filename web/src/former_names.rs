//! Meters that were renamed, or merged into others: what their publishers say under the old names is theirs.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::current::CurrentSite;
use crate::live::values::LiveValues;

/// How often the ledger is asked.
const EVERY: Duration = Duration::from_secs(10);

/// Follows the ledger until `shutdown`.
pub(crate) async fn follow(current: &CurrentSite, live: &LiveValues, shutdown: &CancellationToken) {
    while !shutdown.is_cancelled() {
        // Without a ledger nothing is called otherwise.
        if let Ok(former) = current.get().ledger.ask(|ledger| ledger.former_names()).await {
            live.rename(former);
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
