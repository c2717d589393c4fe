//! Committing a journal.

use std::ops::RangeInclusive;
use std::time::Duration;

use rusqlite::{Params, Transaction, TransactionBehavior, params};

use crate::account::Owner;
use crate::identifiers::{Identifier, Identifiers};
use crate::message::Message;
use crate::publication::Will;
use crate::session::SubscriptionOptions;
use crate::sessions::SessionId;
use crate::store::clock::Clock;
use crate::store::{Change, Store};

impl Store {
    /// Writes a round, all or nothing; on disk once it returns. `acknowledged` are sorted.
    pub(super) fn commit(
        &mut self,
        acknowledged: &[(SessionId, u64)],
        unneeded: &[RangeInclusive<u64>],
        changes: &[Change],
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for run in acknowledged.chunk_by(|one, next| one.0 == next.0 && one.1 + 1 == next.1) {
            let ((session, first), (_, last)) = (run[0], run[run.len() - 1]);
            const DELETE: &str = "DELETE FROM owed WHERE session = ?1 AND position BETWEEN ?2 AND ?3";
            write(&transaction, DELETE, (session.0, first, last))?;
        }
        for numbers in unneeded {
            forget(&transaction, numbers)?;
        }
        let clock = Clock::read();
        for change in changes {
            apply(&transaction, change, clock)?;
        }
        transaction.commit()
    }
}

fn write(transaction: &Transaction<'_>, sql: &str, values: impl Params) -> rusqlite::Result<()> {
    transaction.prepare_cached(sql)?.execute(values).map(drop)
}

fn forget(transaction: &Transaction<'_>, numbers: &RangeInclusive<u64>) -> rusqlite::Result<()> {
    write(transaction, "DELETE FROM message WHERE number BETWEEN ?1 AND ?2", (numbers.start(), numbers.end()))
}

/// Writes one change: those of owed messages first, which are the most.
fn apply(transaction: &Transaction<'_>, change: &Change, clock: Clock) -> rusqlite::Result<()> {
    match change {
        Change::Kept { number, message, publisher } => write(
            transaction,
            "INSERT INTO message (number, topic, payload, properties, expires_at, publisher) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                number,
                &message.topic,
                &message.payload[..],
                properties(message),
                expires_at(message, clock),
                publisher.as_deref(),
            ),
        ),
        Change::Owed { session, position, number, qos, retain, identifiers, share } => write(
            transaction,
            "INSERT INTO owed (session, position, message, qos, retain, identifiers, share) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (session.0, position, number, *qos as u8, retain, list(identifiers), share.as_deref()),
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
        Change::DroppedUpTo { session, position } => write(
            transaction,
            "DELETE FROM owed WHERE session = ?1 AND position <= ?2 AND message IS NOT NULL",
            (session.0, position),
        ),
        Change::AllUnowed => write(
            transaction,
            "DELETE FROM message \
             WHERE number NOT IN (SELECT message FROM owed WHERE message IS NOT NULL)",
            [],
        ),
        _ => apply_to_topic_or_will(transaction, change, clock),
    }
}

/// Those that concern retained messages and wills.
fn apply_to_topic_or_will(
    transaction: &Transaction<'_>,
    change: &Change,
    clock: Clock,
) -> rusqlite::Result<()> {
    match change {
        Change::Retained { message, qos, owner } => write(
            transaction,
            "REPLACE INTO retained (topic, payload, qos, properties, expires_at, owner) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                &message.topic,
                &message.payload[..],
                *qos as u8,
                properties(message),
                expires_at(message, clock),
                owner.to_string(),
            ),
        ),
        Change::Unretained { topic, .. } => {
            write(transaction, "DELETE FROM retained WHERE topic = ?1", [topic])
        }
        Change::Will { connection, session, owner, will } => {
            write_will(transaction, connection.0, session.map(|session| session.0), owner, will)
        }
        Change::WillDelayed { session, due, owner, will } => {
            write_delayed_will(transaction, session.0, clock.unix_millis_at(*due), owner, will)
        }
        Change::DelayedWillGone(session) => {
            write(transaction, "DELETE FROM delayed_will WHERE session = ?1", [session.0])
        }
        Change::WillGone(connection) => {
            write(transaction, "DELETE FROM will WHERE connection = ?1", [connection.0])
        }
        Change::WillsGone => write(transaction, "DELETE FROM will", []),
        _ => apply_to_session(transaction, change, clock),
    }
}

/// Those that concern a session's own life.
fn apply_to_session(transaction: &Transaction<'_>, change: &Change, clock: Clock) -> rusqlite::Result<()> {
    match change {
        Change::Opened { session, client_id, owner, expiry } => write(
            transaction,
            "INSERT INTO session (id, client, owner, expires_after) VALUES (?1, ?2, ?3, ?4)",
            (session.0, &**client_id, owner.to_string(), seconds(*expiry)),
        ),
        Change::Expires { session, expiry } => write(
            transaction,
            "UPDATE session SET expires_after = ?2 WHERE id = ?1",
            (session.0, seconds(*expiry)),
        ),
        Change::Present(session) => {
            write(transaction, "UPDATE session SET absent_since = NULL WHERE id = ?1", [session.0])
        }
        Change::Absent(session) => write(
            transaction,
            "UPDATE session SET absent_since = ?2 WHERE id = ?1",
            (session.0, clock.unix_seconds()),
        ),
        Change::Subscribed { session, filter, options } => {
            write_subscription(transaction, session.0, filter, *options)
        }
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
        | Change::DroppedUpTo { .. }
        | Change::AllUnowed
        | Change::Retained { .. }
        | Change::Unretained { .. }
        | Change::Will { .. }
        | Change::WillGone(_)
        | Change::WillsGone
        | Change::WillDelayed { .. }
        | Change::DelayedWillGone(_) => Ok(()),
    }
}

fn write_subscription(
    transaction: &Transaction<'_>,
    session: u64,
    filter: &str,
    options: SubscriptionOptions,
) -> rusqlite::Result<()> {
    let SubscriptionOptions { qos, no_local, retain_as_published, identifier } = options;
    write(
        transaction,
        "REPLACE INTO subscription (session, filter, qos, no_local, retain_as_published, identifier) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (session, filter, qos as u8, no_local, retain_as_published, identifier.map(Identifier::get)),
    )
}

fn end(transaction: &Transaction<'_>, session: SessionId) -> rusqlite::Result<()> {
    write(transaction, "DELETE FROM session WHERE id = ?1", [session.0])?;
    write(transaction, "DELETE FROM subscription WHERE session = ?1", [session.0])?;
    write(transaction, "DELETE FROM receiving WHERE session = ?1", [session.0])?;
    write(transaction, "DELETE FROM owed WHERE session = ?1", [session.0])
}

fn write_will(
    transaction: &Transaction<'_>,
    connection: u64,
    session: Option<u64>,
    owner: &Owner,
    will: &Will,
) -> rusqlite::Result<()> {
    let Will { publication, lifetime, delay } = will;
    let message = &publication.message;
    write(
        transaction,
        "INSERT INTO will \
         (connection, session, topic, payload, qos, retain, properties, lifetime, delay, owner) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            connection,
            session,
            message.topic,
            &message.payload[..],
            publication.qos as u8,
            publication.retain,
            properties(message),
            seconds(*lifetime),
            delay.as_secs(),
            owner.to_string(),
        ],
    )
}

fn write_delayed_will(
    transaction: &Transaction<'_>,
    session: u64,
    due_at: i64,
    owner: &Owner,
    will: &Will,
) -> rusqlite::Result<()> {
    let Will { publication, lifetime, .. } = will;
    let message = &publication.message;
    write(
        transaction,
        "REPLACE INTO delayed_will \
         (session, due_at, topic, payload, qos, retain, properties, lifetime, owner) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            session,
            due_at,
            message.topic,
            &message.payload[..],
            publication.qos as u8,
            publication.retain,
            properties(message),
            seconds(*lifetime),
            owner.to_string(),
        ],
    )
}

/// The properties as JSON.
fn properties(message: &Message) -> Option<String> {
    // Strings, numbers and lists of them: there is nothing in it that could fail.
    message.properties.as_ref().and_then(|properties| serde_json::to_string(properties).ok())
}

/// Subscription identifiers as JSON.
fn list(identifiers: &Identifiers) -> Option<String> {
    // Nor here.
    (!identifiers.is_empty()).then(|| serde_json::to_string(identifiers).unwrap_or_default())
}

fn expires_at(message: &Message, clock: Clock) -> Option<i64> {
    message.expires.map(|expires| clock.unix_millis_at(expires))
}

fn seconds(duration: Option<Duration>) -> Option<u64> {
    duration.map(|duration| duration.as_secs())
}
