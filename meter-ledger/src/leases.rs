//! Several recorders share a ledger in PostgreSQL: each site is leased to one of them at a time.
//!
//! Who is there, and who holds which site, are rows. They change only in transactions that hold the lock of all who write,
//! and so do minutes: what a recorder is told of its leases within a batch holds until that is committed.

use std::collections::{BTreeMap, HashSet};

use meter_messages::SiteId;

use crate::error::damaged;
use crate::home::{Connection, OptionalRow, params};
use crate::{Batch, Ledger, LedgerError};

/// There may be no more sites than this, so that invented ones fill nothing.
const MOST_SITES: i64 = 100_000;

/// A recorder, from its start to its end; another start is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecorderId(i64);

impl RecorderId {
    /// As tests of what is decided by it need it.
    pub fn new(number: i64) -> Self {
        Self(number)
    }
}

/// Who is there, and who holds what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leases {
    /// How many signs of life each recorder has given.
    pub recorders: BTreeMap<RecorderId, u64>,
    /// Who holds each site; `None` if nobody does.
    pub sites: BTreeMap<SiteId, Option<RecorderId>>,
    /// Changes with what is held.
    pub edition: i64,
}

/// What is to change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseChanges {
    /// Recorders that are gone, and their last signs of life: if there was none since, nothing is theirs any more.
    pub gone: Vec<(RecorderId, u64)>,
    /// Sites that nobody holds, or one that is gone: they are taken if that is still so.
    pub taken: Vec<SiteId>,
    /// Sites that are given back.
    pub given: Vec<SiteId>,
    /// Sites that are new.
    pub found: Vec<SiteId>,
}

impl LeaseChanges {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Ledger {
    /// Whether several recorders may share it: one in a file belongs to one.
    pub fn is_shared(&self) -> bool {
        self.connection.file().is_none()
    }

    /// Gives a sign of life; false if the others take this recorder for gone. It waits for nobody who writes.
    pub fn give_sign_of_life(&self, me: RecorderId) -> Result<bool, LedgerError> {
        let mut give =
            self.connection.prepare_cached("UPDATE recorder SET signs = signs + 1 WHERE id = ?1")?;
        Ok(give.execute([me.0])? > 0)
    }

    /// Who is there, and who holds what. Of `known` it keeps what has not changed.
    pub fn leases(&self, known: Leases) -> Result<Leases, LedgerError> {
        let _state = self.one_state()?;
        let recorders = self
            .connection
            .prepare_cached("SELECT id, signs FROM recorder")?
            .query_map([], |row| Ok((RecorderId(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let edition = self.connection.query_row("SELECT lease_changes FROM ledger", [], |row| row.get(0))?;
        if edition == known.edition {
            return Ok(Leases { recorders, ..known });
        }
        let mut statement = self.connection.prepare_cached("SELECT site, recorder FROM lease")?;
        let sites = statement.query_map([], |row| Ok((row.get::<String>(0)?, row.get::<Option<i64>>(1)?)))?;
        let sites = sites.map(|row| {
            let (site, recorder) = row?;
            Ok((site.parse().map_err(damaged)?, recorder.map(RecorderId)))
        });
        let sites = sites.collect::<Result<_, LedgerError>>()?;
        Ok(Leases { recorders, sites, edition })
    }
}

impl Batch<'_> {
    /// A recorder begins under a name. One that had it is gone: two of a name are one that was started again, and goes on
    /// with the sites that are returned.
    pub fn join(&mut self, name: &str) -> Result<(RecorderId, HashSet<SiteId>), LedgerError> {
        let before: Option<i64> = self
            .transaction()
            .query_row("SELECT id FROM recorder WHERE name = ?1", [name], |row| row.get(0))
            .optional()?;
        let before = before.map(RecorderId);
        let goes_on_with = before.map_or(Ok(HashSet::new()), |before| self.held(before))?;
        before.map_or(Ok(()), |before| self.leave(before))?;
        let me = self.transaction().query_row(
            "INSERT INTO recorder (name) VALUES (?1) RETURNING id",
            [name],
            |row| Ok(RecorderId(row.get(0)?)),
        )?;
        self.transaction().execute(
            "INSERT INTO lease (site) SELECT DISTINCT site FROM meter WHERE site <> '' ON CONFLICT DO NOTHING",
            [],
        )?;
        self.newest.begin_as(me.0);
        let taken = goes_on_with.iter().cloned().collect();
        self.change_leases(me, &LeaseChanges { taken, ..LeaseChanges::default() })?;
        Ok((me, goes_on_with))
    }

    /// A recorder ends; nothing is its own any more.
    pub fn leave(&mut self, me: RecorderId) -> Result<(), LedgerError> {
        self.transaction().execute("UPDATE lease SET recorder = NULL WHERE recorder = ?1", [me.0])?;
        self.transaction().execute("DELETE FROM recorder WHERE id = ?1", [me.0])?;
        Ok(note_change(self.transaction())?)
    }

    /// Changes what is to change, as far as nobody else has changed it since.
    pub fn change_leases(&mut self, me: RecorderId, changes: &LeaseChanges) -> Result<(), LedgerError> {
        let LeaseChanges { gone, taken, given, found } = changes;
        let transaction = self.transaction();
        for (other, signs) in gone {
            let is_gone = "SELECT EXISTS (SELECT 1 FROM recorder WHERE id = ?1 AND signs = ?2 FOR UPDATE)";
            if transaction.query_row(is_gone, params![other.0, signs], |row| row.get(0))? {
                transaction.execute("UPDATE lease SET recorder = NULL WHERE recorder = ?1", [other.0])?;
                transaction.execute("DELETE FROM recorder WHERE id = ?1", [other.0])?;
            }
        }
        let mut find = transaction.prepare_cached(
            "INSERT INTO lease (site) SELECT ?1 WHERE (SELECT count(*) FROM lease) < ?2 ON CONFLICT DO NOTHING",
        )?;
        found.iter().try_for_each(|site| find.execute(params![site.as_str(), MOST_SITES]).map(|_| ()))?;
        // Whoever was struck off takes nothing.
        let mut take = transaction.prepare_cached(
            "UPDATE lease SET recorder = ?2 WHERE site = ?1 AND recorder IS NULL
             AND EXISTS (SELECT 1 FROM recorder WHERE id = ?2)",
        )?;
        taken.iter().try_for_each(|site| take.execute(params![site.as_str(), me.0]).map(|_| ()))?;
        let mut give = transaction
            .prepare_cached("UPDATE lease SET recorder = NULL WHERE site = ?1 AND recorder = ?2")?;
        given.iter().try_for_each(|site| give.execute(params![site.as_str(), me.0]).map(|_| ()))?;
        Ok(note_change(transaction)?)
    }

    /// A number that changes with what is held. It costs nothing to ask.
    pub fn lease_edition(&self) -> i64 {
        self.transaction().lease_edition()
    }

    /// The sites that a recorder holds until this batch is committed.
    pub fn held(&self, me: RecorderId) -> Result<HashSet<SiteId>, LedgerError> {
        let mut statement =
            self.transaction().prepare_cached("SELECT site FROM lease WHERE recorder = ?1")?;
        let sites = statement.query_map([me.0], |row| row.get::<String>(0))?;
        sites.map(|site| site?.parse().map_err(damaged)).collect()
    }
}

fn note_change(connection: &Connection) -> crate::home::Result<()> {
    connection.execute("UPDATE ledger SET lease_changes = lease_changes + 1", []).map(|_| ())
}
