//! Wills: published when their clients are gone, at once or after the delay they ask for.

use std::time::Duration;

use crate::exchange::{Exchange, Unrouted};
use crate::publication::{DelayedWill, Will};
use crate::sessions::SessionId;
use crate::store::Change;

impl Exchange {
    /// A client has gone without taking back its will. If its session is there still, the will
    /// waits for the client's return, if it is to.
    pub(super) fn client_left_will(&mut self, session: SessionId, will: Will) {
        let delay = self.sessions.get_mut(session).map_or(Duration::ZERO, |session| {
            // The end of the session is the end of the delay.
            session.expiry.map_or(will.delay, |expiry| expiry.min(will.delay))
        });
        if delay.is_zero() {
            return self.publish_will(session, will);
        }
        let due = self.now + delay;
        self.journal.record(Change::WillDelayed { session, due, will: will.clone() });
        self.delayed_wills.insert(session, DelayedWill { due, will });
    }

    /// The client is there again in time.
    pub(super) fn void_delayed_will(&mut self, session: SessionId) {
        if self.delayed_wills.remove(&session).is_some() {
            self.journal.record(Change::DelayedWillGone(session));
        }
    }

    /// Publishes a session's will that still waits.
    pub(super) fn publish_delayed_will(&mut self, session: SessionId) {
        if let Some(DelayedWill { will, .. }) = self.delayed_wills.remove(&session) {
            self.journal.record(Change::DelayedWillGone(session));
            self.publish_will(session, will);
        }
    }

    /// Publishes the wills whose delay is over.
    pub(super) fn publish_due_wills(&mut self) {
        let due = self.delayed_wills.iter().filter(|(_, delayed)| delayed.due <= self.now);
        for session in due.map(|(session, _)| *session).collect::<Vec<_>>() {
            self.publish_delayed_will(session);
        }
    }

    fn publish_will(&mut self, session: SessionId, will: Will) {
        self.unrouted.push(Unrouted::of_session(session, will.into_publication(self.now)));
    }
}
