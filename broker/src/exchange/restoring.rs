//! Taking back what the store kept.

use std::sync::Arc;
use std::time::Duration;

use foreign_text::foreign;

use crate::account::{Kind, filter_cost, retained_cost, session_cost};
use crate::exchange::{Exchange, Unrouted};
use crate::publication::DelayedWill;
use crate::session::{Session, Subscription};
use crate::store::{Change, Restored, RestoredDelayedWill, RestoredSession, RestoredWill};
use crate::topics::unshared;

impl Exchange {
    pub(super) fn restore(&mut self, restored: Restored) {
        let mut dropped = restored.dropped;
        for session in restored.sessions {
            dropped.subscriptions += self.restore_session(session);
        }
        for (message, qos, owner) in restored.retained {
            self.retained.insert(message, qos, Some(owner));
        }
        for RestoredDelayedWill { session, due_in, owner, will } in restored.delayed_wills {
            let cost = retained_cost(&will.publication.message);
            // One that has no room does not wait any longer.
            let fits = cost <= self.account.room_at_start(&owner, Kind::Bytes);
            let due = if fits { self.now + due_in } else { self.now };
            self.account.charge(&owner, Kind::Bytes, cost);
            self.delayed_wills.insert(session, DelayedWill { due, owner, will });
        }
        // Before wills are published: those of users who are gone are not.
        self.revoke_restored();
        self.publish_due_wills();
        self.restore_wills(restored.wills);
        // Not before, because a session's end lets its will go.
        for session in self.sessions.expired(self.limits.expiry, self.now) {
            self.end_session(session);
        }
        dropped.log();
    }

    /// Clients that were connected have gone, all at the same time.
    fn restore_wills(&mut self, wills: Vec<RestoredWill>) {
        if wills.is_empty() {
            return;
        }
        tracing::info!(wills = wills.len(), "publishing the wills of clients that were connected");
        for RestoredWill { session, owner, will } in wills {
            let topic = &will.publication.message.topic;
            let permitted = match session {
                Some(session) => self.rights_of(session).is_some_and(|rights| rights.may_publish(topic)),
                None => self.access.may_owner_publish(&owner, topic),
            };
            match session {
                _ if !permitted => tracing::warn!(topic = ?foreign(topic), "a will is no longer permitted"),
                Some(session) => self.client_left_will(session, owner, will),
                None => {
                    let publication = will.into_publication(self.now);
                    self.unrouted.push(Unrouted::of_session(None, owner, publication));
                }
            }
        }
        self.journal.record(Change::WillsGone);
    }

    /// How many of its subscriptions have no room.
    fn restore_session(&mut self, restored: RestoredSession) -> usize {
        let id = restored.id;
        let absence = restored.absent_for.unwrap_or(Duration::ZERO);
        if restored.absent_for.is_none() {
            self.journal.record(Change::Absent(id));
        }
        // A clock that does not reach back as far makes a session younger, not older.
        let idle_since = self.now.checked_sub(absence).unwrap_or(self.now);
        let (owner, client_id) = (restored.session.owner.clone(), Arc::clone(&restored.session.client_id));
        self.account.charge(&owner, Kind::Bytes, session_cost(&client_id));
        self.sessions.restore(id, Session::restore(restored.session, idle_since));
        let all = restored.subscriptions.len();
        let kept = restored.subscriptions.into_iter().filter(|(path, options)| {
            let has_room = self.account.room_at_start(&owner, Kind::Filters) > 0
                && filter_cost(path) <= self.account.room_at_start(&owner, Kind::Bytes);
            let filter = if has_room { self.router.subscribe(unshared(path)).ok() } else { None };
            match filter {
                Some(filter) => {
                    let subscription = Subscription { filter, options: *options };
                    self.sessions.subscribe(&mut self.account, id, path, subscription);
                }
                None => self.journal.record(Change::Unsubscribed { session: id, filter: path.clone() }),
            }
            filter.is_some()
        });
        all - kept.count()
    }
}
