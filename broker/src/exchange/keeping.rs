//! Making a round safe, and waiting while the store takes nothing.

use std::fmt::{self, Display};
use std::time::Duration;

use rusqlite::ErrorCode;
use tokio::sync::mpsc;

use crate::exchange::figures::figure;
use crate::exchange::{Exchange, Request};
use crate::router::RouterFailure;
use crate::store::Journal;

/// The figure under `$SYS/broker/` that tells how the store does.
pub(super) const STORE_STATE: &str = "store/state";
/// Between two attempts to commit.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Between two looks for acknowledgements meanwhile.
const LOOK_AFTER: Duration = Duration::from_millis(50);
/// Requests that are set aside meanwhile; connections wait then.
const MAX_POSTPONED: usize = 10_000;

/// How the store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreState {
    /// There is none.
    InMemory,
    Ok,
    /// No room on the disk, or for more than `[store] max_bytes`.
    Full,
    /// Nothing can be written for another reason.
    Failing,
}

impl StoreState {
    pub(super) fn of(journal: &Journal) -> StoreState {
        if journal.is_kept() { StoreState::Ok } else { StoreState::InMemory }
    }
}

impl Display for StoreState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreState::InMemory => "in memory",
            StoreState::Ok => "ok",
            StoreState::Full => "full",
            StoreState::Failing => "failing",
        })
    }
}

impl Exchange {
    /// Returns once the round is on disk, however long that takes; `false` if the broker is told
    /// to stop before.
    ///
    /// While the store takes nothing, nothing leaves and nothing is taken but acknowledgements of
    /// what is safe already: they may make the room that is missing.
    pub(super) fn keep(&mut self, requests: &mut mpsc::Receiver<Request>) -> Result<bool, RouterFailure> {
        let sweeping = std::mem::take(&mut self.sweeping);
        if !self.journal.is_due(sweeping) {
            return Ok(true);
        }
        while let Err(error) = self.journal.commit() {
            self.report_refusal(&error)?;
            if self.shutdown.is_cancelled() {
                tracing::warn!("stopped before the store took the last changes; they were not acknowledged");
                return Ok(false);
            }
            self.wait_for_room(requests);
        }
        if matches!(self.store_state, StoreState::Full | StoreState::Failing) {
            tracing::info!("the store takes messages again");
            self.announce(StoreState::Ok)?;
        }
        Ok(true)
    }

    fn report_refusal(&mut self, error: &rusqlite::Error) -> Result<(), RouterFailure> {
        let state = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreState::Full,
            _ => StoreState::Failing,
        };
        if state == self.store_state {
            return Ok(());
        }
        tracing::error!(
            %state,
            "the store takes nothing: {error}; nothing is acknowledged or delivered until it does; \
             make room on the disk (or raise [store] max_bytes)"
        );
        self.announce(state)
    }

    /// Tells who has subscribed, past everything that is not safe.
    fn announce(&mut self, state: StoreState) -> Result<(), RouterFailure> {
        self.store_state = state;
        let publication = figure(STORE_STATE, state.to_string());
        self.retain(&publication);
        let matches = self.router.route(&[&publication.message.topic])?;
        let mut recipients = Vec::new();
        self.sessions.recipients(&matches, &mut recipients);
        for (id, _) in recipients {
            let connection = self.sessions.get_mut(id).and_then(|session| session.connection);
            if let Some(client) = connection.and_then(|connection| self.clients.get_mut(&connection)) {
                client.outlet.send_ahead(&publication.message);
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
