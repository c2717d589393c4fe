//! Wills: published when their clients are gone, at once or after the delay they ask for.

use std::time::Duration;

use crate::account::{Kind, Owner, retained_cost};
use crate::exchange::{Exchange, Unrouted};
use crate::publication::{DelayedWill, Will};
use crate::sessions::SessionId;
use crate::store::Change;

impl Exchange {
    /// A client has gone without taking back its will. If its session is there still, the will
    /// waits for the client's return, if it is to.
    pub(super) fn client_left_will(&mut self, session: SessionId, owner: Owner, will: Will) {
        let delay = self.sessions.get_mut(session).map_or(Duration::ZERO, |session| {
            // The end of the session is the end of the delay.
            session.expiry.map_or(will.delay, |expiry| expiry.min(will.delay))
        });
        if delay.is_zero() {
            return self.publish_will(session, owner, will);
        }
        let due = self.now + delay;
        let change = Change::WillDelayed { session, due, owner: owner.clone(), will: will.clone() };
        self.journal.record(change);
        self.account.charge(&owner, Kind::Bytes, retained_cost(&will.publication.message));
        self.delayed_wills.insert(session, DelayedWill { due, owner, will });
    }

    /// The client is there again in time.
    pub(super) fn void_delayed_will(&mut self, session: SessionId) {
        self.take_delayed_will(session);
    }

    /// Publishes a session's will that still waits.
    pub(super) fn publish_delayed_will(&mut self, session: SessionId) {
        if let Some(DelayedWill { owner, will, .. }) = self.take_delayed_will(session) {
            self.publish_will(session, owner, will);
        }
    }

    fn take_delayed_will(&mut self, session: SessionId) -> Option<DelayedWill> {
        let delayed = self.delayed_wills.remove(&session)?;
        let cost = retained_cost(&delayed.will.publication.message);
        self.account.credit(&delayed.owner, Kind::Bytes, cost);
        self.journal.record(Change::DelayedWillGone(session));
        Some(delayed)
    }

    /// Publishes the wills whose delay is over.
    pub(super) fn publish_due_wills(&mut self) {
        let due = self.delayed_wills.iter().filter(|(_, delayed)| delayed.due <= self.now);
        for session in due.map(|(session, _)| *session).collect::<Vec<_>>() {
            self.publish_delayed_will(session);
        }
    }

    fn publish_will(&mut self, session: SessionId, owner: Owner, will: Will) {
        let publication = will.into_publication(self.now);
        self.unrouted.push(Unrouted::of_session(Some(session), owner, publication));
    }
}
