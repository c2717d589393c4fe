//! Which owners go on, and which hang.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Every owner of this process, until its thread has ended.
static OWNERS: Mutex<Vec<Weak<Owned>>> = Mutex::new(Vec::new());

/// Says for an owner that it goes on.
#[derive(Debug)]
pub struct Alive {
    owned: Arc<Owned>,
    #[cfg(debug_assertions)]
    fault: Option<super::fault::Fault>,
}

#[derive(Debug)]
struct Owned {
    name: String,
    /// When it last said that it goes on; `None` while it waits for requests.
    busy_since: Mutex<Option<Instant>>,
}

impl Alive {
    pub(super) fn new(name: &str) -> Self {
        let owned = Arc::new(Owned { name: name.to_owned(), busy_since: Mutex::new(Some(Instant::now())) });
        let mut owners = lock(&OWNERS);
        owners.retain(|owner| owner.strong_count() > 0);
        owners.push(Arc::downgrade(&owned));
        Self {
            owned,
            #[cfg(debug_assertions)]
            fault: super::fault::Fault::of(name),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.owned.name
    }

    /// Says that it goes on. Who does not say so for longer than `WatchdogSec` counts as hanging.
    pub fn step(&self) {
        *lock(&self.owned.busy_since) = Some(Instant::now());
        #[cfg(debug_assertions)]
        if let Some(fault) = &self.fault {
            fault.step();
        }
    }

    /// Waits for something that may never come, as for a request: this is not hanging.
    pub fn wait<T>(&self, waiting: impl FnOnce() -> T) -> T {
        *lock(&self.owned.busy_since) = None;
        let come = waiting();
        self.step();
        come
    }
}

/// The name of an owner that has not said for longer than `patience` that it goes on.
pub(crate) fn hanging(patience: Duration) -> Option<String> {
    let hangs = |owned: &Arc<Owned>| lock(&owned.busy_since).is_some_and(|since| since.elapsed() > patience);
    lock(&OWNERS).iter().filter_map(Weak::upgrade).find(hangs).map(|owned| owned.name.clone())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Owner;

    #[tokio::test]
    async fn who_waits_does_not_hang_and_who_works_for_long_does() {
        let patience = Duration::from_millis(50);
        let hangs = || hanging(patience).as_deref() == Some("slow");
        let (owner, thread) = Owner::spawn("slow", ()).unwrap();
        owner.ask(|()| ()).await.unwrap();
        std::thread::sleep(2 * patience);
        assert!(!hangs(), "it waits for requests");
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let asked = tokio::spawn(async move { owner.ask(move |()| wait.recv()).await });
        while !hangs() {
            tokio::time::sleep(patience).await;
        }
        go_on.send(()).unwrap();
        asked.await.unwrap().unwrap().unwrap();
        thread.join().await.unwrap();
        assert!(!hangs());
    }
}
