//! Clients: coming and going.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{LoginRefused, Rights};
use crate::account::{Kind, Owner, SMALL_WILL, retained_cost, session_cost};
use crate::exchange::{Client, Exchange, Opening};
use crate::outgoing::{Answer, CloseReason, ConnectRefused, Outgoing, OutgoingSender};
use crate::router::RouterFailure;
use crate::session::{ConnectionId, Expiry};
use crate::sessions::{Opened, OrphanedFilter, SessionId};
use crate::store::Change;

impl Exchange {
    /// Connects a client to its session, and takes the session from an earlier connection.
    pub(super) fn connect(
        &mut self,
        connection: ConnectionId,
        opening: Opening,
        mut rights: Arc<Rights>,
        owner: &Owner,
        mut outgoing: OutgoingSender,
    ) -> Result<(), RouterFailure> {
        self.route()?;
        // A reload may have come in between.
        let may_will = |rights: &Rights| {
            let will = opening.will.as_ref().map(|will| &will.publication.message.topic);
            will.is_none_or(|topic| rights.may_publish(topic))
        };
        let Some(renewed) = self.access.renew(&rights).filter(may_will) else {
            refuse(&mut outgoing, ConnectRefused::Login(LoginRefused::WrongLogin));
            self.closing.push(outgoing);
            return Ok(());
        };
        if renewed != *rights {
            rights = Arc::new(renewed);
            outgoing.push(Outgoing::Rights(Arc::clone(&rights)));
        }
        let client_id = opening.client_id.as_str();
        self.leave_earlier_life(client_id, opening.clean_start)?;
        self.end_inaccessible(client_id, &rights);
        if let Err(reason) = self.make_room(&opening, owner) {
            tracing::warn!(client_id, %owner, "refused: {reason}");
            refuse(&mut outgoing, reason);
            self.closing.push(outgoing);
            return Ok(());
        }
        if let Some(session) = self.sessions.of_client(client_id) {
            self.void_delayed_will(session);
            self.note_expiry(session, opening.expiry);
        }
        let opened = self.sessions.open(client_id, owner, opening.expiry, connection, self.now);
        self.note_connection(&opened, owner, connection, &opening);
        outgoing.push(Outgoing::Answer(Answer::Connected { session_present: opened.present }));
        if let Some(session) = self.sessions.get_mut(opened.session) {
            session.may_hold_publishers = rights.holds_publishers;
            for release in session.begin_again() {
                outgoing.push(Outgoing::Deliver(release));
            }
            let owed = session.owed_messages();
            tracing::info!(client_id, owed, "client connected");
        }
        let window = self.limits.window.min(opening.receive_maximum);
        let client = Client {
            session: opened.session,
            owner: owner.clone(),
            outgoing,
            rights,
            window,
            will: opening.will,
            held: VecDeque::new(),
        };
        self.clients.insert(connection, client);
        self.figures.connected(self.clients.len());
        self.sendable.push(opened.session);
        self.take_over(opened.session);
        Ok(())
    }

    /// Closes the client's earlier connection, and ends its session if that is over.
    fn leave_earlier_life(&mut self, client_id: &str, clean_start: bool) -> Result<(), RouterFailure> {
        let Some(id) = self.sessions.of_client(client_id) else {
            return Ok(());
        };
        if let Some(earlier) = self.sessions.get_mut(id).and_then(|session| session.connection) {
            self.close(earlier, CloseReason::TakenOver)?;
        }
        let (longest, now) = (self.limits.expiry, self.now);
        let over = self.sessions.get_mut(id).is_some_and(|session| session.has_expired(longest, now));
        if clean_start || over {
            self.end_session(id);
            self.route()?;
        }
        Ok(())
    }

    /// Finds room for what a client brings along: a lasting session, unless it has one already, and
    /// its will, which is charged.
    fn make_room(&mut self, opening: &Opening, owner: &Owner) -> Result<(), ConnectRefused> {
        let client_id = opening.client_id.as_str();
        let is_to_last = opening.expiry != Some(Duration::ZERO);
        let is_new = self.sessions.of_client(client_id).is_none();
        if is_new && is_to_last && !self.has_room_for_session(owner, client_id) {
            return Err(ConnectRefused::TooManySessions);
        }
        if let Some(will) = &opening.will {
            let cost = retained_cost(&will.publication.message);
            if cost > SMALL_WILL && !self.account.fits(owner, Kind::Bytes, cost) {
                return Err(ConnectRefused::NoRoomForWill);
            }
            self.account.charge(owner, Kind::Bytes, cost);
        }
        Ok(())
    }

    /// Whether `owner` may have one lasting session more; one whose client is absent makes way for
    /// it.
    fn has_room_for_session(&mut self, owner: &Owner, client_id: &str) -> bool {
        let cost = session_cost(client_id);
        if self.account.fits(owner, Kind::Sessions, 1) && self.account.fits(owner, Kind::Bytes, cost) {
            return true;
        }
        let dispensable = self.sessions.most_dispensable(owner);
        if let Some(session) = dispensable {
            self.figures.displaced_sessions += 1;
            self.end_session(session);
        }
        dispensable.is_some()
    }

    /// Ends a session with subscriptions that its user may not have any more, so that its client
    /// subscribes anew and is told; but what is owed to it comes first. And ends the one that the client
    /// had before it was somebody's, which would be owed messages for ever.
    fn end_inaccessible(&mut self, client_id: &str, rights: &Rights) {
        if let Some(id) = self.sessions.of_client(client_id)
            && let Some(session) = self.sessions.get_mut(id)
            && session.owed_messages() == 0
            && !session.subscriptions.keys().all(|filter| rights.may_subscribe(filter))
        {
            tracing::warn!(client_id, "session ended: its user may no longer have its subscriptions");
            self.end_session(id);
        }
        if let Some(anonymous_predecessor) = rights.anonymous_predecessor(client_id)
            && let Some(id) = self.sessions.of_client(anonymous_predecessor)
            && self.sessions.get_mut(id).is_some_and(|session| session.connection.is_none())
        {
            tracing::info!(client_id, "the client's anonymous session was ended");
            self.end_session(id);
        }
    }

    fn note_connection(
        &mut self,
        opened: &Opened,
        owner: &Owner,
        connection: ConnectionId,
        opening: &Opening,
    ) {
        let session = opened.session;
        let lasting = self.sessions.is_lasting(session);
        if !opened.present {
            self.account.charge(owner, Kind::Bytes, session_cost(&opening.client_id));
        }
        if opened.present {
            self.journal.record(Change::Present(session));
        } else if lasting {
            let client_id = opening.client_id.as_str().into();
            self.account.charge(owner, Kind::Sessions, 1);
            let (owner, expiry) = (owner.clone(), opening.expiry);
            self.journal.record(Change::Opened { session, client_id, owner, expiry });
        }
        if let Some(will) = &opening.will {
            let session = lasting.then_some(session);
            let (owner, will) = (owner.clone(), will.clone());
            self.journal.record(Change::Will { connection, session, owner, will });
        }
    }

    /// A lasting session stays for another time than before, once its client is gone.
    fn note_expiry(&mut self, id: SessionId, expiry: Expiry) {
        if let Some(session) = self.sessions.get_mut(id)
            && session.expiry != expiry
        {
            session.expiry = expiry;
            if !session.clean {
                self.journal.record(Change::Expires { session: id, expiry });
            }
        }
    }

    /// The client says good-bye, with its will or without.
    pub(super) fn disconnect(
        &mut self,
        connection: ConnectionId,
        with_will: bool,
        expiry: Option<Expiry>,
    ) -> Result<(), RouterFailure> {
        let Some(client) = self.clients.get_mut(&connection) else {
            return Ok(());
        };
        let session = client.session;
        if !with_will && let Some(will) = client.will.take() {
            self.account.credit(&client.owner, Kind::Bytes, retained_cost(&will.publication.message));
            self.journal.record(Change::WillGone(connection));
        }
        if let Some(expiry) = expiry {
            self.note_expiry(session, expiry);
        }
        self.close(connection, CloseReason::Disconnected)
    }

    /// Ends a connection from our side.
    pub(super) fn close(
        &mut self,
        connection: ConnectionId,
        reason: CloseReason,
    ) -> Result<(), RouterFailure> {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.outgoing.push(Outgoing::Close(reason));
        }
        self.leave(connection)
    }

    /// Forgets a connection that has ended: publishes its will, if it still has one, and ends
    /// its session if that does not outlive it.
    pub(super) fn leave(&mut self, connection: ConnectionId) -> Result<(), RouterFailure> {
        self.route()?;
        let Some(client) = self.clients.remove(&connection) else {
            return Ok(());
        };
        self.room_made = true;
        // What it was to be sent is not safe before the round ends.
        self.closing.push(client.outgoing);
        if let Some(session) = self.sessions.get_mut(client.session) {
            session.connection = None;
            session.idle_since = self.now;
            if session.expiry == Some(Duration::ZERO) {
                self.end_session(client.session);
            } else {
                self.journal.record(Change::Absent(client.session));
                self.note_leaving(client.session);
            }
        }
        if let Some(will) = client.will {
            self.account.credit(&client.owner, Kind::Bytes, retained_cost(&will.publication.message));
            self.journal.record(Change::WillGone(connection));
            self.client_left_will(client.session, client.owner, will);
            self.route()?;
        }
        Ok(())
    }

    /// Forgets a session. Its will, if that still waits, is published.
    pub(super) fn end_session(&mut self, session: SessionId) {
        self.publish_delayed_will(session);
        self.hand_on_all(session);
        let Some(ended) = self.sessions.end(&mut self.account, session) else {
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

fn refuse(outgoing: &mut OutgoingSender, refusal: ConnectRefused) {
    outgoing.push(Outgoing::Answer(Answer::Refused(refusal)));
    outgoing.push(Outgoing::Close(CloseReason::Refused(refusal)));
}
