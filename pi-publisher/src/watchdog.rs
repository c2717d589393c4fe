//! Feeds systemd's watchdog, only while counting goes on.

use tokio::sync::watch;
use tokio::time::interval;

use crate::counting::Reading;

/// Feeds the watchdog as often as systemd asks, as long as every meter's thread has
/// read its line since the last time. Never returns.
pub(crate) async fn watch_over(mut readings: Vec<watch::Receiver<Reading>>) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return std::future::pending().await };
    let mut ticks = interval(patience / 3);
    loop {
        ticks.tick().await;
        let all_alive = readings.iter().all(|reading| reading.has_changed().unwrap_or(false));
        if !all_alive {
            continue;
        }
        readings.iter_mut().for_each(|reading| drop(reading.borrow_and_update()));
        if let Err(error) = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]) {
            tracing::warn!(%error, "could not notify systemd's watchdog");
        }
    }
}
