//! Reading everything back at the start.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rumqttc::mqttbytes::{self, QoS};
use rusqlite::types::Type;
use rusqlite::{Params, Row};

use crate::exchange::Publication;
use crate::owed::{Message, MessageNumber, Owed};
use crate::session::StoredSession;
use crate::sessions::SessionId;
use crate::store::writing::unix_seconds;
use crate::store::{Journal, Restored, RestoredSession, Store, StoreError};

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
        const RETAINED: &str = "SELECT topic, payload, qos FROM retained";
        const WILLS: &str = "SELECT topic, payload, qos, retain FROM will ORDER BY connection";
        let messages = self.messages()?;
        let restored = Restored {
            sessions: self.sessions(&messages)?,
            retained: self.all(RETAINED, [], |row| Ok((message(row)?, qos(row, 2)?)))?,
            wills: self.all(WILLS, [], will)?,
        };
        Ok((restored, messages.keys().max().copied().unwrap_or(0)))
    }

    fn messages(&self) -> rusqlite::Result<Messages> {
        let messages = self.all("SELECT topic, payload, number FROM message", [], |row| {
            let number = row.get(2)?;
            Ok((number, (message(row)?, Arc::new(MessageNumber(number)))))
        })?;
        Ok(messages.into_iter().collect())
    }

    fn sessions(&self, messages: &Messages) -> rusqlite::Result<Vec<RestoredSession>> {
        let now = unix_seconds(SystemTime::now());
        let mut sessions =
            self.all("SELECT id, client, absent_since, sending_until FROM session ORDER BY id", [], |row| {
                session(row, now)
            })?;
        for restored in &mut sessions {
            self.fill(restored, messages)?;
        }
        Ok(sessions)
    }

    fn fill(&self, restored: &mut RestoredSession, messages: &Messages) -> rusqlite::Result<()> {
        let id = [restored.id.0];
        restored.subscriptions =
            self.all("SELECT filter, qos FROM subscription WHERE session = ?1", id, |row| {
                Ok((row.get(0)?, qos(row, 1)?))
            })?;
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

fn session(row: &Row<'_>, now: i64) -> rusqlite::Result<RestoredSession> {
    let absent_since: Option<i64> = row.get(2)?;
    Ok(RestoredSession {
        id: SessionId(row.get(0)?),
        // A clock that was set back makes nobody older.
        absent_for: absent_since.map(|since| Duration::from_secs((now - since).max(0) as u64)),
        subscriptions: Vec::new(),
        session: StoredSession {
            client_id: row.get::<_, String>(1)?.into(),
            sending_until: row.get(3)?,
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

fn will(row: &Row<'_>) -> rusqlite::Result<Publication> {
    Ok(Publication { message: message(row)?, qos: qos(row, 2)?, retain: row.get(3)?, packet_id: 0 })
}

/// From the columns topic and payload, which come first.
fn message(row: &Row<'_>) -> rusqlite::Result<Arc<Message>> {
    Ok(Arc::new(Message { topic: row.get(0)?, payload: Bytes::from(row.get::<_, Vec<u8>>(1)?) }))
}

fn qos(row: &Row<'_>, column: usize) -> rusqlite::Result<QoS> {
    mqttbytes::qos(row.get(column)?).map_err(|_| damaged(column, "no QoS"))
}

fn damaged(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, what.into())
}
