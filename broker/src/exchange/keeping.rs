//! Making a round safe, and waiting while the store takes nothing.

use std::sync::Arc;
use std::time::Duration;

use daemon_runtime::Alive;
use rusqlite::ErrorCode;
use tokio::sync::mpsc;

use crate::exchange::figures::{STORE_STATE, figure};
use crate::exchange::{Exchange, Request, StoreState};
use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::outgoing::OutgoingSender;
use crate::router::RouterFailure;

/// Between two attempts to commit.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Between two looks for acknowledgements meanwhile.
const LOOK_AFTER: Duration = Duration::from_millis(50);
/// Requests that are set aside meanwhile; connections wait then.
const MAX_POSTPONED: usize = 10_000;

impl Exchange {
    /// Returns once the round is on disk, however long that takes; `false` if the broker is told
    /// to stop before.
    ///
    /// While the store takes nothing, nothing leaves and nothing is taken but acknowledgements of
    /// what is safe already: they may make the room that is missing.
    pub(super) fn keep(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        alive: &Alive,
    ) -> Result<bool, RouterFailure> {
        let sweeping = std::mem::take(&mut self.sweeping) || self.store_is_full();
        if self.journal.is_due(sweeping) {
            while let Err(error) = self.journal.commit() {
                self.report_refusal(&error)?;
                if self.shutdown.is_cancelled() {
                    tracing::warn!("stopped before the last changes were stored");
                    return Ok(false);
                }
                // A full disk is no reason to start again.
                alive.step();
                self.wait_for_room(requests);
            }
        } else if !sweeping {
            return Ok(true);
        }
        self.look_for_room()?;
        Ok(true)
    }

    /// Whether publishers have to wait until there is room in the store.
    pub(super) fn store_is_full(&self) -> bool {
        self.store_state == StoreState::Full
    }

    /// Notices that little room is left, or enough again.
    fn look_for_room(&mut self) -> Result<(), RouterFailure> {
        let state = if self.journal.has_room() { StoreState::Ok } else { StoreState::Full };
        if state == self.store_state || self.store_state == StoreState::InMemory {
            return Ok(());
        }
        if state == StoreState::Full {
            tracing::error!(
                "the store is full: publishers of QoS 1 and 2 wait; \
                 free some disk space, or raise [store] max_bytes"
            );
        } else {
            tracing::info!("the store accepts changes again");
        }
        self.room_made = true;
        self.announce(state, |outgoing, message, identifiers| {
            outgoing.push_qos0(message, false, identifiers);
        })
    }

    fn report_refusal(&mut self, error: &rusqlite::Error) -> Result<(), RouterFailure> {
        let state = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreState::Exhausted,
            _ => StoreState::Failing,
        };
        if state == self.store_state {
            return Ok(());
        }
        tracing::error!(
            "cannot write to the store: {error}; until this works again, nothing is received or delivered"
        );
        self.announce(state, OutgoingSender::send_ahead)
    }

    /// Tells who has subscribed: after everything else if that is safe, past it if it is not.
    fn announce(
        &mut self,
        state: StoreState,
        tell: fn(&mut OutgoingSender, &Arc<Message>, Identifiers),
    ) -> Result<(), RouterFailure> {
        self.store_state = state;
        self.overview.send_modify(|overview| overview.store = state);
        let publication = figure(STORE_STATE, state.to_string());
        self.retain(&publication, None);
        let matches = self.router.route(&[&publication.message.topic], &mut self.work)?;
        let mut recipients = Vec::new();
        self.sessions.recipients(&matches, (None, publication.qos), |_| true, &mut recipients);
        for recipient in recipients {
            let connection = self.sessions.get_mut(recipient.session).and_then(|session| session.connection);
            if let Some(client) = connection.and_then(|connection| self.clients.get_mut(&connection)) {
                tell(&mut client.outgoing, &publication.message, recipient.identifiers);
            }
        }
        Ok(())
    }

    fn wait_for_room(&mut self, requests: &mut mpsc::Receiver<Request>) {
        for _ in 0..RETRY_AFTER.as_millis() / LOOK_AFTER.as_millis() {
            if self.shutdown.is_cancelled() {
                return;
            }
            while self.postponed.len() < MAX_POSTPONED
                && let Ok(request) = requests.try_recv()
            {
                match request {
                    Request::Acks { connection, acks } => self.acknowledge(connection, &acks),
                    Request::Tick(_) => {}
                    other => self.postponed.push_back(other),
                }
            }
            std::thread::sleep(LOOK_AFTER);
        }
    }
}
