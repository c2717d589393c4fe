//! Taking back what the store kept.

use std::time::Duration;

use crate::exchange::{Exchange, StartFailure, Unrouted};
use crate::publication::DelayedWill;
use crate::session::{Session, Subscription};
use crate::store::{Change, Restored, RestoredSession, RestoredWill};

impl Exchange {
    pub(super) fn restore(&mut self, restored: Restored) -> Result<(), StartFailure> {
        for session in restored.sessions {
            self.restore_session(session)?;
        }
        for (message, qos) in restored.retained {
            if let Err(error) = self.retained.retain(&message, qos) {
                tracing::warn!(topic = message.topic, "retained message not restored: {error}");
            }
        }
        for delayed in restored.delayed_wills {
            let (due, will) = (self.now + delayed.due_in, delayed.will);
            self.delayed_wills.insert(delayed.session, DelayedWill { due, will });
        }
        self.restore_wills(restored.wills);
        // Not before, because a session's end lets its will go.
        for session in self.sessions.expired(self.limits.expiry, self.now) {
            self.end_session(session);
        }
        restored.dropped.log();
        Ok(())
    }

    /// Clients that were connected have gone, all at the same time.
    fn restore_wills(&mut self, wills: Vec<RestoredWill>) {
        if wills.is_empty() {
            return;
        }
        tracing::info!(wills = wills.len(), "publishing the wills of clients that were connected");
        for RestoredWill { session, will } in wills {
            match session {
                Some(session) => self.client_left_will(session, will),
                None => self.unrouted.push(Unrouted::own(will.into_publication(self.now))),
            }
        }
        self.journal.record(Change::WillsGone);
    }

    fn restore_session(&mut self, restored: RestoredSession) -> Result<(), StartFailure> {
        let id = restored.id;
        let absence = restored.absent_for.unwrap_or(Duration::ZERO);
        if restored.absent_for.is_none() {
            self.journal.record(Change::Absent(id));
        }
        // A clock that does not reach back as far makes a session younger, not older.
        let idle_since = self.now.checked_sub(absence).unwrap_or(self.now);
        self.sessions.restore(id, Session::restore(restored.session, idle_since));
        for (path, options) in restored.subscriptions {
            let filter = self.router.subscribe(&path)?;
            self.sessions.subscribe(id, &path, Subscription { filter, options });
        }
        Ok(())
    }
}
