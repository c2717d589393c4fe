//! Taking back what the store kept.

use crate::exchange::{Exchange, StartFailure};
use crate::session::{Session, Subscription};
use crate::store::{Change, Restored, RestoredSession};

impl Exchange {
    pub(super) fn restore(&mut self, restored: Restored) -> Result<(), StartFailure> {
        for session in restored.sessions {
            self.restore_session(session)?;
        }
        for (message, qos) in restored.retained {
            if let Err(error) = self.retained.retain(&message, qos) {
                tracing::warn!(topic = message.topic, "retained message left out: {error}");
            }
        }
        if !restored.wills.is_empty() {
            tracing::info!(wills = restored.wills.len(), "publishing the wills of clients cut off");
            self.unrouted.extend(restored.wills.into_iter().map(|will| (None, will)));
            self.journal.record(Change::WillsGone);
        }
        Ok(())
    }

    fn restore_session(&mut self, restored: RestoredSession) -> Result<(), StartFailure> {
        let id = restored.id;
        let idle_since = match restored.absent_for {
            // A clock that does not reach back as far makes a session younger, not older.
            Some(absence) => self.now.checked_sub(absence).unwrap_or(self.now),
            None => {
                self.journal.record(Change::Absent(id));
                self.now
            }
        };
        self.sessions.restore(id, Session::restore(restored.session, idle_since));
        for (path, qos) in restored.subscriptions {
            let filter = self.router.subscribe(&path)?;
            self.sessions.subscribe(id, &path, Subscription { filter, qos });
        }
        Ok(())
    }
}
