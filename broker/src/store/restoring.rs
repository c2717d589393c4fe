//! Reading everything back at the start.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::mqttbytes::{self, QoS};
use rusqlite::types::Type;
use rusqlite::{Params, Row};

use crate::account::Owner;
use crate::message::{Message, Properties};
use crate::owed::{MessageNumber, Owed};
use crate::publication::{Publication, Will};
use crate::session::{StoredSession, SubscriptionOptions};
use crate::sessions::SessionId;
use crate::store::clock::Clock;
use crate::store::{
    Journal, Restored, RestoredDelayedWill, RestoredSession, RestoredWill, Store, StoreError,
};

type Messages = HashMap<u64, (Arc<Message>, Arc<MessageNumber>)>;

impl Store {
    /// Everything kept, and the journal for all that comes.
    pub(crate) fn restore(self) -> Result<(Restored, Journal), StoreError> {
        let (restored, last_number) = match self.read() {
            Ok(read) => read,
            Err(error) => return Err(StoreError::Damaged { path: self.path, what: error.to_string() }),
        };
        let sessions = restored.sessions.len();
        let owed: usize = restored.sessions.iter().map(|found| found.session.owed.len()).sum();
        let retained = restored.retained.len();
        tracing::info!(path = %self.path.display(), sessions, owed, retained, "store read");
        Ok((restored, Journal::new(Some(self), last_number)))
    }

    /// Everything, and the highest message number.
    fn read(&self) -> rusqlite::Result<(Restored, u64)> {
        const RETAINED: &str = "SELECT topic, payload, properties, expires_at, qos FROM retained";
        const WILLS: &str = "SELECT topic, payload, properties, lifetime, qos, retain, delay, session \
                             FROM will ORDER BY connection";
        const DELAYED: &str = "SELECT topic, payload, properties, lifetime, qos, retain, due_at, session \
                               FROM delayed_will";
        let clock = Clock::read();
        let messages = self.messages(clock)?;
        let restored = Restored {
            sessions: self.sessions(&messages, clock)?,
            retained: self.all(RETAINED, [], |row| Ok((Arc::new(message(row, clock)?), qos(row, 4)?)))?,
            wills: self.all(WILLS, [], restored_will)?,
            delayed_wills: self.all(DELAYED, [], |row| delayed_will(row, clock))?,
        };
        Ok((restored, messages.keys().max().copied().unwrap_or(0)))
    }

    fn messages(&self, clock: Clock) -> rusqlite::Result<Messages> {
        const MESSAGES: &str = "SELECT topic, payload, properties, expires_at, number FROM message";
        let messages = self.all(MESSAGES, [], |row| {
            let number = row.get(4)?;
            Ok((number, (Arc::new(message(row, clock)?), Arc::new(MessageNumber(number)))))
        })?;
        Ok(messages.into_iter().collect())
    }

    fn sessions(&self, messages: &Messages, clock: Clock) -> rusqlite::Result<Vec<RestoredSession>> {
        const SESSIONS: &str =
            "SELECT id, client, absent_since, sending_until, expires_after, owner FROM session ORDER BY id";
        let mut sessions = self.all(SESSIONS, [], |row| session(row, clock))?;
        for restored in &mut sessions {
            self.fill(restored, messages)?;
        }
        Ok(sessions)
    }

    fn fill(&self, restored: &mut RestoredSession, messages: &Messages) -> rusqlite::Result<()> {
        const SUBSCRIPTIONS: &str =
            "SELECT filter, qos, no_local, retain_as_published FROM subscription WHERE session = ?1";
        let id = [restored.id.0];
        restored.subscriptions = self.all(SUBSCRIPTIONS, id, |row| Ok((row.get(0)?, options(row)?)))?;
        let receiving =
            self.all("SELECT packet_id FROM receiving WHERE session = ?1", id, |row| row.get(0))?;
        restored.session.receiving = receiving.into_iter().collect();
        restored.session.owed = self.all(
            "SELECT position, message, qos, retain FROM owed WHERE session = ?1 ORDER BY position",
            id,
            |row| Ok((row.get(0)?, owed(row, messages)?)),
        )?;
        Ok(())
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

fn owed(row: &Row<'_>, messages: &Messages) -> rusqlite::Result<Option<Owed>> {
    let Some(number) = row.get::<_, Option<u64>>(1)? else {
        return Ok(None);
    };
    let (message, stored) = messages.get(&number).ok_or_else(|| damaged(1, "an owed message is missing"))?;
    Ok(Some(Owed {
        message: Arc::clone(message),
        stored: Some(Arc::clone(stored)),
        qos: qos(row, 2)?,
        retain: row.get(3)?,
    }))
}

fn options(row: &Row<'_>) -> rusqlite::Result<SubscriptionOptions> {
    Ok(SubscriptionOptions { qos: qos(row, 1)?, no_local: row.get(2)?, retain_as_published: row.get(3)? })
}

fn restored_will(row: &Row<'_>) -> rusqlite::Result<RestoredWill> {
    let session: Option<u64> = row.get(7)?;
    let delay = seconds(row, 6)?.unwrap_or(Duration::ZERO);
    Ok(RestoredWill { session: session.map(SessionId), will: will(row, delay)? })
}

fn delayed_will(row: &Row<'_>, clock: Clock) -> rusqlite::Result<RestoredDelayedWill> {
    let due_in = clock.until(row.get(6)?);
    Ok(RestoredDelayedWill { session: SessionId(row.get(7)?), due_in, will: will(row, Duration::ZERO)? })
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
