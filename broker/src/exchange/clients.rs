//! Clients: coming and going.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, LastWill, Packet};

use crate::exchange::{Client, Exchange, Publication};
use crate::outlet::{Outgoing, Outlet};
use crate::owed::Message;
use crate::router::RouterFailure;
use crate::session::ConnectionId;
use crate::sessions::{Opened, OrphanedFilter, SessionId};
use crate::store::Change;

impl Exchange {
    /// Connects a client to its session, and takes the session from an earlier connection.
    pub(super) fn connect(
        &mut self,
        connection: ConnectionId,
        connect: Connect,
        mut outlet: Outlet,
    ) -> Result<(), RouterFailure> {
        self.route()?;
        let client_id = &connect.client_id;
        if let Some(id) = self.sessions.of_client(client_id) {
            let earlier = self.sessions.get_mut(id).and_then(|session| session.connection);
            if let Some(earlier) = earlier {
                self.close(earlier, "the client connected again")?;
            }
            if connect.clean_session {
                self.end_session(id);
            }
        }
        let known = self.sessions.of_client(client_id).is_some();
        if !known && !self.has_room_for_session() {
            tracing::warn!(client_id, "refused: there are too many sessions");
            refuse(&mut outlet);
            self.parting.push(outlet);
            return Ok(());
        }
        let opened = self.sessions.open(client_id, connect.clean_session, connection, self.now);
        self.note_connection(&opened, connection, &connect);
        let connack = ConnAck::new(ConnectReturnCode::Success, opened.present);
        outlet.push(Outgoing::Answer(Packet::ConnAck(connack)));
        if let Some(session) = self.sessions.get_mut(opened.session) {
            for delivery in session.redeliveries() {
                self.figures.delivered(&delivery);
                outlet.push(Outgoing::Deliver(delivery));
            }
            let owed = session.owed_messages();
            tracing::info!(client_id, owed, "client connected");
        }
        let client =
            Client { session: opened.session, outlet, will: connect.last_will, held: VecDeque::new() };
        self.clients.insert(connection, client);
        self.figures.connected(self.clients.len());
        self.stirred.push(opened.session);
        Ok(())
    }

    /// Whether there may be one session more; one that holds nothing makes way for it.
    fn has_room_for_session(&mut self) -> bool {
        if self.sessions.len() < self.limits.max_sessions {
            return true;
        }
        let dispensable = self.sessions.most_dispensable();
        if let Some(session) = dispensable {
            self.end_session(session);
        }
        dispensable.is_some()
    }

    fn note_connection(&mut self, opened: &Opened, connection: ConnectionId, connect: &Connect) {
        let session = opened.session;
        if opened.present {
            self.journal.record(Change::Present(session));
        } else if !connect.clean_session {
            let client_id = connect.client_id.as_str().into();
            self.journal.record(Change::Opened { session, client_id });
        }
        if let Some(will) = &connect.last_will {
            self.journal.record(Change::Will { connection, will: publication_of(will.clone()) });
        }
    }

    /// Ends a connection from our side.
    pub(super) fn close(
        &mut self,
        connection: ConnectionId,
        reason: &'static str,
    ) -> Result<(), RouterFailure> {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.outlet.push(Outgoing::Close(reason));
        }
        self.leave(connection)
    }

    /// Forgets a connection that has ended: publishes its will, if it still has one, and ends
    /// its session if that is a clean one.
    pub(super) fn leave(&mut self, connection: ConnectionId) -> Result<(), RouterFailure> {
        self.route()?;
        let Some(client) = self.clients.remove(&connection) else {
            return Ok(());
        };
        self.room_made = true;
        // What it was to be sent is not safe before the round ends.
        self.parting.push(client.outlet);
        if let Some(session) = self.sessions.get_mut(client.session) {
            session.connection = None;
            session.idle_since = self.now;
            if session.clean {
                self.end_session(client.session);
            } else {
                self.journal.record(Change::Absent(client.session));
            }
        }
        if let Some(will) = client.will {
            self.journal.record(Change::WillGone(connection));
            self.unrouted.push((None, publication_of(will)));
            self.route()?;
        }
        Ok(())
    }

    pub(super) fn end_session(&mut self, session: SessionId) {
        let Some(ended) = self.sessions.end(session) else {
            return;
        };
        if !ended.clean {
            self.journal.record(Change::Ended(session));
            self.journal.forget(ended.owed);
        }
        self.drop_filters(ended.orphaned);
    }

    pub(super) fn drop_filters(&mut self, orphaned: impl IntoIterator<Item = OrphanedFilter>) {
        for filter in orphaned {
            self.router.unsubscribe(&filter);
        }
    }
}

fn refuse(outlet: &mut Outlet) {
    let connack = ConnAck::new(ConnectReturnCode::ServiceUnavailable, false);
    outlet.push(Outgoing::Answer(Packet::ConnAck(connack)));
    outlet.push(Outgoing::Close("there are too many sessions"));
}

fn publication_of(will: LastWill) -> Publication {
    Publication {
        // A copy, so that the rest of the CONNECT is not kept with it.
        message: Arc::new(Message { topic: will.topic, payload: Bytes::copy_from_slice(&will.message) }),
        qos: will.qos,
        retain: will.retain,
        packet_id: 0,
    }
}
