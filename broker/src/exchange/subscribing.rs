//! SUBSCRIBE and UNSUBSCRIBE.

use std::collections::HashSet;
use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::access::{Refusals, Rights};
use crate::exchange::publishing::{Copy, lower};
use crate::exchange::{Exchange, RetainedWanted, Subscribe, Unsubscribe, Wanted};
use crate::outlet::{Answer, NotSubscribed};
use crate::retained::RetainedMessage;
use crate::session::{ConnectionId, Subscription};
use crate::sessions::SessionId;
use crate::store::Change;
use crate::topics::{shared, valid_filter};

/// Longer filters are cut off in the log.
const LOGGED_CHARACTERS: usize = 200;

/// What of a SUBSCRIBE was refused.
#[derive(Debug, Default)]
struct Refused {
    count: usize,
    /// The first filter, and why.
    first: Option<(String, NotSubscribed)>,
}

impl Refused {
    fn note(&mut self, filter: &str, reason: &NotSubscribed) {
        self.count += 1;
        self.first.get_or_insert_with(|| (filter.chars().take(LOGGED_CHARACTERS).collect(), reason.clone()));
    }
}

/// What was granted to one filter.
struct Grant {
    qos: QoS,
    /// Whether the subscription brings what is retained.
    brings_retained: bool,
}

impl Exchange {
    pub(super) fn subscribe(&mut self, connection: ConnectionId, subscribe: &Subscribe) {
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let (session, rights) = (client.session, Arc::clone(&client.rights));
        let mut refused = Refused::default();
        let grants: Vec<_> = subscribe
            .filters
            .iter()
            .map(|wanted| {
                let grant = self.grant(session, &rights, wanted);
                grant.inspect_err(|reason| refused.note(&wanted.filter, reason))
            })
            .collect();
        self.log_refused(session, &refused);
        let retained = self.retained_for(subscribe, &grants);
        let grants = grants.into_iter().map(|grant| grant.map(|grant| grant.qos)).collect();
        self.answer(connection, Answer::Subscribed { packet_id: subscribe.packet_id, grants });
        for (found, qos) in retained {
            self.deliver(session, &found.message, Copy { qos, retain: true, droppable: false }, &mut None);
        }
    }

    fn grant(&mut self, id: SessionId, rights: &Rights, wanted: &Wanted) -> Result<Grant, NotSubscribed> {
        let Wanted { filter: path, options, retained } = wanted;
        let Some(session) = self.sessions.get_mut(id) else {
            return Err(NotSubscribed::Invalid);
        };
        let known = session.subscriptions.contains_key(path);
        if shared(path) {
            return Err(NotSubscribed::Shared);
        }
        if !valid_filter(path) {
            return Err(NotSubscribed::Invalid);
        }
        if !rights.may_subscribe(path) {
            Refusals::count(&self.refusals.subscriptions);
            return Err(NotSubscribed::NotPermitted);
        }
        if !known && session.subscriptions.len() >= self.limits.max_subscriptions {
            return Err(NotSubscribed::TooMany);
        }
        let filter = match self.router.subscribe(path) {
            Ok(filter) => filter,
            Err(reason) => return Err(NotSubscribed::TooManyFilters(reason.to_string())),
        };
        let options = *options;
        if !session.clean {
            self.journal.record(Change::Subscribed { session: id, filter: path.clone(), options });
        }
        self.sessions.subscribe(id, path, Subscription { filter, options });
        let brings_retained = match retained {
            RetainedWanted::Always => true,
            RetainedWanted::IfNew => !known,
            RetainedWanted::Never => false,
        };
        Ok(Grant { qos: options.qos, brings_retained })
    }

    /// One line for all filters of a packet: it can hold tens of thousands.
    fn log_refused(&mut self, id: SessionId, refused: &Refused) {
        if let Some((filter, reason)) = &refused.first
            && let Some(session) = self.sessions.get_mut(id)
        {
            let client_id = &*session.client_id;
            let count = refused.count;
            tracing::warn!(client_id, count, filter, %reason, "subscription refused");
        }
    }

    /// The retained messages that these subscriptions ask for: each once, with the highest QoS.
    fn retained_for(
        &self,
        subscribe: &Subscribe,
        grants: &[Result<Grant, NotSubscribed>],
    ) -> Vec<(RetainedMessage, QoS)> {
        let mut granted: Vec<(&str, QoS)> = subscribe
            .filters
            .iter()
            .zip(grants)
            .filter_map(|(wanted, grant)| match grant {
                Ok(grant) if grant.brings_retained => Some((wanted.filter.as_str(), grant.qos)),
                _ => None,
            })
            .collect();
        granted.sort_by_key(|(_, qos)| std::cmp::Reverse(*qos as u8));
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (filter, qos) in granted {
            for retained in self.retained.matching(filter) {
                if !retained.message.has_expired(self.now) && seen.insert(Arc::as_ptr(&retained.message)) {
                    found.push((retained.clone(), lower(qos, retained.qos)));
                }
            }
        }
        found
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
        let orphaned = self.sessions.unsubscribe(id, path);
        self.drop_filters(orphaned);
        existed
    }
}
