//! A session that outlives the broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use crate::account::{Owner, RECEIVED};
use crate::owed::{MessageNumber, Owed};
use crate::session::{Expiry, InFlight, Session};

/// A session as the store kept it.
#[derive(Debug)]
pub(crate) struct StoredSession {
    pub(crate) client_id: Arc<str>,
    pub(crate) owner: Owner,
    pub(crate) expiry: Expiry,
    /// Messages up to this position may have been sent already.
    pub(crate) sending_until: u64,
    /// By ascending position; `None` for those the client has recorded.
    pub(crate) owed: Vec<(u64, Option<Owed>)>,
    pub(crate) receiving: HashSet<u16>,
}

impl Session {
    /// A lasting session as it was when the broker ended.
    pub(crate) fn restore(stored: StoredSession, idle_since: Instant) -> Session {
        let last_owed = stored.owed.last().map_or(0, |(position, _)| *position);
        let mut session = Session {
            // Not below the note, so that what is new counts as not sent.
            last_position: last_owed.max(stored.sending_until),
            sent_before: stored.sending_until,
            sending_until: stored.sending_until,
            receiving: stored.receiving,
            // Stored, so it is no clean one, even if it was to end with its last connection.
            clean: false,
            ..Session::new(stored.client_id, stored.owner, stored.expiry, idle_since)
        };
        session.cost += session.receiving.len() * RECEIVED;
        for (position, owed) in stored.owed {
            match owed {
                Some(owed) => {
                    session.cost += owed.cost();
                    session.owed.push(position, owed);
                }
                None => session.in_flight.push_back(InFlight { position, owed: None }),
            }
        }
        session
    }

    /// The store's numbers of all messages owed.
    pub(crate) fn into_stored(self) -> impl Iterator<Item = Arc<MessageNumber>> {
        let flying = self.in_flight.into_iter().filter_map(|flying| flying.owed);
        flying.chain(self.owed.into_iter()).filter_map(|owed| owed.stored)
    }
}
