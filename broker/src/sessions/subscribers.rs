//! Who subscribes to a filter, or takes part in a share of it.

use crate::account::Owner;
use crate::session::SubscriptionOptions;
use crate::sessions::SessionId;

/// Who subscribes to a filter.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    pub(super) sessions: Vec<(SessionId, SubscriptionOptions)>,
    /// How many of them each owner has.
    owners: Vec<(Owner, usize)>,
}

impl Subscribers {
    /// Notes a session, or what it now asks for; whether it is a new one.
    pub(super) fn put(&mut self, id: SessionId, options: SubscriptionOptions) -> bool {
        match self.sessions.iter_mut().find(|(subscriber, _)| *subscriber == id) {
            Some((_, known)) => {
                *known = options;
                false
            }
            None => {
                self.sessions.push((id, options));
                true
            }
        }
    }

    /// Whether a session of `owner` is among them.
    pub(super) fn has(&self, owner: &Owner) -> bool {
        self.owners.iter().any(|(other, _)| other == owner)
    }

    /// Notes one session more of an owner; whether it is the owner's first.
    pub(super) fn add(&mut self, owner: &Owner) -> bool {
        match self.owners.iter_mut().find(|(other, _)| other == owner) {
            Some((_, count)) => *count += 1,
            None => self.owners.push((owner.clone(), 1)),
        }
        self.owners.iter().any(|(other, count)| other == owner && *count == 1)
    }

    /// Forgets a session of an owner; whether it was the owner's last.
    pub(super) fn remove(&mut self, id: SessionId, owner: &Owner) -> bool {
        self.sessions.retain(|(subscriber, _)| *subscriber != id);
        if let Some((_, count)) = self.owners.iter_mut().find(|(other, _)| other == owner) {
            *count -= 1;
        }
        let before = self.owners.len();
        self.owners.retain(|(_, count)| *count > 0);
        self.owners.len() < before
    }
}
