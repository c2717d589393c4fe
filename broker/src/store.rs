//! What survives the broker's end, `kill -9` and power cuts included: one SQLite file.
//!
//! The exchange gathers what a round changes in a [`Journal`], which is committed as one
//! transaction, one fsync, before anything of the round leaves. A message is stored once, however
//! many sessions it is owed to. `$SYS` and clean sessions are not stored, except wills: their
//! owners do not have to last.

mod clock;
mod journal;
mod restoring;
mod room;
mod schema;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::mqttbytes::QoS;
use rusqlite::Connection;

use crate::account::Owner;
use crate::message::Message;
use crate::publication::Will;
use crate::session::{StoredSession, SubscriptionOptions};
use crate::sessions::SessionId;
use crate::settings::StoreSettings;
pub(crate) use crate::store::journal::{Change, Journal};
use crate::store::room::RoomWanted;
pub(crate) use crate::store::room::StoreBytes;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("[store] path is not set; set it, or in_memory = true if nothing needs to survive a restart")]
    Unnamed,
    #[error(transparent)]
    Open(#[from] sqlite_file::OpenError),
    #[error(
        "the store {path} is damaged ({what}); move it away (with its -wal file) and start again: \
         all sessions and the messages owed to them are lost"
    )]
    Damaged { path: PathBuf, what: String },
}

/// Everything that was kept.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Charged to their owners already.
    pub(crate) sessions: Vec<RestoredSession>,
    /// With those who have published them.
    pub(crate) retained: Vec<(Arc<Message>, QoS, Owner)>,
    /// Wills of clients that were connected when the broker was killed.
    pub(crate) wills: Vec<RestoredWill>,
    /// Wills that wait for their clients to come back.
    pub(crate) delayed_wills: Vec<RestoredDelayedWill>,
    pub(crate) dropped: Dropped,
}

/// What was kept and has no room any more, because there is less in all, or there are more users.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    pub(crate) sessions: usize,
    /// Messages owed.
    pub(crate) owed: usize,
    pub(crate) subscriptions: usize,
    pub(crate) retained: usize,
}

impl Dropped {
    /// One line, if anything was dropped.
    pub(crate) fn log(&self) {
        let Dropped { sessions, owed, subscriptions, retained } = self;
        if sessions + owed + subscriptions + retained > 0 {
            tracing::warn!(
                sessions,
                owed,
                subscriptions,
                retained,
                "not everything kept has room any more, so this much was dropped"
            );
        }
    }
}

/// The will of a client that was connected.
#[derive(Debug)]
pub(crate) struct RestoredWill {
    /// Its session, if that is a lasting one.
    pub(crate) session: Option<SessionId>,
    pub(crate) owner: Owner,
    pub(crate) will: Will,
}

/// The will of a client that was absent.
#[derive(Debug)]
pub(crate) struct RestoredDelayedWill {
    pub(crate) session: SessionId,
    pub(crate) due_in: Duration,
    pub(crate) owner: Owner,
    pub(crate) will: Will,
}

/// A lasting session.
#[derive(Debug)]
pub(crate) struct RestoredSession {
    pub(crate) id: SessionId,
    /// How long its client has been away; `None` if it was connected at the end.
    pub(crate) absent_for: Option<Duration>,
    pub(crate) subscriptions: Vec<(String, SubscriptionOptions)>,
    pub(crate) session: StoredSession,
}

/// The open file. Nobody else can open it at the same time.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
    room: RoomWanted,
}

impl Store {
    /// Opens the file, makes it if there is none (but no folder); `None` if the settings say that
    /// nothing is to be kept.
    pub(crate) fn open(settings: &StoreSettings) -> Result<Option<Store>, StoreError> {
        if settings.in_memory {
            return Ok(None);
        }
        let path = &settings.path;
        if path.as_os_str().is_empty() {
            return Err(StoreError::Unnamed);
        }
        let connection = schema::open(path)?;
        let room = RoomWanted { max_bytes: settings.max_bytes, min_free_bytes: settings.min_free_bytes };
        Ok(Some(Store { connection, path: path.clone(), room }))
    }

    /// How much is in the file, and how much room is left for it.
    fn bytes(&self) -> Option<StoreBytes> {
        room::bytes(&self.connection, &self.path)
    }

    /// Whether this much is enough for more messages.
    fn is_enough(&self, bytes: StoreBytes) -> bool {
        self.room.is_enough(bytes)
    }

    /// Whether more messages should be taken.
    fn has_room(&self) -> bool {
        self.room.is_there(&self.connection, &self.path)
    }
}
