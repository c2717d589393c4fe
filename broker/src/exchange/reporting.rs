//! Taking stock, and telling of it.

use std::collections::HashMap;
use std::time::Instant;

use crate::exchange::figures::figure;
use crate::exchange::{Exchange, Overview, Unrouted};
use crate::router::RouterFailure;

/// So many of those who have most are named in the figures.
const OWNERS_TOLD: usize = 50;

impl Exchange {
    /// Takes stock, and publishes the figures, retained, if they are due.
    pub(super) fn report(&mut self, now: Instant) -> Result<(), RouterFailure> {
        let overview = self.overview(now);
        self.overview.send_replace(overview.clone());
        if !self.figures.are_due(now) {
            return Ok(());
        }
        self.figures.published = Some(now);
        self.figures.update_load(now);
        let mut named = self.figures.named(&overview);
        named.extend(self.refusals.figures());
        named.extend(self.shares());
        self.route()?;
        let figures = named.into_iter().map(|(name, value)| Unrouted::own(figure(&name, value)));
        self.unrouted.extend(figures);
        self.route()
    }

    /// Who has how much of what is kept.
    fn shares(&mut self) -> [(String, String); 3] {
        let (used, total) = self.account.bytes();
        let mut owed = HashMap::new();
        for (_, session) in self.sessions.iter_mut().filter(|(_, session)| session.owed_messages() > 0) {
            *owed.entry(session.owner.clone()).or_insert(0) += session.owed_messages();
        }
        // Names and numbers: there is nothing in it that could fail.
        let largest = serde_json::to_string(&self.account.largest(OWNERS_TOLD, &owed)).unwrap_or_default();
        [
            ("kept/bytes".to_owned(), used.to_string()),
            ("kept/maximum".to_owned(), total.to_string()),
            ("kept/by owner".to_owned(), largest),
        ]
    }

    /// Looks at everything.
    pub(super) fn overview(&mut self, now: Instant) -> Overview {
        let (mut owed, mut owed_bytes, mut subscriptions) = (0, 0, 0);
        for (_, session) in self.sessions.iter_mut() {
            owed += session.owed_messages();
            owed_bytes += session.owed_bytes();
            subscriptions += session.subscriptions.len();
        }
        Overview {
            taken: now,
            uptime: now.duration_since(self.figures.started),
            store: self.store_state,
            store_bytes: self.journal.bytes(),
            clients: self.clients.len(),
            most_clients: self.figures.most_clients,
            sessions: self.sessions.len(),
            subscriptions,
            shares: self.sessions.shares(),
            owed,
            owed_bytes,
            retained: self.retained.len(),
            received: self.figures.received,
            sent: self.figures.sent,
            dropped: self.figures.dropped,
            handed_on: self.figures.handed_on,
        }
    }
}
