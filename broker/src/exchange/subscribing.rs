//! SUBSCRIBE and UNSUBSCRIBE.

use std::collections::HashSet;
use std::sync::Arc;

use rumqttc::mqttbytes::QoS;
use rumqttc::{Packet, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode, UnsubAck, Unsubscribe};

use crate::exchange::Exchange;
use crate::exchange::publishing::lower;
use crate::retained::RetainedMessage;
use crate::session::{ConnectionId, Subscription};
use crate::sessions::SessionId;
use crate::store::Change;
use crate::topics::valid_filter;

/// Longer filters are cut off in the log.
const LOGGED_CHARACTERS: usize = 200;

/// What of a SUBSCRIBE was refused.
#[derive(Debug, Default)]
struct Refused {
    count: usize,
    /// The first filter, and why.
    first: Option<(String, String)>,
}

impl Refused {
    fn note(&mut self, filter: &str, reason: String) -> SubscribeReasonCode {
        self.count += 1;
        self.first.get_or_insert_with(|| (filter.chars().take(LOGGED_CHARACTERS).collect(), reason));
        SubscribeReasonCode::Failure
    }
}

impl Exchange {
    pub(super) fn subscribe(&mut self, connection: ConnectionId, subscribe: &Subscribe) {
        let Some(client) = self.clients.get(&connection) else {
            return;
        };
        let session = client.session;
        let mut refused = Refused::default();
        let return_codes: Vec<_> =
            subscribe.filters.iter().map(|filter| self.grant(session, filter, &mut refused)).collect();
        self.log_refused(session, &refused);
        let retained = self.retained_for(subscribe, &return_codes);
        let suback = SubAck::new(subscribe.pkid, return_codes);
        self.answer(connection, Packet::SubAck(suback));
        for (found, qos) in retained {
            self.deliver(session, &found.message, qos, true, &mut None);
        }
    }

    fn grant(
        &mut self,
        id: SessionId,
        wanted: &SubscribeFilter,
        refused: &mut Refused,
    ) -> SubscribeReasonCode {
        let Some(session) = self.sessions.get_mut(id) else {
            return SubscribeReasonCode::Failure;
        };
        let path = &wanted.path;
        let subscriptions = &session.subscriptions;
        let too_many =
            subscriptions.len() >= self.limits.max_subscriptions && !subscriptions.contains_key(path);
        if too_many || !valid_filter(path) {
            let reason = if too_many { "the session has too many" } else { "the filter is invalid" };
            return refused.note(path, reason.to_owned());
        }
        match self.router.subscribe(path) {
            Ok(filter) => {
                let qos = wanted.qos;
                if !session.clean {
                    self.journal.record(Change::Subscribed { session: id, filter: path.clone(), qos });
                }
                self.sessions.subscribe(id, path, Subscription { filter, qos });
                SubscribeReasonCode::Success(qos)
            }
            Err(reason) => refused.note(path, reason.to_string()),
        }
    }

    /// One line for all filters of a packet: it can hold tens of thousands.
    fn log_refused(&mut self, id: SessionId, refused: &Refused) {
        if let Some((filter, reason)) = &refused.first
            && let Some(session) = self.sessions.get_mut(id)
        {
            let client_id = &*session.client_id;
            let count = refused.count;
            tracing::warn!(client_id, count, filter, reason, "subscription refused");
        }
    }

    /// The retained messages that these subscriptions ask for: each once, with the highest QoS.
    fn retained_for(
        &self,
        subscribe: &Subscribe,
        return_codes: &[SubscribeReasonCode],
    ) -> Vec<(RetainedMessage, QoS)> {
        let mut granted: Vec<(&str, QoS)> = subscribe
            .filters
            .iter()
            .zip(return_codes)
            .filter_map(|(filter, code)| match code {
                SubscribeReasonCode::Success(qos) => Some((filter.path.as_str(), *qos)),
                SubscribeReasonCode::Failure => None,
            })
            .collect();
        granted.sort_by_key(|(_, qos)| std::cmp::Reverse(*qos as u8));
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for (filter, qos) in granted {
            for retained in self.retained.matching(filter) {
                if seen.insert(Arc::as_ptr(&retained.message)) {
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
        for path in &unsubscribe.topics {
            if self.sessions.is_lasting(session) {
                self.journal.record(Change::Unsubscribed { session, filter: path.clone() });
            }
            let orphaned = self.sessions.unsubscribe(session, path);
            self.drop_filters(orphaned);
        }
        let unsuback = UnsubAck::new(unsubscribe.pkid);
        self.answer(connection, Packet::UnsubAck(unsuback));
    }
}
