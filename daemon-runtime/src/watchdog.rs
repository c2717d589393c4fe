//! Tells systemd that the program goes on: only while it does.

use tokio::time::interval;

use crate::owner::{failure, hanging};

/// Says so as often as systemd wants to hear it (`WatchdogSec`), as long as the async runtime's
/// threads and every [`Owner`](crate::Owner) go on. Never returns.
pub(crate) async fn feed() {
    let Some(patience) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = interval(patience / 3);
    let mut complained = false;
    loop {
        ticks.tick().await;
        // A worker has to take it: where all of them are stuck, so is this.
        let _ = tokio::spawn(async {}).await;
        if let Some(owner) = hanging(patience) {
            if !std::mem::replace(&mut complained, true) {
                tracing::error!(
                    "the thread {owner:?} has not answered for {patience:?}; systemd ends the program"
                );
            }
            continue;
        }
        complained = false;
        if failure::has_failed() {
            continue;
        }
        if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]) {
            tracing::warn!(%error, "could not tell systemd's watchdog that the program goes on");
        }
    }
}
