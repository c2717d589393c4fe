//! Shared subscriptions: what is owed to a member of a share goes to another one if that member goes.
//!
//! A message of a share is owed to one member, like any other message to its session. While that member is absent, or
//! takes part no longer, those who are connected take over from it, the oldest first, and no more at a time than they
//! may have under way: so several of them divide it, and what is left is still there if the member comes back. When its
//! session ends, the others get all that is left. What is on disk for one member stays there until it goes to another
//! for whom it is kept as well, or the session ends. Nothing is handed on that a client may have seen with QoS 2.

use crate::exchange::Exchange;
use crate::message::lower;
use crate::owed::Owed;
use crate::session::{Session, SubscriptionOptions};
use crate::sessions::SessionId;
use crate::store::Change;
use crate::topics::{SharePath, is_share, unshared};

/// What became of the oldest message of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandedOn {
    Yes,
    /// The other members have as much as they take for now.
    Later,
    /// There is none, or nobody to take it.
    No,
}

impl Exchange {
    /// Members that are here take over from those that are not, as far as there is room and the round's work goes.
    pub(super) fn hand_on(&mut self) {
        if !self.room_made {
            return;
        }
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.retain(|id| self.hand_on_from(*id));
        self.leaving.append(&mut leaving);
    }

    /// The session's client has come, or has subscribed: if it takes part in a share, there may be something to
    /// take over.
    pub(super) fn take_over(&mut self, id: SessionId) {
        let has_share = |session: &mut Session| session.subscriptions.keys().any(|path| is_share(path));
        if self.sessions.get_mut(id).is_some_and(has_share) {
            self.leaving.extend(self.sessions.absent_members());
            self.room_made = true;
        }
    }

    /// The session may not bring to its client what it has got from shares.
    pub(super) fn note_leaving(&mut self, id: SessionId) {
        if self.sessions.get_mut(id).is_some_and(|session| session.owes_of_any_share()) {
            self.leaving.insert(id);
            self.room_made = true;
        }
    }

    /// Before a session ends, what it has got from shares goes to others. What none of them has room for is lost with
    /// it, like all else.
    pub(super) fn hand_on_all(&mut self, id: SessionId) {
        self.leaving.remove(&id);
        let shares = self.sessions.get_mut(id).map(|session| session.shares_owed());
        for share in shares.into_iter().flatten() {
            while self.hand_on_one(id, &share, true) == HandedOn::Yes {}
        }
    }

    /// Whether there may be more to hand on from a session, once there is room.
    fn hand_on_from(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get_mut(id) else { return false };
        let mut may_be_more = false;
        for share in session.shares_owed() {
            if self.sessions.serves(id, &share) {
                continue;
            }
            let mut handed_on = HandedOn::Yes;
            while handed_on == HandedOn::Yes {
                if self.work.is_used_up() {
                    self.put_off = true;
                    return true;
                }
                handed_on = self.hand_on_one(id, &share, false);
            }
            may_be_more |= handed_on == HandedOn::Later;
        }
        may_be_more
    }

    /// Hands on the oldest message of a share; if it `must` go, also to somebody who is not here.
    fn hand_on_one(&mut self, id: SessionId, share: &SharePath, must: bool) -> HandedOn {
        self.work.deliver();
        let Some(filter) = self.router.known_filter(unshared(share)) else { return HandedOn::No };
        let Some(session) = self.sessions.get_mut(id) else { return HandedOn::No };
        let Some((position, cost)) =
            session.first_to_hand_on(share).map(|(position, owed)| (position, owed.cost()))
        else {
            return HandedOn::No;
        };
        let (account, limits) = (&self.account, &self.limits);
        let has_room = |session: &Session| {
            let (messages, bytes) = session.room(limits.owed(account, session));
            let takes_more = must || session.owed_messages() < usize::from(limits.window.max(1));
            takes_more && messages > 0 && bytes >= cost
        };
        let share_id = (filter, &**share);
        let Some((successor, options)) = self.sessions.successor(id, share_id, must, has_room) else {
            let anybody = self.sessions.successor(id, share_id, must, |_| true);
            return if anybody.is_some() { HandedOn::Later } else { HandedOn::No };
        };
        let Some(owed) = self.take_from(id, position) else { return HandedOn::No };
        self.give_to(successor, options, owed);
        HandedOn::Yes
    }

    fn take_from(&mut self, id: SessionId, position: u64) -> Option<Owed> {
        let session = self.sessions.get_mut(id)?;
        let before = session.cost();
        let owed = session.hand_on(position)?;
        self.account.adjust(&session.owner, before, session.cost());
        if !session.clean {
            self.journal.record(Change::Dropped { session: id, position });
        }
        Some(owed)
    }

    fn give_to(&mut self, id: SessionId, options: SubscriptionOptions, owed: Owed) {
        let mut stored = owed.stored;
        if !self.sessions.is_lasting(id) {
            self.journal.forget(stored.take());
        } else if stored.is_none() {
            stored = self.journal.keep(&owed.message, owed.publisher.clone());
        }
        let owed = Owed {
            stored: stored.clone(),
            qos: lower(owed.qos, options.qos),
            retain: owed.retain && options.retain_as_published,
            identifiers: options.identifier.into(),
            ..owed
        };
        self.figures.handed_on += 1;
        self.owe(id, owed);
        self.journal.forget(stored);
    }
}
