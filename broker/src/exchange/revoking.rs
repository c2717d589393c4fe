//! Taking back what is no longer permitted, after a reload and at a start.
//!
//! Whoever would not come in any more is disconnected, and sessions whose users are gone end; neither
//! leaves a will. A subscription that its user may no longer have *rests*: it is there, but brings
//! nothing, until the right to it is given back or its client comes anew and is told. Messages that
//! were owed before are looked at once more when they are sent.

use std::sync::Arc;

use crate::access::{Access, Rights};
use crate::account::{Kind, retained_cost};
use crate::exchange::{Exchange, Incoming};
use crate::outgoing::{CloseReason, Outgoing};
use crate::router::RouterFailure;
use crate::session::ConnectionId;
use crate::sessions::SessionId;
use crate::store::Change;

/// How much was taken back.
#[derive(Debug, Default)]
struct Revoked {
    clients: usize,
    sessions: usize,
    wills: usize,
    /// Subscriptions that rest now.
    subscriptions: usize,
}

impl Revoked {
    fn log(&self) {
        let Revoked { clients, sessions, wills, subscriptions } = self;
        if clients + sessions + wills + subscriptions > 0 {
            tracing::warn!(clients, sessions, wills, subscriptions, "no longer permitted, so it has ended");
        }
    }
}

impl Exchange {
    /// From now on `access` says who may do what, also to those who are there already.
    pub(super) fn adopt_access(&mut self, access: Arc<Access>) -> Result<(), RouterFailure> {
        // What was published before was permitted.
        self.route()?;
        self.access = access;
        let mut revoked = Revoked::default();
        for connection in self.clients.keys().copied().collect::<Vec<_>>() {
            self.revoke_client(connection, &mut revoked)?;
        }
        self.revoke_sessions(&mut revoked);
        revoked.log();
        Ok(())
    }

    /// The same for what a start has read back, while nobody is connected.
    pub(super) fn revoke_restored(&mut self) {
        let mut revoked = Revoked::default();
        self.revoke_sessions(&mut revoked);
        revoked.log();
    }

    /// What the client of a session may do now; `None` if there can be no such client any more.
    pub(super) fn rights_of(&mut self, id: SessionId) -> Option<Arc<Rights>> {
        let session = self.sessions.get_mut(id)?;
        let client = session.connection.and_then(|connection| self.clients.get(&connection));
        match client {
            Some(client) => Some(Arc::clone(&client.rights)),
            None => self.access.rights_of_session(&session.client_id).map(Arc::new),
        }
    }

    fn revoke_client(
        &mut self,
        connection: ConnectionId,
        revoked: &mut Revoked,
    ) -> Result<(), RouterFailure> {
        let Some(client) = self.clients.get_mut(&connection) else {
            return Ok(());
        };
        let renewed = self.access.renew(&client.rights).map(Arc::new);
        let may_publish = |topic: &str| renewed.as_ref().is_some_and(|rights| rights.may_publish(topic));
        if let Some(will) = client.will.take_if(|will| !may_publish(&will.publication.message.topic)) {
            self.account.credit(&client.owner, Kind::Bytes, retained_cost(&will.publication.message));
            self.journal.record(Change::WillGone(connection));
            revoked.wills += 1;
        }
        let overtaken = client.held.iter().any(|held| match held {
            Incoming::Publish(publication) => !may_publish(&publication.message.topic),
            Incoming::Control(_) => false,
        });
        match renewed.filter(|_| !overtaken) {
            Some(rights) => {
                if let Some(session) = self.sessions.get_mut(client.session) {
                    session.may_hold_publishers = rights.holds_publishers;
                }
                client.outgoing.push(Outgoing::Rights(Arc::clone(&rights)));
                client.rights = rights;
                Ok(())
            }
            None => {
                revoked.clients += 1;
                self.close(connection, CloseReason::Revoked)
            }
        }
    }

    fn revoke_sessions(&mut self, revoked: &mut Revoked) {
        for id in self.sessions.iter_mut().map(|(id, _)| id).collect::<Vec<_>>() {
            let rights = self.rights_of(id);
            let will = self.delayed_wills.get(&id).map(|delayed| &delayed.will.publication.message.topic);
            if will.is_some_and(|topic| !rights.as_ref().is_some_and(|rights| rights.may_publish(topic))) {
                self.void_delayed_will(id);
                revoked.wills += 1;
            }
            let Some(rights) = rights else {
                revoked.sessions += 1;
                self.end_session(id);
                continue;
            };
            revoked.subscriptions += self.sessions.rest(id, |filter| !rights.may_subscribe(filter));
            if let Some(session) = self.sessions.get_mut(id) {
                session.doubt_what_is_owed();
            }
            self.note_leaving(id);
        }
    }
}
