//! What has changed and is not on disk yet.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use rumqttc::mqttbytes::QoS;

use crate::account::Owner;
use crate::identifiers::Identifiers;
use crate::message::Message;
use crate::owed::MessageNumber;
use crate::publication::Will;
use crate::session::{ConnectionId, Expiry, SubscriptionOptions};
use crate::sessions::SessionId;
use crate::store::{Store, StoreBytes};
use crate::topics::SharePath;

/// Changes that nobody waits for are committed when there are this many.
const MANY: usize = 2_000;

/// One change of what is to survive. Sessions are lasting ones.
#[derive(Debug)]
pub(crate) enum Change {
    /// A session has begun.
    Opened {
        session: SessionId,
        client_id: Arc<str>,
        owner: Owner,
        expiry: Expiry,
    },
    /// It stays for another time than before.
    Expires {
        session: SessionId,
        expiry: Expiry,
    },
    /// Its client is connected again.
    Present(SessionId),
    /// Its client is gone, from now on.
    Absent(SessionId),
    /// It is forgotten, with everything owed to it.
    Ended(SessionId),
    Subscribed {
        session: SessionId,
        filter: String,
        options: SubscriptionOptions,
    },
    Unsubscribed {
        session: SessionId,
        filter: String,
    },
    /// A message that is about to be owed.
    Kept {
        number: u64,
        message: Arc<Message>,
        /// The user who has published it.
        publisher: Option<Arc<str>>,
    },
    Owed {
        session: SessionId,
        position: u64,
        number: u64,
        qos: QoS,
        retain: bool,
        identifiers: Identifiers,
        share: Option<SharePath>,
    },
    /// Messages up to this position may have been sent.
    Sending {
        session: SessionId,
        until: u64,
    },
    /// The client has recorded a QoS 2 message.
    Recorded {
        session: SessionId,
        position: u64,
    },
    /// Dropped for want of room.
    Dropped {
        session: SessionId,
        position: u64,
    },
    /// Messages up to this position found no room at the start.
    DroppedUpTo {
        session: SessionId,
        position: u64,
    },
    /// Any messages that are owed to nobody.
    AllUnowed,
    /// Messages that are owed to nobody any more.
    Forgotten(RangeInclusive<u64>),
    /// A QoS 2 message was taken from the client.
    Receiving {
        session: SessionId,
        packet_id: u16,
    },
    /// The client has released it.
    Released {
        session: SessionId,
        packet_id: u16,
    },
    Retained {
        message: Arc<Message>,
        qos: QoS,
        owner: Owner,
    },
    Unretained {
        topic: String,
        qos: QoS,
    },
    /// A client with a will has connected.
    Will {
        connection: ConnectionId,
        /// Its session, if that is a lasting one.
        session: Option<SessionId>,
        owner: Owner,
        will: Will,
    },
    /// Its will is published, or void.
    WillGone(ConnectionId),
    /// The wills left from before the start are published.
    WillsGone,
    /// A will waits for its client to come back.
    WillDelayed {
        session: SessionId,
        due: Instant,
        owner: Owner,
        will: Will,
    },
    /// It is published, or void.
    DelayedWillGone(SessionId),
}

impl Change {
    /// Whether somebody is told something that this change must outlive. The others lose nothing
    /// if they are lost: the worst is that a message is sent again with DUP.
    fn is_awaited(&self) -> bool {
        match self {
            Change::Present(_)
            | Change::Absent(_)
            | Change::WillGone(_)
            | Change::WillDelayed { .. }
            | Change::DelayedWillGone(_)
            | Change::DroppedUpTo { .. }
            | Change::AllUnowed
            | Change::Forgotten(_) => false,
            Change::Retained { qos, .. } | Change::Unretained { qos, .. } => *qos != QoS::AtMostOnce,
            _ => true,
        }
    }
}

/// The changes since the last commit. Without a store it stays empty.
#[derive(Debug)]
pub(crate) struct Journal {
    store: Option<Store>,
    changes: Vec<Change>,
    /// Positions that clients have acknowledged. Whatever was sent is in the store already, so
    /// these come before all changes, for which they may make room.
    acknowledged: Vec<(SessionId, u64)>,
    /// Messages of which the last debt was struck.
    unneeded: Vec<u64>,
    awaited: bool,
    last_number: u64,
    /// What was found of the store since the last commit.
    bytes: Option<StoreBytes>,
}

impl Journal {
    /// Keeps nothing.
    pub(crate) fn in_memory() -> Journal {
        Journal::new(None, 0)
    }

    /// `last_number` is the highest message number in the store.
    pub(super) fn new(store: Option<Store>, last_number: u64) -> Journal {
        Journal {
            store,
            changes: Vec::new(),
            acknowledged: Vec::new(),
            unneeded: Vec::new(),
            awaited: false,
            last_number,
            bytes: None,
        }
    }

    /// Whether anything is kept at all.
    pub(crate) fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn record(&mut self, change: Change) {
        if self.store.is_some() {
            self.awaited |= change.is_awaited();
            self.changes.push(change);
        }
    }

    /// Keeps a message that lasting sessions are owed; `None` without a store.
    pub(crate) fn keep(
        &mut self,
        message: &Arc<Message>,
        publisher: Option<Arc<str>>,
    ) -> Option<Arc<MessageNumber>> {
        self.store.as_ref()?;
        self.last_number += 1;
        self.record(Change::Kept { number: self.last_number, message: Arc::clone(message), publisher });
        Some(Arc::new(MessageNumber(self.last_number)))
    }

    /// A session is not owed the message at this position any more, which has been sent.
    pub(crate) fn acknowledge(&mut self, session: SessionId, position: u64) {
        if self.store.is_some() {
            self.acknowledged.push((session, position));
        }
    }

    /// A session lets go of a message that has been sent.
    pub(crate) fn release(&mut self, stored: Option<Arc<MessageNumber>>) {
        if let Some(MessageNumber(number)) = stored.and_then(Arc::into_inner) {
            self.unneeded.push(number);
        }
    }

    /// A session lets go of messages that may be as new as this round.
    pub(crate) fn forget(&mut self, stored: impl IntoIterator<Item = Arc<MessageNumber>>) {
        let mut numbers: Vec<_> =
            stored.into_iter().filter_map(Arc::into_inner).map(|MessageNumber(number)| number).collect();
        for numbers in ranges(&mut numbers) {
            self.record(Change::Forgotten(numbers));
        }
    }

    /// Whether something must be on disk before anybody is told, or a good deal has gathered, or
    /// (`sweeping`) anything at all.
    pub(crate) fn is_due(&self, sweeping: bool) -> bool {
        let gathered = self.changes.len() + self.acknowledged.len();
        self.awaited || gathered >= MANY || (sweeping && gathered > 0)
    }

    /// How much is in the store, and how much room is left for it: as it was after the last commit, or when
    /// [`look_anew`](Journal::look_anew) was last called. Each look asks SQLite and the disk.
    pub(crate) fn bytes(&mut self) -> Option<StoreBytes> {
        if self.bytes.is_none() {
            self.bytes = self.store.as_ref()?.bytes();
        }
        self.bytes
    }

    /// Others may have filled the disk, or made room, although nothing was committed.
    pub(crate) fn look_anew(&mut self) {
        self.bytes = None;
    }

    /// Whether more messages should be taken. While there is no room it looks each time.
    pub(crate) fn has_room(&mut self) -> bool {
        let bytes = self.bytes();
        let Some(store) = &self.store else { return true };
        if bytes.is_some_and(|bytes| store.is_enough(bytes)) {
            return true;
        }
        self.bytes = None;
        store.has_room()
    }

    /// Writes everything. After an error all of it is still here, to be tried again.
    pub(crate) fn commit(&mut self) -> rusqlite::Result<()> {
        if let Some(store) = &mut self.store {
            self.acknowledged.sort_unstable();
            store.commit(&self.acknowledged, &ranges(&mut self.unneeded), &self.changes)?;
        }
        self.changes.clear();
        self.acknowledged.clear();
        self.unneeded.clear();
        self.awaited = false;
        self.bytes = None;
        // What an ended session left may have been much.
        self.changes.shrink_to(100 * MANY);
        Ok(())
    }
}

/// Sorts `numbers` and joins neighbours.
fn ranges(numbers: &mut [u64]) -> Vec<RangeInclusive<u64>> {
    numbers.sort_unstable();
    numbers
        .chunk_by(|one, next| one + 1 == *next)
        .filter_map(|chunk| Some(*chunk.first()?..=*chunk.last()?))
        .collect()
}
