//! SUBSCRIBE and UNSUBSCRIBE.

use std::collections::HashMap;
use std::sync::Arc;

use foreign_text::foreign;
use rumqttc::mqttbytes::QoS;

use crate::access::{Refusals, Rights};
use crate::account::{Kind, filter_cost, owed_cost};
use crate::exchange::publishing::Copy;
use crate::exchange::unfinished::Subscribing;
use crate::exchange::{Exchange, RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::outgoing::{Answer, NotSubscribed, message_bytes};
use crate::retained::RetainedScan;
use crate::session::{ConnectionId, Subscription};
use crate::sessions::SessionId;
use crate::store::Change;
use crate::topic_tree::Found;
use crate::topics::{is_share, unshared, valid_filter};

/// What of a SUBSCRIBE was refused.
#[derive(Debug, Default)]
struct Refused {
    count: usize,
    /// The first filter, as it may be shown, and why.
    first: Option<(String, NotSubscribed)>,
}

impl Refused {
    fn note(&mut self, filter: &str, reason: &NotSubscribed) {
        self.count += 1;
        self.first.get_or_insert_with(|| (format!("{:?}", foreign(filter)), reason.clone()));
    }
}

/// What became of one filter of a packet, however often it stands there.
struct Asked {
    outcome: Result<(), NotSubscribed>,
    /// Whether the session has it already.
    known: bool,
    /// The QoS with which it brings retained messages, if it does.
    retained: Option<QoS>,
}

/// Why no more retained messages are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopped {
    AtTheEnd,
    ForWork,
    ForRoom,
}

/// What became of a packet.
struct Granted {
    /// For each of its filters.
    grants: Vec<Result<QoS, NotSubscribed>>,
    /// Filters that bring retained messages, with the highest QoS granted to each.
    retained: Vec<(String, QoS)>,
}

impl Exchange {
    pub(super) fn subscribe(&mut self, connection: ConnectionId, subscribe: Subscribe) {
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let (session, rights) = (client.session, Arc::clone(&client.rights));
        let Subscribe { packet_id, filters } = subscribe;
        let Granted { grants, retained } = self.grant_all(session, &rights, &filters);
        if filters.iter().any(|wanted| is_share(&wanted.filter)) {
            self.take_over(session);
        }
        let scan = RetainedScan::new(retained, &self.retained);
        // It is one for all filters of a packet.
        let identifier = filters.first().and_then(|wanted| wanted.options.identifier);
        let mut answer = Some(Answer::Subscribed { packet_id, grants });
        // A lasting session can rely on what it was told even if the broker is killed, so it is told
        // once all of it is owed. Any other is told before a message comes.
        if let Some(answer) = answer.take_if(|_| !self.sessions.is_lasting(session)) {
            self.answer(connection, answer);
        }
        self.unfinished.push_back(Subscribing {
            connection,
            session,
            answer,
            scan,
            identifier,
            waits: false,
        });
        self.go_on_subscribing();
    }

    /// Goes on with SUBSCRIBEs, as far as the round's work goes: each in its turn.
    pub(super) fn go_on_subscribing(&mut self) {
        for _ in 0..self.unfinished.len() {
            if self.work.is_used_up() {
                return;
            }
            let Some(mut subscribing) = self.unfinished.pop_front() else {
                return;
            };
            let session = subscribing.session;
            let identifiers = Identifiers::from(subscribing.identifier);
            let (mut found, stopped) = self.find_retained(&mut subscribing.scan, session, &identifiers);
            let is_whole = stopped == Stopped::AtTheEnd;
            subscribing.waits = stopped == Stopped::ForRoom;
            // What it may read may have changed since it has subscribed.
            let rights = self.rights_of(session);
            found.retain(|(message, _)| {
                rights.as_ref().is_some_and(|rights| rights.may_subscribe(&message.topic))
            });
            if let Some(answer) = subscribing.answer.take_if(|_| is_whole) {
                self.answer(subscribing.connection, answer);
            }
            if is_whole {
                // What its client has sent since may go on.
                self.room_made = true;
            } else if self.sessions.get_mut(session).is_some() {
                self.unfinished.push_back(subscribing);
            }
            for (message, qos) in found {
                let mut stored = None;
                let identifiers = identifiers.clone();
                let copy =
                    Copy { qos, retain: true, droppable: false, publisher: None, identifiers, share: None };
                self.deliver(session, &message, copy, &mut stored);
                self.journal.forget(stored);
            }
        }
    }

    /// What is found for now, and why not more.
    fn find_retained(
        &mut self,
        scan: &mut RetainedScan,
        session: SessionId,
        identifiers: &Identifiers,
    ) -> (Vec<(Arc<Message>, QoS)>, Stopped) {
        let mut found = Vec::new();
        // An absent client makes no room; it loses its oldest messages for what is found.
        let session = self.sessions.get_mut(session).filter(|session| session.connection.is_some());
        let mut client = session
            .as_ref()
            .and_then(|session| session.connection)
            .and_then(|connection| self.clients.get_mut(&connection));
        let room = session.map(|session| session.room(self.limits.owed(&self.account, session)));
        let (mut messages, mut cost) = room.unwrap_or((usize::MAX, usize::MAX));
        let mut unowed = 0;
        loop {
            let has_room = client.as_mut().is_none_or(|client| client.outgoing.has_room(unowed));
            if messages == 0 || cost == 0 || !has_room {
                return (found, Stopped::ForRoom);
            }
            match scan.next(&self.retained, self.now, &mut self.work) {
                Found::One((message, qos)) => {
                    if qos == QoS::AtMostOnce {
                        unowed += message_bytes(message, identifiers);
                    } else {
                        messages -= 1;
                        cost = cost.saturating_sub(owed_cost(message.size() + identifiers.size()));
                    }
                    found.push((Arc::clone(message), qos));
                }
                Found::OutOfWork => return (found, Stopped::ForWork),
                Found::NoMore => return (found, Stopped::AtTheEnd),
            }
        }
    }

    /// What is granted to each filter of a packet, and the filters that bring retained messages.
    /// A filter that stands there several times is subscribed to once, as the last one says.
    fn grant_all(&mut self, session: SessionId, rights: &Rights, filters: &[Wanted]) -> Granted {
        let last: HashMap<&str, &Wanted> =
            filters.iter().map(|wanted| (wanted.filter.as_str(), wanted)).collect();
        let mut all: HashMap<&str, Asked> = HashMap::with_capacity(last.len());
        let (mut refused, mut order) = (Refused::default(), Vec::with_capacity(last.len()));
        let mut grants = Vec::with_capacity(filters.len());
        for Wanted { filter, options, retained } in filters {
            let asked = all.entry(filter).or_insert_with(|| {
                order.push(filter.as_str());
                self.grant(session, rights, last[filter.as_str()])
            });
            if let Err(reason) = &asked.outcome {
                refused.note(filter, reason);
            }
            let brings = match retained {
                // A share brings what is published from now on [MQTT 5, 4.8.2].
                _ if is_share(filter) => false,
                RetainedWanted::Always => true,
                RetainedWanted::IfNew => !asked.known,
                RetainedWanted::Never => false,
            };
            asked.known = true;
            if brings && asked.outcome.is_ok() {
                let highest = asked.retained.filter(|qos| *qos as u8 >= options.qos as u8);
                asked.retained = Some(highest.unwrap_or(options.qos));
            }
            grants.push(asked.outcome.clone().map(|()| options.qos));
        }
        self.log_refused(session, &refused);
        let retained =
            order.into_iter().filter_map(|filter| Some((filter.to_owned(), all[filter].retained?)));
        Granted { retained: retained.collect(), grants }
    }

    fn grant(&mut self, id: SessionId, rights: &Rights, wanted: &Wanted) -> Asked {
        self.work.grant();
        let known = self
            .sessions
            .get_mut(id)
            .is_some_and(|session| session.subscriptions.contains_key(&wanted.filter));
        let outcome = self.check(id, rights, &wanted.filter, known).and_then(|()| self.note(id, wanted));
        Asked { outcome, known, retained: None }
    }

    /// Whether the client may have a subscription.
    fn check(
        &mut self,
        id: SessionId,
        rights: &Rights,
        path: &str,
        known: bool,
    ) -> Result<(), NotSubscribed> {
        let Some(session) = self.sessions.get_mut(id) else {
            return Err(NotSubscribed::Invalid);
        };
        if !valid_filter(path) {
            return Err(NotSubscribed::Invalid);
        }
        if !self.limits.topics.allow(path) {
            return Err(NotSubscribed::TooLong);
        }
        if !rights.may_subscribe(path) {
            Refusals::count(&self.refusals.subscriptions);
            return Err(NotSubscribed::NotPermitted);
        }
        if known {
            return Ok(());
        }
        if session.subscriptions.len() >= self.limits.max_subscriptions {
            return Err(NotSubscribed::TooMany);
        }
        let owner = session.owner.clone();
        let filter = self.router.known_filter(unshared(path));
        let is_new = filter.is_none_or(|filter| !self.sessions.subscribes(&owner, filter, path));
        let fits = self.account.fits(&owner, Kind::Filters, usize::from(is_new))
            && self.account.fits(&owner, Kind::Bytes, filter_cost(path));
        if fits { Ok(()) } else { Err(NotSubscribed::OverShare) }
    }

    fn note(&mut self, id: SessionId, wanted: &Wanted) -> Result<(), NotSubscribed> {
        let Wanted { filter: path, options, .. } = wanted;
        let filter = self
            .router
            .subscribe(unshared(path))
            .map_err(|reason| NotSubscribed::TooManyFilters(reason.to_string()))?;
        let options = *options;
        if self.sessions.is_lasting(id) {
            self.journal.record(Change::Subscribed { session: id, filter: path.clone(), options });
        }
        self.sessions.subscribe(&mut self.account, id, path, Subscription { filter, options });
        Ok(())
    }

    /// One line for all filters of a packet: it can hold tens of thousands.
    fn log_refused(&mut self, id: SessionId, refused: &Refused) {
        if let Some((filter, reason)) = &refused.first
            && let Some(session) = self.sessions.get_mut(id)
        {
            let client_id = &*session.client_id;
            let count = refused.count;
            tracing::warn!(client_id, count, %filter, %reason, "subscription refused");
        }
    }

    pub(super) fn unsubscribe(&mut self, connection: ConnectionId, unsubscribe: &Unsubscribe) {
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let session = client.session;
        let existed = unsubscribe.filters.iter().map(|path| self.withdraw(session, path)).collect();
        self.answer(connection, Answer::Unsubscribed { packet_id: unsubscribe.packet_id, existed });
    }

    /// Ends a subscription; whether there was one.
    fn withdraw(&mut self, id: SessionId, path: &str) -> bool {
        let existed =
            self.sessions.get_mut(id).is_some_and(|session| session.subscriptions.contains_key(path));
        if existed && self.sessions.is_lasting(id) {
            self.journal.record(Change::Unsubscribed { session: id, filter: path.to_owned() });
        }
        let orphaned = self.sessions.unsubscribe(&mut self.account, id, path);
        if is_share(path) {
            self.note_leaving(id);
        }
        self.drop_filters(orphaned);
        existed
    }
}
