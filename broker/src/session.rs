//! One client's session: what it has subscribed to, what is owed to it, and what is on its way.
//! Pure: it decides what is to be sent and touches nothing.
//!
//! Messages get positions in the order in which they become owed, and a position gives the packet
//! id. So ids need not be stored: after a restart, each message goes out under the id that the
//! client may know it by.

mod sharing;
mod steps;
mod stored;
mod subscription;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::mqttbytes::QoS;

use crate::account::{Owner, RECEIVED, session_cost};
use crate::owed::{Owed, OwedLimits, OwedQueue};
pub(crate) use crate::session::steps::{Ack, Delivery, Next, Outcome, Owing};
pub(crate) use crate::session::stored::StoredSession;
pub(crate) use crate::session::subscription::{Subscription, SubscriptionOptions};

/// How far ahead of what is sent the store's note of it goes.
const SENDING_AHEAD: u64 = 1_000;

/// One TCP connection that has got its CONNACK. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// How long a session outlives its connection: `None` for ever, no time at all if it ends with it.
pub(crate) type Expiry = Option<Duration>;

/// A delivery that the client has not acknowledged to the end.
#[derive(Debug)]
struct InFlight {
    position: u64,
    /// `None` once the client has recorded it: PUBREL is sent, PUBCOMP is missing.
    owed: Option<Owed>,
}

/// The state that lasts from a client's first CONNECT until its session ends.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// To whom what is kept for it is charged.
    pub(crate) owner: Owner,
    /// Whether it began as one that ends with its connection; such a session is not stored.
    pub(crate) clean: bool,
    pub(crate) expiry: Expiry,
    pub(crate) connection: Option<ConnectionId>,
    /// Since when the client has been absent, or present and has acknowledged nothing that it was
    /// sent.
    pub(crate) idle_since: Instant,
    pub(crate) subscriptions: HashMap<String, Subscription>,
    /// Whether publishers wait while its client is too slow.
    pub(crate) may_hold_publishers: bool,
    owed: OwedQueue,
    /// By ascending position, which is the order in which they were sent.
    in_flight: VecDeque<InFlight>,
    last_position: u64,
    /// Messages up to this position may have been sent over an earlier connection.
    sent_before: u64,
    /// The store's note of what may have been sent.
    sending_until: u64,
    /// Whether the client may still read them is to be looked at for messages up to this position.
    doubtful_until: u64,
    /// Packet ids of QoS 2 messages from this client that were passed on and not yet released.
    receiving: HashSet<u16>,
    /// Messages dropped for want of room since somebody last asked.
    dropped: u64,
    /// What all that is kept for it costs: also what is owed, sent or not.
    cost: usize,
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>, owner: Owner, expiry: Expiry, now: Instant) -> Session {
        Session {
            cost: session_cost(&client_id),
            client_id,
            owner,
            clean: expiry == Some(Duration::ZERO),
            expiry,
            connection: None,
            idle_since: now,
            subscriptions: HashMap::new(),
            may_hold_publishers: false,
            owed: OwedQueue::default(),
            in_flight: VecDeque::new(),
            last_position: 0,
            sent_before: 0,
            sending_until: 0,
            doubtful_until: 0,
            receiving: HashSet::new(),
            dropped: 0,
        }
    }

    /// Keeps a message for the client, whether it is connected or not. If it is full, the oldest messages
    /// of whoever has published most of them are dropped for it, unless publishers wait instead, or the
    /// message itself if not even that makes enough room.
    pub(crate) fn owe(&mut self, owed: Owed, limits: OwedLimits) -> Owing {
        let waited_for = self.connection.is_some() && self.may_hold_publishers;
        let fits =
            |session: &Session| !session.owed.is_full(limits) && session.cost + owed.cost() <= limits.share;
        let mut dropped = Vec::new();
        while !waited_for && !fits(self) {
            let Some((position, oldest)) = self.owed.pop_of_who_has_most() else {
                break;
            };
            self.cost -= oldest.cost();
            dropped.push((position, oldest));
        }
        let is_owed = waited_for || fits(self);
        self.dropped += dropped.len() as u64 + u64::from(!is_owed);
        if !is_owed {
            return Owing { position: None, dropped };
        }
        self.last_position += 1;
        self.cost += owed.cost();
        self.owed.push(self.last_position, owed);
        Owing { position: Some(self.last_position), dropped }
    }

    /// What all that is kept for it costs: also what is owed, sent or not.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Something more is kept for it.
    pub(crate) fn add_cost(&mut self, cost: usize) {
        self.cost += cost;
    }

    /// Something is not kept any more.
    pub(crate) fn remove_cost(&mut self, cost: usize) {
        self.cost -= cost;
    }

    /// How many messages more, and at what cost, a SUBSCRIBE may bring at once.
    pub(crate) fn room(&self, limits: OwedLimits) -> (usize, usize) {
        let messages = limits.max_messages.saturating_sub(self.owed.len());
        let bytes = limits.max_bytes.saturating_sub(self.owed.bytes());
        // One message always has a chance: else its client would wait for ever.
        let (messages, least) = if self.owed_messages() == 0 { (messages.max(1), 1) } else { (messages, 0) };
        (messages, bytes.min(limits.share.saturating_sub(self.cost)).max(least))
    }

    /// What the store must know before anything is sent: messages up to this position may have
    /// been.
    pub(crate) fn sending_until(&self) -> u64 {
        self.sending_until
    }

    /// Whether a connected client for whom publishers wait has as much owed to it as may be.
    pub(crate) fn holds_publishers(&self, limits: OwedLimits) -> bool {
        // Somebody to whom nothing is owed always has room for a message.
        let is_full = self.owed.is_full(limits) || (self.owed_messages() > 0 && self.cost >= limits.share);
        self.may_hold_publishers && self.connection.is_some() && is_full
    }

    /// The rights of its client may have changed since messages became owed to it.
    pub(crate) fn doubt_what_is_owed(&mut self) {
        self.doubtful_until = self.last_position;
    }

    /// Takes the next owed message back if its client is connected and may not read it any more.
    ///
    /// If the client may have seen it with QoS 2, it waits for the end of that delivery before it takes
    /// another one under its id; so that end is sent.
    pub(crate) fn next_forbidden(&mut self, may_read: impl Fn(&str) -> bool) -> Option<Next> {
        let (position, first) = self.owed.first()?;
        if position > self.doubtful_until || self.connection.is_none() || may_read(&first.message.topic) {
            return None;
        }
        let (position, owed) = self.owed.pop()?;
        self.cost -= owed.cost();
        if owed.qos != QoS::ExactlyOnce || position > self.sent_before {
            return Some(Next::Expired(position, owed));
        }
        let place = self.in_flight.partition_point(|flying| flying.position < position);
        self.in_flight.insert(place, InFlight { position, owed: None });
        Some(Next::Ended { position, packet_id: packet_id_of(position), owed })
    }

    /// Messages owed, sent or not.
    pub(crate) fn owed_messages(&self) -> usize {
        self.owed.len() + self.in_flight.len()
    }

    /// Bytes of topics and payloads of the messages owed and not sent.
    pub(crate) fn owed_bytes(&self) -> usize {
        self.owed.bytes()
    }

    /// Whether a new session would do as well.
    pub(crate) fn is_blank(&self) -> bool {
        self.subscriptions.is_empty() && self.owed_messages() == 0 && self.receiving.is_empty()
    }

    /// How many messages were dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Whether it has outlived its client's absence, of which `longest` is the most there may be.
    pub(crate) fn has_expired(&self, longest: Expiry, now: Instant) -> bool {
        let age = [self.expiry, longest].into_iter().flatten().min();
        self.connection.is_none() && age.is_some_and(|age| now.duration_since(self.idle_since) >= age)
    }

    /// Gets ready for a new connection: returns the ids to send PUBREL for, and has all that was
    /// under way besides sent again first, in the same order and with the same packet ids.
    pub(crate) fn begin_again(&mut self) -> Vec<Delivery> {
        let mut recorded = VecDeque::new();
        while let Some(InFlight { position, owed }) = self.in_flight.pop_back() {
            self.sent_before = self.sent_before.max(position);
            match owed {
                Some(owed) => self.owed.push_front(position, owed),
                None => recorded.push_front(InFlight { position, owed }),
            }
        }
        self.in_flight = recorded;
        self.in_flight.iter().map(|flying| Delivery::Release(packet_id_of(flying.position))).collect()
    }

    /// The next owed message, if the client is connected and fewer than `window` are under way.
    pub(crate) fn next(&mut self, window: u16, now: Instant) -> Option<Next> {
        if self.connection.is_none() || self.in_flight.len() >= usize::from(window) {
            return None;
        }
        let (position, first) = self.owed.first()?;
        // A QoS 2 message that the client may have seen is not withdrawn: the client waits for the
        // end of that delivery before it takes anything else under its id.
        let withdrawable = first.qos == QoS::AtLeastOnce || position > self.sent_before;
        if withdrawable && first.message.has_expired(now) {
            let (position, owed) = self.owed.pop()?;
            self.cost -= owed.cost();
            return Some(Next::Expired(position, owed));
        }
        // An id is free again once the delivery that had it before is no longer under way.
        let oldest = self.in_flight.front().map_or(position, |oldest| oldest.position);
        if position.saturating_sub(oldest) >= u64::from(u16::MAX) {
            return None;
        }
        let (position, owed) = self.owed.pop()?;
        if self.in_flight.is_empty() {
            self.idle_since = now;
        }
        if position > self.sending_until {
            self.sending_until = position + SENDING_AHEAD;
        }
        let delivery = publish(&owed, packet_id_of(position), position <= self.sent_before);
        let place = self.in_flight.partition_point(|flying| flying.position < position);
        self.in_flight.insert(place, InFlight { position, owed: Some(owed) });
        Some(Next::Deliver(delivery))
    }

    /// Takes an acknowledgement. One of an id of which nothing is under way (late, or sent twice) changes
    /// nothing, and is no sign that the client gets anywhere.
    pub(crate) fn acknowledge(&mut self, ack: Ack, now: Instant) -> Outcome {
        let outcome = self.strike(ack);
        let struck = match &outcome {
            Outcome::Completed { owed, .. } => owed.as_ref(),
            Outcome::Recorded { owed, .. } => Some(owed),
            Outcome::Nothing | Outcome::Unfit | Outcome::Release | Outcome::Unknown => return outcome,
        };
        self.cost -= struck.map_or(0, Owed::cost);
        self.idle_since = now;
        outcome
    }

    fn strike(&mut self, ack: Ack) -> Outcome {
        match ack {
            Ack::Received(packet_id) => {
                self.complete(packet_id, |owed| owed.is_some_and(|owed| owed.qos == QoS::AtLeastOnce))
            }
            Ack::Completed(packet_id) => self.complete(packet_id, |owed| owed.is_none()),
            Ack::Recorded(packet_id) => self.record(packet_id),
            Ack::Discarded(packet_id) => self.complete(packet_id, |owed| owed.is_some()),
        }
    }

    fn record(&mut self, packet_id: u16) -> Outcome {
        let Some(index) = self.index_of(packet_id) else {
            return Outcome::Unknown;
        };
        let InFlight { position, owed } = &mut self.in_flight[index];
        match owed.take() {
            Some(owed) if owed.qos == QoS::ExactlyOnce => Outcome::Recorded { position: *position, owed },
            None => Outcome::Release,
            other => {
                *owed = other;
                Outcome::Unfit
            }
        }
    }

    /// Whether a QoS 2 message with this packet id is new, and not one sent again.
    pub(crate) fn receive(&mut self, packet_id: u16) -> bool {
        let is_new = self.receiving.insert(packet_id);
        self.cost += if is_new { RECEIVED } else { 0 };
        is_new
    }

    /// The client will not send the QoS 2 message with this packet id again. Whether it was
    /// known.
    pub(crate) fn release(&mut self, packet_id: u16) -> bool {
        let known = self.receiving.remove(&packet_id);
        self.cost -= if known { RECEIVED } else { 0 };
        known
    }

    fn complete(&mut self, packet_id: u16, expected: impl Fn(Option<&Owed>) -> bool) -> Outcome {
        match self.index_of(packet_id) {
            Some(index) if expected(self.in_flight[index].owed.as_ref()) => {
                self.in_flight.remove(index).map_or(Outcome::Nothing, |InFlight { position, owed }| {
                    Outcome::Completed { position, owed }
                })
            }
            Some(_) => Outcome::Unfit,
            None => Outcome::Nothing,
        }
    }

    /// Clients acknowledge in order, mostly, so the first one is the one.
    fn index_of(&self, packet_id: u16) -> Option<usize> {
        self.in_flight.iter().position(|flying| packet_id_of(flying.position) == packet_id)
    }
}

/// Positions count from 1, packet ids go round from 1 to 65,535.
fn packet_id_of(position: u64) -> u16 {
    ((position - 1) % u64::from(u16::MAX) + 1) as u16
}

fn publish(owed: &Owed, packet_id: u16, dup: bool) -> Delivery {
    Delivery::Publish {
        message: Arc::clone(&owed.message),
        qos: owed.qos,
        packet_id,
        dup,
        retain: owed.retain,
        identifiers: owed.identifiers.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
