//! From who saves a version of the site's settings to who takes it over, and back: somebody waits in front of a page.

use std::time::Duration;

use tokio::sync::{Notify, watch};

/// How long a page waits until what was saved holds.
const WITHIN: Duration = Duration::from_secs(2);

/// The version that holds, and the word that there is a newer one.
#[derive(Debug)]
pub(crate) struct SavedVersions {
    one: Notify,
    holds: watch::Sender<u64>,
}

impl Default for SavedVersions {
    fn default() -> Self {
        Self { one: Notify::new(), holds: watch::Sender::new(0) }
    }
}

impl SavedVersions {
    /// Says that a version was saved, and waits until it holds, but not for long: it will.
    pub(crate) async fn taken_over(&self, number: u64) {
        let mut holds = self.holds.subscribe();
        self.one.notify_one();
        let _in_time = tokio::time::timeout(WITHIN, holds.wait_for(|holds| *holds >= number)).await;
    }

    /// Waits until one was saved here.
    pub(crate) async fn one_was_saved(&self) {
        self.one.notified().await;
    }

    /// This one holds from now on.
    pub(crate) fn hold(&self, number: u64) {
        self.holds.send_replace(number);
    }
}
