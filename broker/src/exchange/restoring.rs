//! Taking back what the store kept.

use std::cmp::Reverse;
use std::time::Duration;

use crate::account::Kind;
use crate::exchange::{Exchange, StartFailure, Unrouted};
use crate::publication::DelayedWill;
use crate::session::{Session, Subscription};
use crate::store::{Change, Restored, RestoredSession, RestoredWill};

/// What the store kept and there is no room for any more, because a limit is lower now, or there
/// are more users.
#[derive(Debug, Default)]
struct Dropped {
    sessions: usize,
}

impl Dropped {
    fn log(&self) {
        let Dropped { sessions } = self;
        if *sessions > 0 {
            tracing::warn!(sessions, "not everything kept has room any more, so this much was dropped");
        }
    }
}

impl Exchange {
    pub(super) fn restore(&mut self, restored: Restored) -> Result<(), StartFailure> {
        let dropped = self.restore_sessions(restored.sessions)?;
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
        dropped.log();
        Ok(())
    }

    /// Whoever has more than its share loses the sessions of those who were absent for longest.
    fn restore_sessions(&mut self, mut sessions: Vec<RestoredSession>) -> Result<Dropped, StartFailure> {
        let mut dropped = Dropped::default();
        sessions.sort_by_key(|session| (session.absent_for, Reverse(session.id)));
        for session in sessions {
            if self.account.fits(&session.session.owner, Kind::Sessions, 1) {
                self.restore_session(session)?;
            } else {
                dropped.sessions += 1;
                self.journal.record(Change::Ended(session.id));
                let owed = session.session.owed.into_iter().filter_map(|(_, owed)| owed?.stored);
                self.journal.forget(owed);
            }
        }
        Ok(dropped)
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
        self.account.charge(&restored.session.owner, Kind::Sessions, 1);
        self.sessions.restore(id, Session::restore(restored.session, idle_since));
        for (path, options) in restored.subscriptions {
            let filter = self.router.subscribe(&path)?;
            self.sessions.subscribe(id, &path, Subscription { filter, options });
        }
        Ok(())
    }
}
