//! Checks passwords one after the other, in memory that is there only while somebody waits.
//!
//! argon2id wants 19 MiB for each check. One buffer serves all of them in turn, so that as many
//! logins as may come cost no more than one, and is given back once nobody waits any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::password::Workspace;

/// The one place where passwords are checked: whoever has come first is served first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Checking {
    workspace: Arc<Mutex<Workspace>>,
    waiting: Arc<AtomicUsize>,
}

impl Checking {
    /// Runs `check` outside the async threads once its turn has come. Whoever no longer waits for
    /// the result before that loses the turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        check: impl FnOnce(&mut Workspace) -> T + Send + 'static,
    ) -> Option<T> {
        let place = Place::of(self);
        let mut workspace = Arc::clone(&self.workspace).lock_owned().await;
        let checked = tokio::task::spawn_blocking(move || {
            let checked = check(&mut workspace);
            // In this order: the last one gives the memory back.
            drop(workspace);
            drop(place);
            checked
        });
        checked.await.ok()
    }
}

/// One that waits, or is being checked.
struct Place(Checking);

impl Place {
    fn of(checking: &Checking) -> Self {
        checking.waiting.fetch_add(1, Ordering::AcqRel);
        Self(checking.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) == 1
            // Whoever has come since has it, and gives it back in turn.
            && let Ok(mut workspace) = self.0.workspace.try_lock()
        {
            workspace.give_back();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::password::PasswordHash;

    #[tokio::test]
    async fn the_memory_is_there_only_while_somebody_waits() {
        let (checking, hash) = (Checking::default(), PasswordHash::of(b"secret").unwrap());
        let check = |password: &'static str| {
            let (checking, hash) = (checking.clone(), hash.clone());
            async move { checking.run(move |workspace| hash.verify_in(workspace, password.as_bytes())).await }
        };
        let (right, wrong, held) = tokio::join!(check("secret"), check("wrong"), async {
            checking.run(|workspace| workspace.bytes()).await
        });
        assert_eq!((right, wrong), (Some(true), Some(false)));
        // The third one, which has waited for the others, found what they had used.
        assert!(held.unwrap() >= 19 * 1024 * 1024, "{held:?}");
        assert_eq!(checking.workspace.lock().await.bytes(), 0);
    }

    #[tokio::test]
    async fn who_gives_up_waiting_keeps_nothing() {
        let checking = Checking::default();
        let busy = checking.workspace.clone().lock_owned().await;
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, checking.run(|_| ()));
        assert!(given_up.await.is_err());
        drop(busy);
        assert_eq!(checking.waiting.load(Ordering::Acquire), 0);
        // A panic in a check does not stop those that follow.
        assert_eq!(
            checking
                .run(|_| if true {
                    panic!("wrong")
                })
                .await,
            None
        );
        assert_eq!(checking.run(|_| 7).await, Some(7));
    }
}
