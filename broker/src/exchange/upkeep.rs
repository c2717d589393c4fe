//! What time brings: figures, forgotten sessions, clients that stopped taking anything.

use std::time::Instant;

use crate::exchange::Exchange;
use crate::outgoing::CloseReason;
use crate::router::RouterFailure;

impl Exchange {
    /// What is to be done now and then: publish figures, forget sessions, free publishers.
    pub(super) fn tick(&mut self, now: Instant) -> Result<(), RouterFailure> {
        self.now = now;
        // Also for those who wait for a client to read, which nobody tells.
        self.room_made = true;
        self.sweeping = true;
        self.router.tick()?;
        self.disconnect_stalled()?;
        let expired = self.sessions.expired(self.limits.expiry, now);
        self.figures.expired(expired.len());
        for session in expired {
            self.end_session(session);
        }
        self.publish_due_wills();
        self.clients.values_mut().for_each(|client| client.outgoing.settle());
        if self.figures.are_due(now) {
            self.journal.look_anew();
            self.warn_of_dropped();
            self.expire_retained();
        }
        self.report(now)
    }

    /// Disconnects clients whose queue is full and who acknowledge nothing, while publishers
    /// wait for them.
    fn disconnect_stalled(&mut self) -> Result<(), RouterFailure> {
        if self.served.is_empty() {
            return Ok(());
        }
        let (account, limits, now) = (&self.account, &self.limits, self.now);
        let stalled: Vec<_> = self
            .sessions
            .iter_mut()
            .filter(|(_, session)| {
                session.holds_publishers(limits.owed(account, session))
                    && now.duration_since(session.idle_since) >= limits.stalled_after
            })
            .filter_map(|(_, session)| {
                let client_id = &*session.client_id;
                tracing::warn!(client_id, "disconnected: its queue is full and it acknowledges nothing");
                session.connection
            })
            .collect();
        for connection in stalled {
            self.close(connection, CloseReason::Stalled)?;
        }
        Ok(())
    }

    fn warn_of_dropped(&mut self) {
        if let Some((messages, reason)) = self.figures.not_retained.take() {
            tracing::warn!(messages, "not retained: {reason}");
        }
        for (_, session) in self.sessions.iter_mut() {
            let dropped = session.take_dropped();
            if dropped > 0 {
                let client_id = &*session.client_id;
                let owed = session.owed_messages();
                tracing::error!(
                    client_id,
                    dropped,
                    owed,
                    "queue of a client is full: its oldest messages are dropped"
                );
            }
        }
    }
}
