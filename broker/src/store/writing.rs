//! Committing a journal.

use std::ops::RangeInclusive;
use std::time::SystemTime;

use rusqlite::{Params, Transaction, TransactionBehavior, params};

use crate::exchange::Publication;
use crate::sessions::SessionId;
use crate::store::{Change, Store};

impl Store {
    /// Writes a round, all or nothing; on disk once it returns. `strikes` are sorted.
    pub(super) fn commit(
        &mut self,
        strikes: &[(SessionId, u64)],
        spent: &[RangeInclusive<u64>],
        changes: &[Change],
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for run in strikes.chunk_by(|one, next| one.0 == next.0 && one.1 + 1 == next.1) {
            let ((session, first), (_, last)) = (run[0], run[run.len() - 1]);
            const STRIKE: &str = "DELETE FROM owed WHERE session = ?1 AND position BETWEEN ?2 AND ?3";
            write(&transaction, STRIKE, (session.0, first, last))?;
        }
        for numbers in spent {
            forget(&transaction, numbers)?;
        }
        let now = unix_seconds(SystemTime::now());
        for change in changes {
            apply(&transaction, change, now)?;
        }
        transaction.commit()
    }
}

/// Seconds since 1970.
pub(super) fn unix_seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

fn write(transaction: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(values).map(drop)
}

fn forget(transaction: &Transaction<'_>, numbers: &RangeInclusive<u64>) -> rusqlite::Result<()> {
    write(transaction, "DELETE FROM message WHERE number BETWEEN ?1 AND ?2", (numbers.start(), numbers.end()))
}

/// Writes one change: those of owed messages first, which are the most.
fn apply(transaction: &Transaction<'_>, change: &Change, now: i64) -> rusqlite::Result<()> {
    match change {
        Change::Kept { number, message } => write(
            transaction,
            "INSERT INTO message (number, topic, payload) VALUES (?1, ?2, ?3)",
            (number, &message.topic, &message.payload[..]),
        ),
        Change::Owed { session, position, number, qos, retain } => write(
            transaction,
            "INSERT INTO owed (session, position, message, qos, retain) VALUES (?1, ?2, ?3, ?4, ?5)",
            (session.0, position, number, *qos as u8, retain),
        ),
        Change::Sending { session, until } => {
            write(transaction, "UPDATE session SET sending_until = ?2 WHERE id = ?1", (session.0, until))
        }
        Change::Recorded { session, position } => write(
            transaction,
            "UPDATE owed SET message = NULL WHERE session = ?1 AND position = ?2",
            (session.0, position),
        ),
        Change::Dropped { session, position } => {
            write(transaction, "DELETE FROM owed WHERE session = ?1 AND position = ?2", (session.0, position))
        }
        Change::Forgotten(numbers) => forget(transaction, numbers),
        _ => apply_to_topic_or_will(transaction, change, now),
    }
}

/// Those that concern retained messages and wills.
fn apply_to_topic_or_will(transaction: &Transaction<'_>, change: &Change, now: i64) -> rusqlite::Result<()> {
    match change {
        Change::Retained { message, qos } => write(
            transaction,
            "REPLACE INTO retained (topic, payload, qos) VALUES (?1, ?2, ?3)",
            (&message.topic, &message.payload[..], *qos as u8),
        ),
        Change::Unretained { topic, .. } => {
            write(transaction, "DELETE FROM retained WHERE topic = ?1", [topic])
        }
        Change::Will { connection, will } => write_will(transaction, connection.0, will),
        Change::WillGone(connection) => {
            write(transaction, "DELETE FROM will WHERE connection = ?1", [connection.0])
        }
        Change::WillsGone => write(transaction, "DELETE FROM will", []),
        _ => apply_to_session(transaction, change, now),
    }
}

/// Those that concern a session's own life.
fn apply_to_session(transaction: &Transaction<'_>, change: &Change, now: i64) -> rusqlite::Result<()> {
    match change {
        Change::Opened { session, client_id } => {
            write(transaction, "INSERT INTO session (id, client) VALUES (?1, ?2)", (session.0, &**client_id))
        }
        Change::Present(session) => {
            write(transaction, "UPDATE session SET absent_since = NULL WHERE id = ?1", [session.0])
        }
        Change::Absent(session) => {
            write(transaction, "UPDATE session SET absent_since = ?2 WHERE id = ?1", (session.0, now))
        }
        Change::Subscribed { session, filter, qos } => write(
            transaction,
            "REPLACE INTO subscription (session, filter, qos) VALUES (?1, ?2, ?3)",
            (session.0, filter, *qos as u8),
        ),
        Change::Unsubscribed { session, filter } => write(
            transaction,
            "DELETE FROM subscription WHERE session = ?1 AND filter = ?2",
            (session.0, filter),
        ),
        Change::Receiving { session, packet_id } => write(
            transaction,
            "INSERT INTO receiving (session, packet_id) VALUES (?1, ?2)",
            (session.0, packet_id),
        ),
        Change::Released { session, packet_id } => write(
            transaction,
            "DELETE FROM receiving WHERE session = ?1 AND packet_id = ?2",
            (session.0, packet_id),
        ),
        Change::Ended(session) => end(transaction, *session),
        // These are applied above.
        Change::Kept { .. }
        | Change::Owed { .. }
        | Change::Sending { .. }
        | Change::Recorded { .. }
        | Change::Dropped { .. }
        | Change::Forgotten(_)
        | Change::Retained { .. }
        | Change::Unretained { .. }
        | Change::Will { .. }
        | Change::WillGone(_)
        | Change::WillsGone => Ok(()),
    }
}

fn end(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<()> {
    write(transaction, "DELETE FROM session WHERE id = ?1", [session.0])?;
    write(transaction, "DELETE FROM subscription WHERE session = ?1", [session.0])?;
    write(transaction, "DELETE FROM receiving WHERE session = ?1", [session.0])?;
    write(transaction, "DELETE FROM owed WHERE session = ?1", [session.0])
}

fn write_will(transaction: &Transaction<'_>, connection: u64, will: &Publication) -> rusqlite::Result<()> {
    write(
        transaction,
        "INSERT INTO will (connection, topic, payload, qos, retain) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![connection, will.message.topic, &will.message.payload[..], will.qos as u8, will.retain],
    )
}
