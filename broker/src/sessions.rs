//! All sessions, and who has subscribed to which filter. Pure, like [`Session`].

mod choosing;
mod recipient;
mod shared;
mod subscribers;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use crate::account::{Account, Kind, Owner, filter_cost};
use crate::owed::MessageNumber;
use crate::router::FilterId;
use crate::session::{ConnectionId, Expiry, Session, Subscription};
pub(crate) use crate::sessions::recipient::{Recipient, SessionId};
use crate::sessions::shared::SharedFilters;
use crate::sessions::subscribers::Subscribers;
use crate::topics::{is_share, unshared};

/// A session that a client has just connected to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    /// Whether it existed before: the CONNACK's "session present".
    pub(crate) present: bool,
}

/// A filter that nobody subscribes to any more.
pub(crate) type OrphanedFilter = String;

/// What a session leaves behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) orphaned: Vec<OrphanedFilter>,
    /// Whether it was a clean one.
    pub(crate) clean: bool,
    /// The store's numbers of what was owed to it.
    pub(crate) owed: Vec<Arc<MessageNumber>>,
}

/// The sessions of all clients, connected or absent. Their filters are charged to their owners.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: HashMap<SessionId, Session>,
    by_client: HashMap<Arc<str>, SessionId>,
    subscribers: HashMap<FilterId, Subscribers>,
    shared: SharedFilters,
    /// Subscriptions that bring nothing for now, because their users may not have them any more.
    resting: HashSet<(SessionId, FilterId)>,
    last: u64,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }

    pub(crate) fn get_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&session)
    }

    /// Whether a session is there and outlives its connection.
    pub(crate) fn is_lasting(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| !session.clean)
    }

    /// The session of a client, if it has one.
    pub(crate) fn of_client(&self, client_id: &str) -> Option<SessionId> {
        self.by_client.get(client_id).copied()
    }

    /// Connects a client to its session, a new one if it has none. A clean session's
    /// predecessor must have been [ended](Sessions::end) before.
    pub(crate) fn open(
        &mut self,
        client_id: &str,
        owner: &Owner,
        expiry: Expiry,
        connection: ConnectionId,
        now: Instant,
    ) -> Opened {
        let existing = self.of_client(client_id);
        let id = existing.unwrap_or_else(|| {
            self.last += 1;
            SessionId(self.last)
        });
        let client_id: Arc<str> = client_id.into();
        self.by_client.insert(Arc::clone(&client_id), id);
        let session =
            self.sessions.entry(id).or_insert_with(|| Session::new(client_id, owner.clone(), expiry, now));
        session.connection = Some(connection);
        session.expiry = expiry;
        session.idle_since = now;
        Opened { session: id, present: existing.is_some() }
    }

    /// Takes back a session that the store kept.
    pub(crate) fn restore(&mut self, id: SessionId, session: Session) {
        self.last = self.last.max(id.0);
        self.by_client.insert(Arc::clone(&session.client_id), id);
        self.sessions.insert(id, session);
    }

    /// Ends a session and everything owed to it, and credits all of it to its owner.
    pub(crate) fn end(&mut self, account: &mut Account, id: SessionId) -> Option<Ended> {
        let mut session = self.sessions.remove(&id)?;
        self.by_client.remove(&session.client_id);
        let (owner, clean) = (session.owner.clone(), session.clean);
        account.credit(&owner, Kind::Bytes, session.cost());
        account.credit(&owner, Kind::Sessions, usize::from(!clean));
        let orphaned = std::mem::take(&mut session.subscriptions)
            .into_iter()
            .filter_map(|(path, subscription)| self.withdraw(account, subscription.filter, &path, id, &owner))
            .collect();
        Some(Ended { orphaned, clean, owed: session.into_stored().collect() })
    }

    /// Notes a subscription, in the place of an earlier one to the same filter.
    pub(crate) fn subscribe(
        &mut self,
        account: &mut Account,
        id: SessionId,
        path: &str,
        subscription: Subscription,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.subscriptions.insert(path.to_owned(), subscription);
        self.resting.remove(&(id, subscription.filter));
        let subscribers = if is_share(path) {
            &mut self.shared.members_mut(subscription.filter, path).subscribers
        } else {
            self.subscribers.entry(subscription.filter).or_default()
        };
        if !subscribers.put(id, subscription.options) {
            return;
        }
        account.charge(&session.owner, Kind::Filters, usize::from(subscribers.add(&session.owner)));
        account.charge(&session.owner, Kind::Bytes, filter_cost(path));
        session.add_cost(filter_cost(path));
    }

    /// Whether a session of `owner` subscribes to a filter, or takes part in the share of this path.
    pub(crate) fn subscribes(&self, owner: &Owner, filter: FilterId, path: &str) -> bool {
        let subscribers = if is_share(path) {
            self.shared.members(filter, path).map(|members| &members.subscribers)
        } else {
            self.subscribers.get(&filter)
        };
        subscribers.is_some_and(|subscribers| subscribers.has(owner))
    }

    /// Lets those subscriptions of a session rest that `must` says it of, and no others. Returns how
    /// many rest that did not before.
    pub(crate) fn rest(&mut self, id: SessionId, must: impl Fn(&str) -> bool) -> usize {
        let Some(session) = self.sessions.get(&id) else {
            return 0;
        };
        let mut more = 0;
        for (path, subscription) in &session.subscriptions {
            if !must(path) {
                self.resting.remove(&(id, subscription.filter));
            } else if self.resting.insert((id, subscription.filter)) {
                more += 1;
            }
        }
        more
    }

    /// Forgets a subscription; returns the filter if it was the last one to it.
    pub(crate) fn unsubscribe(
        &mut self,
        account: &mut Account,
        id: SessionId,
        path: &str,
    ) -> Option<OrphanedFilter> {
        let session = self.sessions.get_mut(&id)?;
        let (path, subscription) = session.subscriptions.remove_entry(path)?;
        let owner = session.owner.clone();
        session.remove_cost(filter_cost(&path));
        account.credit(&owner, Kind::Bytes, filter_cost(&path));
        self.withdraw(account, subscription.filter, &path, id, &owner)
    }

    /// Sessions whose clients have been absent for too long, `longest` at most.
    pub(crate) fn expired(&self, longest: Expiry, now: Instant) -> Vec<SessionId> {
        let expired = self.sessions.iter().filter(|(_, session)| session.has_expired(longest, now));
        expired.map(|(id, _)| *id).collect()
    }

    /// The session of `owner`, of those whose client is absent, that can best be done without: one
    /// that a new session would do as well as, if there is any, and of such the one that has waited
    /// longest.
    pub(crate) fn most_dispensable(&self, owner: &Owner) -> Option<SessionId> {
        self.sessions
            .iter()
            .filter(|(_, session)| session.connection.is_none() && session.owner == *owner)
            .min_by_key(|(id, session)| (!session.is_blank(), session.idle_since, **id))
            .map(|(id, _)| *id)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (SessionId, &mut Session)> {
        self.sessions.iter_mut().map(|(id, session)| (*id, session))
    }

    /// Removes a subscriber; the filter, if it was its last.
    fn withdraw(
        &mut self,
        account: &mut Account,
        filter: FilterId,
        path: &str,
        id: SessionId,
        owner: &Owner,
    ) -> Option<OrphanedFilter> {
        let subscribers = if is_share(path) {
            &mut self.shared.members_mut(filter, path).subscribers
        } else {
            self.subscribers.get_mut(&filter)?
        };
        account.credit(owner, Kind::Filters, usize::from(subscribers.remove(id, owner)));
        let is_last = subscribers.sessions.is_empty();
        if is_share(path) {
            self.shared.remove_if_empty(filter, path);
        } else if is_last {
            self.subscribers.remove(&filter);
        }
        let keeps_it = self
            .sessions
            .get(&id)
            .is_some_and(|session| session.subscriptions.values().any(|other| other.filter == filter));
        if !keeps_it {
            self.resting.remove(&(id, filter));
        }
        let is_orphaned = !self.subscribers.contains_key(&filter) && !self.shared.divides(filter);
        is_orphaned.then(|| unshared(path).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::account::session_cost;
    use crate::settings::MqttSettings;

    #[test]
    fn only_absent_sessions_expire_each_at_its_time() {
        let start = Instant::now();
        let day = Duration::from_secs(86_400);
        let mut sessions = Sessions::default();
        let mut account = Account::new(&MqttSettings::default(), 1);
        let owner = Owner::User("user".into());
        let mut open = |client_id, expiry| {
            let id = sessions.open(client_id, &owner, expiry, ConnectionId(1), start).session;
            if let Some(session) = sessions.get_mut(id).filter(|_| client_id != "present") {
                session.connection = None;
            }
            id
        };
        let absent = open("absent", None);
        let short = open("short", Some(day / 2));
        open("present", Some(day / 2));
        assert_eq!(sessions.expired(None, start + day / 2), [short]);
        account.charge(&owner, Kind::Bytes, 3 * session_cost("present"));
        account.charge(&owner, Kind::Sessions, 3);
        sessions.end(&mut account, short);
        assert_eq!(sessions.expired(Some(day), start + day - Duration::from_secs(1)), []);
        assert_eq!(sessions.expired(Some(day), start + day), [absent]);
        assert_eq!(sessions.expired(None, start + 1_000 * day), []);
        sessions.end(&mut account, absent);
        assert_eq!(sessions.of_client("absent"), None);
        assert_eq!(sessions.len(), 1);
    }
}
