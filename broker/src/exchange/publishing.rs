//! Messages: routing them, keeping them for their subscribers, acknowledging them.

use std::sync::Arc;

use rumqttc::mqttbytes::QoS;

use crate::account::{Kind, Owner, RECEIVED};
use crate::exchange::{Exchange, Incoming, USUAL_MATCHES, Unrouted};
use crate::identifiers::Identifiers;
use crate::message::{Message, lower};
use crate::outgoing::{Answer, CloseReason, Outgoing, Reached};
use crate::owed::{MessageNumber, Owed};
use crate::publication::Publication;
use crate::router::{Match, RouterFailure};
use crate::session::{Ack, ConnectionId, Delivery, Next, Outcome, Owing, Session};
use crate::sessions::{Recipient, SessionId};
use crate::store::Change;
use crate::topics::SharePath;

/// One session's copy of a message.
pub(super) struct Copy {
    pub(super) qos: QoS,
    /// Whether it is sent as a retained one.
    pub(super) retain: bool,
    /// Whether it may be left out, being of QoS 0, if the client does not read fast enough.
    pub(super) droppable: bool,
    /// The user who has published it.
    pub(super) publisher: Option<Arc<str>>,
    /// Of the subscriptions that bring it.
    pub(super) identifiers: Identifiers,
    /// The share in whose name the session gets it.
    pub(super) share: Option<SharePath>,
}

impl Exchange {
    /// Routes the messages gathered so far, and applies them.
    pub(super) fn route(&mut self) -> Result<(), RouterFailure> {
        if self.unrouted.is_empty() {
            return Ok(());
        }
        let publications = std::mem::take(&mut self.unrouted);
        let topics: Vec<&str> =
            publications.iter().map(|unrouted| unrouted.publication.message.topic.as_str()).collect();
        let matches = self.router.route(&topics, &mut self.work)?;
        let beyond = matches.len().saturating_sub(USUAL_MATCHES * publications.len());
        self.matches_left = self.matches_left.saturating_sub(beyond);
        let mut rest = matches.as_slice();
        for (index, unrouted) in publications.into_iter().enumerate() {
            let count = rest.iter().take_while(|found| found.index == index).count();
            let (own, others) = rest.split_at(count);
            rest = others;
            self.publish(unrouted, own);
        }
        Ok(())
    }

    /// Applies one message, unless it has to wait.
    fn publish(&mut self, unrouted: Unrouted, matches: &[Match]) {
        let Unrouted { publisher, session, owner, publication } = unrouted;
        let mut recipients = std::mem::take(&mut self.recipients);
        let (account, limits) = (&self.account, &self.limits);
        let has_room = |session: &Session| session.room(limits.owed(account, session)).0 > 0;
        self.sessions.recipients(matches, (session, publication.qos), has_room, &mut recipients);
        // Shares of one filter are as many deliveries.
        let of_shares = recipients.iter().filter(|recipient| recipient.share.is_some()).count();
        self.matches_left = self.matches_left.saturating_sub(of_shares.saturating_sub(USUAL_MATCHES));
        match publisher {
            None => self.pass_on(&publication, owner.as_ref(), &recipients),
            Some(connection) => self.publish_for(connection, owner.as_ref(), publication, &recipients),
        }
        self.recipients = recipients;
    }

    fn publish_for(
        &mut self,
        connection: ConnectionId,
        owner: Option<&Owner>,
        publication: Publication,
        recipients: &[Recipient],
    ) {
        if publication.qos == QoS::ExactlyOnce && !self.has_room_to_receive(connection) {
            self.to_close.push((connection, CloseReason::NoRoom));
            return;
        }
        let must_wait =
            publication.qos != QoS::AtMostOnce && (self.store_is_full() || self.without_room(recipients));
        let Some(client) = self.clients.get_mut(&connection) else {
            return;
        };
        if must_wait || !client.held.is_empty() {
            client.held.push_back(Incoming::Publish(publication));
            return;
        }
        self.figures.received(&publication.message);
        let packet_id = publication.packet_id;
        let session = client.session;
        let is_new = publication.qos != QoS::ExactlyOnce || self.receive(session, packet_id);
        if is_new {
            self.pass_on(&publication, owner, recipients);
        }
        let reached = if is_new && recipients.is_empty() { Reached::Nobody } else { Reached::Somebody };
        self.acknowledge_publish(connection, publication.qos, packet_id, reached);
    }

    pub(super) fn acknowledge_publish(
        &mut self,
        connection: ConnectionId,
        qos: QoS,
        packet_id: u16,
        reached: Reached,
    ) {
        let answer = match qos {
            QoS::AtMostOnce => return,
            QoS::AtLeastOnce => Answer::Received { packet_id, reached },
            QoS::ExactlyOnce => Answer::Recorded { packet_id, reached },
        };
        self.answer(connection, answer);
    }

    fn without_room(&mut self, recipients: &[Recipient]) -> bool {
        let (account, limits) = (&self.account, &self.limits);
        recipients.iter().any(|recipient| {
            recipient.qos != QoS::AtMostOnce
                && self
                    .sessions
                    .get_mut(recipient.session)
                    .is_some_and(|session| session.holds_publishers(limits.owed(account, session)))
        })
    }

    /// Whether the owner of a client has room for a packet id more that it does not release.
    fn has_room_to_receive(&self, connection: ConnectionId) -> bool {
        let client = self.clients.get(&connection);
        client.is_none_or(|client| self.account.fits(&client.owner, Kind::Bytes, RECEIVED))
    }

    /// Whether a QoS 2 message from a session's client is new, and not one sent again.
    fn receive(&mut self, id: SessionId, packet_id: u16) -> bool {
        let Some(session) = self.sessions.get_mut(id) else {
            return false;
        };
        let before = session.cost();
        let is_new = session.receive(packet_id);
        self.account.adjust(&session.owner, before, session.cost());
        if is_new && !session.clean {
            self.journal.record(Change::Receiving { session: id, packet_id });
        }
        is_new
    }

    fn pass_on(&mut self, publication: &Publication, owner: Option<&Owner>, recipients: &[Recipient]) {
        if publication.retain {
            self.retain(publication, owner);
        }
        let mut stored = None;
        for Recipient { session, qos, retain_as_published, identifiers, share } in recipients {
            let copy = Copy {
                qos: lower(*qos, publication.qos),
                retain: publication.retain && *retain_as_published,
                droppable: true,
                publisher: owner.and_then(Owner::user),
                identifiers: identifiers.clone(),
                share: share.clone(),
            };
            self.deliver(*session, &publication.message, copy, &mut stored);
        }
        // Nobody may have had room for it.
        self.journal.forget(stored);
    }

    /// Keeps a message for a session, or sends it at once if it is of QoS 0. `stored` is its
    /// number in the store, from the first lasting session on that it is owed to.
    pub(super) fn deliver(
        &mut self,
        id: SessionId,
        message: &Arc<Message>,
        Copy { qos, retain, droppable, publisher, identifiers, share }: Copy,
        stored: &mut Option<Arc<MessageNumber>>,
    ) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if qos != QoS::AtMostOnce {
            if !session.clean && stored.is_none() {
                *stored = self.journal.keep(message, publisher.clone());
            }
            let stored = if session.clean { None } else { stored.clone() };
            if share.is_some() && session.connection.is_none() {
                self.leaving.insert(id);
            }
            let message = Arc::clone(message);
            self.owe(id, Owed { message, publisher, stored, qos, retain, identifiers, share });
            return;
        }
        let client = session.connection.and_then(|connection| self.clients.get_mut(&connection));
        if let Some(client) = client {
            if !droppable {
                client.outgoing.push_qos0(message, retain, identifiers);
            } else if !client.outgoing.offer(message, retain, identifiers) {
                self.figures.dropped += 1;
                return;
            }
            self.figures.sent(message);
        }
    }

    pub(super) fn owe(&mut self, id: SessionId, owed: Owed) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let (qos, retain) = (owed.qos, owed.retain);
        let number = owed.stored.as_ref().map(|stored| stored.0);
        let (identifiers, share) = (owed.identifiers.clone(), owed.share.clone());
        let before = session.cost();
        let Owing { position, dropped } = session.owe(owed, self.limits.owed(&self.account, session));
        self.account.adjust(&session.owner, before, session.cost());
        self.figures.dropped += dropped.len() as u64 + u64::from(position.is_none());
        self.sendable.push(id);
        if let (Some(number), Some(position)) = (number, position) {
            self.journal.record(Change::Owed {
                session: id,
                position,
                number,
                qos,
                retain,
                identifiers,
                share,
            });
        }
        if session.clean {
            return;
        }
        for (position, owed) in dropped {
            self.journal.record(Change::Dropped { session: id, position });
            self.journal.forget(owed.stored);
        }
    }

    /// Sends what is owed to connected clients, as far as their windows allow.
    pub(super) fn send_owed(&mut self) {
        let mut sendable = std::mem::take(&mut self.sendable);
        sendable.sort_unstable();
        sendable.dedup();
        for id in sendable.drain(..) {
            let Some(session) = self.sessions.get_mut(id) else {
                continue;
            };
            let Some(client) = session.connection.and_then(|connection| self.clients.get_mut(&connection))
            else {
                continue;
            };
            let (noted, cost) = (session.sending_until(), session.cost());
            let rights = &client.rights;
            while let Some(next) = session
                .next_forbidden(|topic| rights.may_subscribe(topic))
                .or_else(|| session.next(client.window, self.now))
            {
                match next {
                    Next::Ended { position, packet_id, owed } => {
                        client.outgoing.push(Outgoing::Deliver(Delivery::Release(packet_id)));
                        if !session.clean {
                            self.journal.record(Change::Recorded { session: id, position });
                            self.journal.forget(owed.stored);
                        }
                    }
                    Next::Deliver(delivery) => {
                        self.figures.delivered(&delivery);
                        client.outgoing.push(Outgoing::Deliver(delivery));
                    }
                    Next::Expired(position, owed) if !session.clean => {
                        self.journal.record(Change::Dropped { session: id, position });
                        self.journal.forget(owed.stored);
                    }
                    Next::Expired(..) => {}
                }
            }
            self.account.adjust(&session.owner, cost, session.cost());
            let until = session.sending_until();
            if until != noted && !session.clean {
                self.journal.record(Change::Sending { session: id, until });
            }
        }
        self.sendable = sendable;
    }

    /// Strikes what a client has acknowledged. One whose answer is not for a message of that QoS goes
    /// [MQTT-4.3.2, 4.3.3].
    pub(super) fn acknowledge(&mut self, connection: ConnectionId, acks: &[Ack]) {
        let Some(client) = self.clients.get_mut(&connection) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(client.session) else {
            return;
        };
        let (id, lasting, cost) = (client.session, !session.clean, session.cost());
        let mut delivered = false;
        for ack in acks {
            let mut known = true;
            match session.acknowledge(*ack, self.now) {
                Outcome::Nothing => continue,
                Outcome::Unfit => {
                    self.to_close.push((connection, CloseReason::WrongAcknowledgement));
                    break;
                }
                Outcome::Completed { position, owed } => {
                    delivered = true;
                    if lasting {
                        self.journal.acknowledge(id, position);
                        self.journal.release(owed.and_then(|owed| owed.stored));
                    }
                    continue;
                }
                Outcome::Recorded { position, owed } if lasting => {
                    delivered = true;
                    self.journal.record(Change::Recorded { session: id, position });
                    self.journal.release(owed.stored);
                }
                Outcome::Recorded { .. } => delivered = true,
                Outcome::Release => {}
                Outcome::Unknown => known = false,
            }
            let release = Answer::Release { packet_id: ack.packet_id(), known };
            client.outgoing.push(Outgoing::Answer(release));
        }
        if delivered {
            self.account.adjust(&session.owner, cost, session.cost());
            self.sendable.push(client.session);
            self.room_made = true;
        }
    }

    pub(super) fn release(&mut self, connection: ConnectionId, packet_id: u16) {
        let mut known = false;
        if let Some(id) = self.clients.get(&connection).map(|client| client.session)
            && let Some(session) = self.sessions.get_mut(id)
        {
            let before = session.cost();
            known = session.release(packet_id);
            self.account.adjust(&session.owner, before, session.cost());
            if known && !session.clean {
                self.journal.record(Change::Released { session: id, packet_id });
            }
        }
        self.answer(connection, Answer::Completed { packet_id, known });
    }

    pub(super) fn answer(&mut self, connection: ConnectionId, answer: Answer) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.outgoing.push(Outgoing::Answer(answer));
        }
    }
}
