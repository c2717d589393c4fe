//! All sessions, and who has subscribed to which filter. Pure, like [`Session`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::account::{Account, Kind, Owner, filter_cost};
use crate::identifiers::Identifiers;
use crate::owed::MessageNumber;
use crate::router::{FilterId, Match};
use crate::session::{ConnectionId, Expiry, Session, Subscription, SubscriptionOptions};

/// A session's number. Never used twice, except that a restart forgets those of clean sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(pub(crate) u64);

/// A session that a client has just connected to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    /// Whether it existed before: the CONNACK's "session present".
    pub(crate) present: bool,
}

/// Who is to receive a message, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipient {
    pub(crate) session: SessionId,
    /// The highest QoS of the session's matching subscriptions.
    pub(crate) qos: QoS,
    /// Whether one of them asks which messages were published to be retained.
    pub(crate) retain_as_published: bool,
    /// Of all of them.
    pub(crate) identifiers: Identifiers,
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

/// Who subscribes to a filter.
#[derive(Debug, Default)]
struct Subscribers {
    sessions: Vec<(SessionId, SubscriptionOptions)>,
    /// How many of them each owner has.
    owners: Vec<(Owner, usize)>,
}

impl Subscribers {
    /// Notes one session more of an owner; whether it is the owner's first.
    fn add(&mut self, owner: &Owner) -> bool {
        match self.owners.iter_mut().find(|(other, _)| other == owner) {
            Some((_, count)) => *count += 1,
            None => self.owners.push((owner.clone(), 1)),
        }
        self.owners.iter().any(|(other, count)| other == owner && *count == 1)
    }

    /// Notes one session less of an owner; whether it was the owner's last.
    fn remove(&mut self, owner: &Owner) -> bool {
        if let Some((_, count)) = self.owners.iter_mut().find(|(other, _)| other == owner) {
            *count -= 1;
        }
        let before = self.owners.len();
        self.owners.retain(|(_, count)| *count > 0);
        self.owners.len() < before
    }
}

/// The sessions of all clients, connected or absent. Their filters are charged to their owners.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    sessions: HashMap<SessionId, Session>,
    by_client: HashMap<Arc<str>, SessionId>,
    subscribers: HashMap<FilterId, Subscribers>,
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
            .filter_map(|(path, subscription)| {
                self.withdraw(account, subscription.filter, id, &owner).then_some(path)
            })
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
        let subscribers = self.subscribers.entry(subscription.filter).or_default();
        if let Some((_, options)) = subscribers.sessions.iter_mut().find(|(subscriber, _)| *subscriber == id)
        {
            *options = subscription.options;
            return;
        }
        subscribers.sessions.push((id, subscription.options));
        account.charge(&session.owner, Kind::Filters, usize::from(subscribers.add(&session.owner)));
        account.charge(&session.owner, Kind::Bytes, filter_cost(path));
        session.add_cost(filter_cost(path));
    }

    /// Whether a session of `owner` subscribes to a filter.
    pub(crate) fn subscribes(&self, owner: &Owner, filter: FilterId) -> bool {
        let subscribers = self.subscribers.get(&filter);
        subscribers.is_some_and(|subscribers| subscribers.owners.iter().any(|(other, _)| other == owner))
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
        self.withdraw(account, subscription.filter, id, &owner).then_some(path)
    }

    /// Who receives a message with these matches that `publisher` has published: each session
    /// once.
    pub(crate) fn recipients(
        &self,
        matches: &[Match],
        publisher: Option<SessionId>,
        recipients: &mut Vec<Recipient>,
    ) {
        recipients.clear();
        for found in matches {
            let subscribers = self.subscribers.get(&found.filter);
            let subscribers = subscribers.into_iter().flat_map(|subscribers| &subscribers.sessions);
            recipients.extend(
                subscribers
                    .filter(|(session, options)| !(options.no_local && publisher == Some(*session)))
                    .filter(|(session, _)| {
                        self.resting.is_empty() || !self.resting.contains(&(*session, found.filter))
                    })
                    .map(|(session, options)| Recipient {
                        session: *session,
                        qos: options.qos,
                        retain_as_published: options.retain_as_published,
                        identifiers: options.identifier.into(),
                    }),
            );
        }
        if matches.len() > 1 {
            recipients.sort_unstable_by_key(|recipient| (recipient.session, 2 - recipient.qos as u8));
            recipients.dedup_by(|later, first| {
                let same = later.session == first.session;
                if same {
                    first.retain_as_published |= later.retain_as_published;
                    first.identifiers.append(&mut later.identifiers);
                }
                same
            });
        }
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

    /// Removes a subscriber; whether it was the filter's last.
    fn withdraw(&mut self, account: &mut Account, filter: FilterId, id: SessionId, owner: &Owner) -> bool {
        let Some(subscribers) = self.subscribers.get_mut(&filter) else {
            return false;
        };
        subscribers.sessions.retain(|(subscriber, _)| *subscriber != id);
        account.credit(owner, Kind::Filters, usize::from(subscribers.remove(owner)));
        self.resting.remove(&(id, filter));
        let last = subscribers.sessions.is_empty();
        if last {
            self.subscribers.remove(&filter);
        }
        last
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
