//! Reading everything back at the start.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::{self, QoS};
use rusqlite::types::Type;
use rusqlite::{Params, Row};

use crate::account::{Account, Kind, Owner, RECEIVED, owed_cost, retained_charges};
use crate::identifiers::{Identifier, Identifiers};
use crate::message::{Message, Properties};
use crate::owed::{MessageNumber, Owed};
use crate::publication::{Publication, Will};
use crate::session::{StoredSession, SubscriptionOptions};
use crate::sessions::SessionId;
use crate::store::clock::Clock;
use crate::store::{
    Change, Dropped, Journal, Restored, RestoredDelayedWill, RestoredSession, RestoredWill, Store, StoreError,
};
use crate::topics::SharePath;

/// What was read already.
#[derive(Default)]
struct Messages {
    by_number: HashMap<u64, Read>,
    /// The users who have published them: each name once.
    publishers: HashSet<Arc<str>>,
    /// And the shares in whose names they are owed.
    shares: HashSet<SharePath>,
}

/// A message, its number and its publisher.
type Read = (Arc<Message>, Arc<MessageNumber>, Option<Arc<str>>);

impl Store {
    /// Everything kept, and the journal for all that comes. Sessions and what is owed to them are
    /// charged to `account`. What has no room is not even read: sessions of those who were absent
    /// for longest, and of each session the oldest messages.
    pub(crate) fn restore(self, account: &mut Account) -> Result<(Restored, Journal), StoreError> {
        let (restored, last_number, changes) = match self.read(account) {
            Ok(read) => read,
            Err(error) => return Err(StoreError::Damaged { path: self.path, what: error.to_string() }),
        };
        let sessions = restored.sessions.len();
        let owed: usize = restored.sessions.iter().map(|found| found.session.owed.len()).sum();
        let retained = restored.retained.len();
        tracing::info!(path = %self.path.display(), sessions, owed, retained, "store read");
        let mut journal = Journal::new(Some(self), last_number);
        changes.into_iter().for_each(|change| journal.record(change));
        Ok((restored, journal))
    }

    /// Everything, the highest message number, and what is to leave the file.
    fn read(&self, account: &mut Account) -> rusqlite::Result<(Restored, u64, Vec<Change>)> {
        const WILLS: &str = "SELECT topic, payload, properties, lifetime, qos, retain, delay, session, owner \
                             FROM will ORDER BY connection";
        const DELAYED: &str = "SELECT topic, payload, properties, lifetime, qos, retain, due_at, session, owner \
                               FROM delayed_will";
        const LAST_NUMBER: &str = "SELECT coalesce(max(number), 0) FROM message";
        let clock = Clock::read();
        let (mut restored, mut changes) = (Restored::default(), Vec::new());
        self.read_sessions(&mut restored, &mut changes, account, clock)?;
        self.read_retained(&mut restored, &mut changes, account, clock)?;
        restored.wills = self.all(WILLS, [], restored_will)?;
        restored.delayed_wills = self.all(DELAYED, [], |row| delayed_will(row, clock))?;
        let last_number = self.connection.query_row(LAST_NUMBER, [], |row| row.get(0))?;
        Ok((restored, last_number, changes))
    }

    /// Charges retained messages to those who have published them. What has no room is dropped.
    fn read_retained(
        &self,
        restored: &mut Restored,
        changes: &mut Vec<Change>,
        account: &mut Account,
        clock: Clock,
    ) -> rusqlite::Result<()> {
        const RETAINED: &str = "SELECT topic, payload, properties, expires_at, qos, owner FROM retained";
        let mut retained = self.connection.prepare_cached(RETAINED)?;
        let mut rows = retained.query([])?;
        while let Some(row) = rows.next()? {
            let (message, qos) = (message(row, clock)?, qos(row, 4)?);
            let owner = owner(row, 5)?.unwrap_or_else(Owner::unknown);
            let charges = retained_charges(&message);
            if charges.iter().all(|(kind, amount)| *amount <= account.room_at_start(&owner, *kind)) {
                charges.iter().for_each(|(kind, amount)| account.charge(&owner, *kind, *amount));
                restored.retained.push((Arc::new(message), qos, owner));
            } else {
                restored.dropped.retained += 1;
                changes.push(Change::Unretained { topic: message.topic, qos });
            }
        }
        Ok(())
    }

    fn read_sessions(
        &self,
        restored: &mut Restored,
        changes: &mut Vec<Change>,
        account: &mut Account,
        clock: Clock,
    ) -> rusqlite::Result<()> {
        const SESSIONS: &str =
            "SELECT id, client, absent_since, sending_until, expires_after, owner FROM session";
        let mut messages = Messages::default();
        let mut sessions = self.all(SESSIONS, [], |row| session(row, clock))?;
        sessions.sort_by_key(|session| (session.absent_for, Reverse(session.id)));
        for mut found in sessions {
            let owner = &found.session.owner;
            if account.room_at_start(owner, Kind::Sessions) == 0 {
                restored.dropped.sessions += 1;
                changes.push(Change::Ended(found.id));
                continue;
            }
            account.charge(owner, Kind::Sessions, 1);
            let dropped_up_to = self.make_room(&found, account, &mut restored.dropped)?;
            if let Some(position) = dropped_up_to {
                changes.push(Change::DroppedUpTo { session: found.id, position });
            }
            self.fill(&mut found, dropped_up_to.unwrap_or(0), &mut messages, clock)?;
            let owed = found.session.owed.iter().filter_map(|(_, owed)| owed.as_ref());
            let cost = owed.map(Owed::cost).sum::<usize>() + found.session.receiving.len() * RECEIVED;
            account.charge(&found.session.owner, Kind::Bytes, cost);
            restored.sessions.push(found);
        }
        if !changes.is_empty() {
            changes.push(Change::AllUnowed);
        }
        Ok(())
    }

    /// Looks for room for what is owed to a session, the newest first; up to which position there is
    /// none.
    fn make_room(
        &self,
        found: &RestoredSession,
        account: &Account,
        dropped: &mut Dropped,
    ) -> rusqlite::Result<Option<u64>> {
        const SIZES: &str = "SELECT position, octet_length(topic) + octet_length(payload) \
             + coalesce(octet_length(properties), 0) + 4 * coalesce(json_array_length(identifiers), 0) \
             FROM owed JOIN message ON number = message WHERE session = ?1 ORDER BY position DESC";
        let owner = &found.session.owner;
        let mut sizes = self.connection.prepare_cached(SIZES)?;
        let mut rows = sizes.query([found.id.0])?;
        let (room, mut cost, mut last) = (account.room_at_start(owner, Kind::Bytes), 0, None);
        while let Some(row) = rows.next()? {
            let more = owed_cost(row.get(1)?);
            if last.is_some() || cost + more > room {
                dropped.owed += 1;
                last = last.or(Some(row.get(0)?));
            } else {
                cost += more;
            }
        }
        Ok(last)
    }

    fn fill(
        &self,
        found: &mut RestoredSession,
        dropped_up_to: u64,
        messages: &mut Messages,
        clock: Clock,
    ) -> rusqlite::Result<()> {
        const SUBSCRIPTIONS: &str = "SELECT filter, qos, no_local, retain_as_published, identifier FROM subscription WHERE session = ?1";
        const OWED: &str = "SELECT position, message, qos, retain, identifiers, share FROM owed \
                            WHERE session = ?1 AND (message IS NULL OR position > ?2) ORDER BY position";
        let id = [found.id.0];
        found.subscriptions = self.all(SUBSCRIPTIONS, id, |row| Ok((row.get(0)?, options(row)?)))?;
        let receiving =
            self.all("SELECT packet_id FROM receiving WHERE session = ?1", id, |row| row.get(0))?;
        found.session.receiving = receiving.into_iter().collect();
        found.session.owed = self.all(OWED, (found.id.0, dropped_up_to), |row| {
            Ok((row.get(0)?, self.owed(row, messages, clock)?))
        })?;
        Ok(())
    }

    fn owed(&self, row: &Row<'_>, messages: &mut Messages, clock: Clock) -> rusqlite::Result<Option<Owed>> {
        let Some(number) = row.get::<_, Option<u64>>(1)? else {
            return Ok(None);
        };
        let Messages { by_number, publishers, shares } = messages;
        let (message, stored, publisher) = match by_number.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(self.message(number, publishers, clock)?),
        };
        Ok(Some(Owed {
            message: Arc::clone(message),
            publisher: publisher.clone(),
            stored: Some(Arc::clone(stored)),
            qos: qos(row, 2)?,
            retain: row.get(3)?,
            identifiers: identifiers(row, 4)?,
            share: row.get::<_, Option<String>>(5)?.map(|share| once(shares, share)),
        }))
    }

    fn message(
        &self,
        number: u64,
        publishers: &mut HashSet<Arc<str>>,
        clock: Clock,
    ) -> rusqlite::Result<Read> {
        const MESSAGE: &str =
            "SELECT topic, payload, properties, expires_at, publisher FROM message WHERE number = ?1";
        let read = |row: &Row<'_>| Ok((message(row, clock)?, row.get::<_, Option<String>>(4)?));
        let found = self.all(MESSAGE, [number], read)?.pop();
        let (message, publisher) = found.ok_or_else(|| damaged(1, "an owed message is missing"))?;
        let publisher = publisher.map(|name| once(publishers, name));
        Ok((Arc::new(message), Arc::new(MessageNumber(number)), publisher))
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.connection.prepare_cached(sql)?.query_map(values, read)?.collect()
    }
}

/// The one text of those that are alike.
fn once(texts: &mut HashSet<Arc<str>>, text: String) -> Arc<str> {
    if let Some(known) = texts.get(text.as_str()) {
        return Arc::clone(known);
    }
    let text: Arc<str> = text.into();
    texts.insert(Arc::clone(&text));
    text
}

fn session(row: &Row<'_>, clock: Clock) -> rusqlite::Result<RestoredSession> {
    let absent_since: Option<i64> = row.get(2)?;
    let now = clock.unix_seconds();
    let client_id: String = row.get(1)?;
    Ok(RestoredSession {
        id: SessionId(row.get(0)?),
        // A clock that was set back makes nobody older.
        absent_for: absent_since.map(|since| Duration::from_secs((now - since).max(0) as u64)),
        subscriptions: Vec::new(),
        session: StoredSession {
            owner: owner(row, 5)?.unwrap_or_else(|| Owner::of_session_name(&client_id)),
            client_id: client_id.into(),
            sending_until: row.get(3)?,
            expiry: seconds(row, 4)?,
            owed: Vec::new(),
            receiving: HashSet::new(),
        },
    })
}

fn options(row: &Row<'_>) -> rusqlite::Result<SubscriptionOptions> {
    Ok(SubscriptionOptions {
        qos: qos(row, 1)?,
        no_local: row.get(2)?,
        retain_as_published: row.get(3)?,
        identifier: row.get::<_, Option<u32>>(4)?.and_then(Identifier::new),
    })
}

fn identifiers(row: &Row<'_>, column: usize) -> rusqlite::Result<Identifiers> {
    let Some(json) = row.get::<_, Option<String>>(column)? else {
        return Ok(Identifiers::default());
    };
    serde_json::from_str(&json).map_err(|_| damaged(column, "unreadable subscription identifiers"))
}

fn restored_will(row: &Row<'_>) -> rusqlite::Result<RestoredWill> {
    let session: Option<u64> = row.get(7)?;
    let delay = seconds(row, 6)?.unwrap_or(Duration::ZERO);
    let owner = owner(row, 8)?.unwrap_or_else(Owner::unknown);
    Ok(RestoredWill { session: session.map(SessionId), owner, will: will(row, delay)? })
}

fn delayed_will(row: &Row<'_>, clock: Clock) -> rusqlite::Result<RestoredDelayedWill> {
    let due_in = clock.until(row.get(6)?);
    let owner = owner(row, 8)?.unwrap_or_else(Owner::unknown);
    let will = will(row, Duration::ZERO)?;
    Ok(RestoredDelayedWill { session: SessionId(row.get(7)?), due_in, owner, will })
}

/// From the columns topic, payload, properties, lifetime, qos and retain, which come first.
fn will(row: &Row<'_>, delay: Duration) -> rusqlite::Result<Will> {
    let message = Arc::new(imperishable(row)?);
    let publication = Publication { message, qos: qos(row, 4)?, retain: row.get(5)?, packet_id: 0 };
    Ok(Will { publication, lifetime: seconds(row, 3)?, delay })
}

/// From the columns topic, payload, properties and expires_at, which come first.
fn message(row: &Row<'_>, clock: Clock) -> rusqlite::Result<Message> {
    let expires_at: Option<i64> = row.get(3)?;
    Ok(Message { expires: expires_at.map(|millis| clock.instant_at(millis)), ..imperishable(row)? })
}

/// From the columns topic, payload and properties, which come first.
fn imperishable(row: &Row<'_>) -> rusqlite::Result<Message> {
    let properties: Option<String> = row.get(2)?;
    let properties = properties
        .map(|json| serde_json::from_str::<Properties>(&json))
        .transpose()
        .map_err(|_| damaged(2, "unreadable message properties"))?;
    Ok(Message {
        topic: row.get(0)?,
        payload: Bytes::from(row.get::<_, Vec<u8>>(1)?),
        expires: None,
        properties: properties.map(Box::new),
    })
}

fn owner(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Owner>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

fn seconds(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Duration>> {
    Ok(row.get::<_, Option<u64>>(column)?.map(Duration::from_secs))
}

fn qos(row: &Row<'_>, column: usize) -> rusqlite::Result<QoS> {
    mqttbytes::qos(row.get(column)?).map_err(|_| damaged(column, "an invalid QoS"))
}

fn damaged(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, what.into())
}
