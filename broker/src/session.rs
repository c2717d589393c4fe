//! One client's session: what it has subscribed to, what is owed to it, and what is on its way.
//! Pure: it decides what is to be sent and touches nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::router::FilterId;
use crate::store::{Message, Owed, OwedLimits, OwedQueue};

/// One TCP connection that has got its CONNACK. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// What a session has subscribed to under one filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscription {
    pub(crate) filter: FilterId,
    /// The QoS granted.
    pub(crate) qos: QoS,
}

/// A step towards the client.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// A PUBLISH.
    Publish {
        message: Arc<Message>,
        qos: QoS,
        /// 0 with QoS 0.
        packet_id: u16,
        /// Whether it may have been sent before.
        dup: bool,
        retain: bool,
    },
    /// A PUBREL with this packet id.
    Release(u16),
}

/// An answer of the client to a [`Delivery`], with its packet id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ack {
    /// PUBACK.
    Received(u16),
    /// PUBREC.
    Recorded(u16),
    /// PUBCOMP.
    Completed(u16),
}

/// A delivery that the client has not acknowledged to the end.
#[derive(Debug)]
struct InFlight {
    packet_id: u16,
    /// `None` once the client has recorded it: PUBREL is sent, PUBCOMP is missing.
    owed: Option<Owed>,
}

/// The state that lasts from a client's first CONNECT until its session ends.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client_id: Arc<str>,
    /// Whether it ends with its connection.
    pub(crate) clean: bool,
    pub(crate) connection: Option<ConnectionId>,
    /// Since when the client has been absent, or present and has acknowledged nothing although
    /// it could.
    pub(crate) idle_since: Instant,
    pub(crate) subscriptions: HashMap<String, Subscription>,
    owed: OwedQueue,
    /// In the order in which they were sent.
    in_flight: VecDeque<InFlight>,
    last_packet_id: u16,
    /// Packet ids of QoS 2 messages from this client that were passed on and not yet released.
    receiving: HashSet<u16>,
    /// Messages dropped for want of room since somebody last asked.
    dropped: u64,
}

impl Session {
    pub(crate) fn new(client_id: Arc<str>, clean: bool, now: Instant) -> Session {
        Session {
            client_id,
            clean,
            connection: None,
            idle_since: now,
            subscriptions: HashMap::new(),
            owed: OwedQueue::default(),
            in_flight: VecDeque::new(),
            last_packet_id: 0,
            receiving: HashSet::new(),
            dropped: 0,
        }
    }

    /// Keeps a message for the client, whether it is connected or not. An absent client whose
    /// queue is full loses its oldest messages for it.
    pub(crate) fn owe(&mut self, owed: Owed, limits: OwedLimits) {
        while self.connection.is_none() && self.owed.is_full(limits) {
            if self.owed.pop().is_none() {
                break;
            }
            self.dropped += 1;
        }
        self.owed.push(owed);
    }

    /// Whether a connected client has as much owed to it as may be, so that publishers wait.
    pub(crate) fn holds_publishers(&self, limits: OwedLimits) -> bool {
        self.connection.is_some() && self.owed.is_full(limits)
    }

    /// Messages owed, sent or not.
    pub(crate) fn owed_messages(&self) -> usize {
        self.owed.len() + self.in_flight.len()
    }

    /// How many messages were dropped since the last call.
    pub(crate) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// What was under way when the connection broke, to be sent again, in the same order and
    /// with the same packet ids.
    pub(crate) fn redeliveries(&self) -> impl Iterator<Item = Delivery> {
        self.in_flight.iter().map(|flying| match &flying.owed {
            Some(owed) => publish(owed, flying.packet_id, true),
            None => Delivery::Release(flying.packet_id),
        })
    }

    /// The next owed message, if the client is connected and fewer than `window` are under way.
    pub(crate) fn next_delivery(&mut self, window: u16, now: Instant) -> Option<Delivery> {
        if self.connection.is_none() || self.in_flight.len() >= usize::from(window) {
            return None;
        }
        let packet_id = self.last_packet_id % u16::MAX + 1;
        // Ids are given in turn, so the oldest one under way is the first to be met again.
        if self.in_flight.front().is_some_and(|oldest| oldest.packet_id == packet_id) {
            return None;
        }
        let owed = self.owed.pop()?;
        if self.in_flight.is_empty() {
            self.idle_since = now;
        }
        self.last_packet_id = packet_id;
        let delivery = publish(&owed, packet_id, false);
        self.in_flight.push_back(InFlight { packet_id, owed: Some(owed) });
        Some(delivery)
    }

    /// Takes an acknowledgement; returns what must be answered. One that fits nothing under way
    /// (late, or sent twice) changes nothing.
    pub(crate) fn acknowledge(&mut self, ack: Ack, now: Instant) -> Option<Delivery> {
        self.idle_since = now;
        match ack {
            Ack::Received(packet_id) => {
                self.strike(packet_id, |owed| owed.is_some_and(|owed| owed.qos == QoS::AtLeastOnce));
            }
            Ack::Completed(packet_id) => self.strike(packet_id, |owed| owed.is_none()),
            Ack::Recorded(packet_id) => {
                if let Some(index) = self.position(packet_id) {
                    let owed = &mut self.in_flight[index].owed;
                    if owed.as_ref().is_some_and(|owed| owed.qos != QoS::ExactlyOnce) {
                        return None;
                    }
                    *owed = None;
                }
                // Also for an id unknown to us: else the client would wait for ever.
                return Some(Delivery::Release(packet_id));
            }
        }
        None
    }

    /// Whether a QoS 2 message with this packet id is new, and not one sent again.
    pub(crate) fn receive(&mut self, packet_id: u16) -> bool {
        self.receiving.insert(packet_id)
    }

    /// The client will not send the QoS 2 message with this packet id again.
    pub(crate) fn release(&mut self, packet_id: u16) {
        self.receiving.remove(&packet_id);
    }

    fn strike(&mut self, packet_id: u16, expected: impl Fn(Option<&Owed>) -> bool) {
        if let Some(index) = self.position(packet_id)
            && expected(self.in_flight[index].owed.as_ref())
        {
            self.in_flight.remove(index);
        }
    }

    /// Clients acknowledge in order, mostly, so the first one is the one.
    fn position(&self, packet_id: u16) -> Option<usize> {
        self.in_flight.iter().position(|flying| flying.packet_id == packet_id)
    }
}

fn publish(owed: &Owed, packet_id: u16, dup: bool) -> Delivery {
    Delivery::Publish {
        message: Arc::clone(&owed.message),
        qos: owed.qos,
        packet_id,
        dup,
        retain: owed.retain,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
