//! Clients: coming and going.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, LastWill, Packet};

use crate::exchange::{Client, Exchange, Publication};
use crate::outlet::{Outgoing, Outlet};
use crate::router::RouterFailure;
use crate::session::ConnectionId;
use crate::sessions::{OrphanedFilter, SessionId};
use crate::store::Message;

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
        if !known && self.sessions.len() >= self.limits.max_sessions {
            tracing::warn!(client_id, "refused: there are too many sessions");
            refuse(&mut outlet);
            return Ok(());
        }
        let opened = self.sessions.open(client_id, connect.clean_session, connection, self.now);
        let connack = ConnAck::new(ConnectReturnCode::Success, opened.present);
        outlet.push(Outgoing::Answer(Packet::ConnAck(connack)));
        if let Some(session) = self.sessions.get_mut(opened.session) {
            for delivery in session.redeliveries() {
                outlet.push(Outgoing::Deliver(delivery));
                self.figures.sent += 1;
            }
            let owed = session.owed_messages();
            tracing::info!(client_id, owed, "client connected");
        }
        let client =
            Client { session: opened.session, outlet, will: connect.last_will, held: VecDeque::new() };
        self.clients.insert(connection, client);
        self.stirred.push(opened.session);
        Ok(())
    }

    /// Ends a connection from our side.
    pub(super) fn close(
        &mut self,
        connection: ConnectionId,
        reason: &'static str,
    ) -> Result<(), RouterFailure> {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.outlet.push(Outgoing::Close(reason));
            client.outlet.flush();
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
        if let Some(session) = self.sessions.get_mut(client.session) {
            session.connection = None;
            session.idle_since = self.now;
            if session.clean {
                self.end_session(client.session);
            }
        }
        if let Some(will) = client.will {
            self.unrouted.push((None, publication_of(will)));
            self.route()?;
        }
        Ok(())
    }

    pub(super) fn end_session(&mut self, session: SessionId) {
        let orphaned = self.sessions.end(session);
        self.drop_filters(orphaned);
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
    outlet.flush();
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
