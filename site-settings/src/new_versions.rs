//! Tells of versions that were saved while a program runs.

use std::time::Duration;

use crate::store::Store;

/// How often the folder is looked at: somebody waits in front of a page.
const EVERY: Duration = Duration::from_secs(1);

/// A store, and the newest version that was seen in it.
#[derive(Debug)]
pub struct NewVersions {
    store: Store,
    seen: u64,
}

impl NewVersions {
    /// Those after one that was taken over; 0 for none.
    pub fn after(store: Store, seen: u64) -> Self {
        Self { store, seen }
    }

    /// Waits until the newest version is another one.
    pub async fn next(&mut self) {
        loop {
            let store = self.store.clone();
            let newest = tokio::task::spawn_blocking(move || store.newest()).await;
            // What cannot be read has been told when it was to be taken over.
            if let Ok(Ok(newest)) = newest
                && newest != self.seen
            {
                self.seen = newest;
                return;
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
