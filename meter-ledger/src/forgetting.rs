//! Forgetting a meter: all that the ledger holds of it is deleted, and only that it was is kept. What the broker retains
//! of it does not bring it back; minutes that come of it do, as those of a new meter.

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{Meter, Minute};

use crate::error::{damaged, if_readable};
use crate::home::{Connection, OptionalRow, params};
use crate::{Batch, Ledger, LedgerError, packing, rows};

/// What belongs to a meter, in an order in which it can be deleted. The last one is the meter itself.
const OF_METER: [&str; 15] = [
    "DELETE FROM imported_span WHERE meter = ?1",
    "DELETE FROM import WHERE meter = ?1",
    "DELETE FROM correction WHERE meter = ?1",
    "DELETE FROM reading WHERE meter = ?1",
    "DELETE FROM given_up WHERE meter = ?1",
    "DELETE FROM aside WHERE meter = ?1",
    "DELETE FROM minute WHERE meter = ?1",
    "DELETE FROM pulse_times WHERE meter = ?1",
    "DELETE FROM day_pulse_times WHERE meter = ?1",
    "DELETE FROM quarters WHERE meter = ?1",
    "DELETE FROM day WHERE meter = ?1",
    "DELETE FROM constant WHERE meter = ?1",
    "DELETE FROM outbox WHERE meter IN (SELECT id FROM meter WHERE id = ?1 OR moved_to = ?1)",
    "DELETE FROM meter WHERE moved_to = ?1",
    "DELETE FROM meter WHERE id = ?1",
];

/// A meter that was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// A number that grows with each.
    pub id: i64,
    /// The meter.
    pub meter: Meter,
    /// Its name for people.
    pub name: String,
    /// Its newest minute; `None` if there was none, or it could not be read.
    pub newest: Option<Minute>,
    /// What it is called now, or was merged into, if it was not forgotten but has moved.
    pub moved_to: Option<Meter>,
}

impl Batch<'_> {
    /// Forgets a meter at `now`, with the names that it had before; `None` if there is none.
    pub fn forget(
        &mut self,
        meter: &Meter,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Forgotten>, LedgerError> {
        let transaction = self.transaction();
        let known: Option<(i64, String)> = transaction
            .prepare_cached("SELECT id, name FROM meter WHERE site = ?1 AND meter = ?2 AND moved_to IS NULL")?
            .query_row([meter.site.as_str(), meter.meter.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((row, name)) = known else { return Ok(None) };
        let newest = if_readable(meter, rows::before(transaction, row, i64::MAX))?.unwrap_or_default();
        transaction
            .prepare_cached(
                "UPDATE aside_of_site SET minutes = minutes - (SELECT count(*) FROM aside WHERE meter = ?1)
                 WHERE site = ?2",
            )?
            .execute(params![row, meter.site.as_str()])?;
        let newest = newest.first().map(|row| Minute::nearest(row.minute));
        // What is retained under them does not bring it back either.
        transaction.execute(
            "INSERT INTO forgotten (site, meter, name, at, by) SELECT site, meter, ?2, ?3, ?4 FROM meter WHERE moved_to = ?1",
            params![row, name, now.as_second(), by],
        )?;
        transaction.execute(
            "DELETE FROM refused WHERE (site, meter) IN (SELECT site, meter FROM meter WHERE id = ?1 OR moved_to = ?1)",
            [row],
        )?;
        for delete in OF_METER {
            transaction.execute(delete, [row])?;
        }
        packing::forget_writer(transaction, row)?;
        let name = foreign(&name).to_string();
        let forgotten = Forgotten { id: 0, meter: meter.clone(), name, newest, moved_to: None };
        Ok(Some(self.note_gone(forgotten, by, now)?))
    }

    /// Keeps that a meter was forgotten, or has moved, under the next number.
    pub(crate) fn note_gone(
        &self,
        gone: Forgotten,
        by: &str,
        now: Timestamp,
    ) -> Result<Forgotten, LedgerError> {
        let Forgotten { meter, name, newest, moved_to, .. } = &gone;
        let id = self
            .transaction()
            .prepare_cached(
                "INSERT INTO forgotten (site, meter, name, newest, at, by, moved_to)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
            )?
            .query_row(
                params![
                    meter.site.as_str(),
                    meter.meter.as_str(),
                    name,
                    newest.map(Minute::epoch_minutes),
                    now.as_second(),
                    by,
                    moved_to.as_ref().map(Meter::to_string)
                ],
                |row| row.get(0),
            )?;
        Ok(Forgotten { id, ..gone })
    }

    /// The meters that were forgotten, renamed or merged into another after one, in order.
    pub fn forgotten_after(&self, id: i64) -> Result<Vec<Forgotten>, LedgerError> {
        forgotten_after(self.transaction(), id)
    }

    /// Whether a meter was forgotten and has not come again.
    pub fn is_forgotten(&self, meter: &Meter) -> Result<bool, LedgerError> {
        let mut statement = self.transaction().prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM forgotten WHERE site = ?1 AND meter = ?2 AND moved_to IS NULL)
                AND NOT EXISTS (SELECT 1 FROM meter WHERE site = ?1 AND meter = ?2)",
        )?;
        Ok(statement.query_row([meter.site.as_str(), meter.meter.as_str()], |row| row.get(0))?)
    }
}

impl Ledger {
    /// The meters that were forgotten, renamed or merged into another after one (0: all), in order.
    pub fn forgotten_after(&self, id: i64) -> Result<Vec<Forgotten>, LedgerError> {
        forgotten_after(&self.connection, id)
    }
}

fn forgotten_after(connection: &Connection, id: i64) -> Result<Vec<Forgotten>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, site, meter, name, newest, moved_to FROM forgotten WHERE id > ?1 ORDER BY id",
    )?;
    let rows = statement.query_map([id], |row| {
        let text = |column: usize| row.get::<String>(column);
        let (newest, moved_to) = (row.get::<Option<i64>>(4)?, row.get::<Option<String>>(5)?);
        Ok((row.get::<i64>(0)?, text(1)?, text(2)?, text(3)?, newest, moved_to))
    })?;
    rows.map(|row| {
        let (id, site, meter, name, newest, moved_to) = row?;
        let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        let newest = newest.map(Minute::nearest);
        let moved_to = moved_to.map(|now| now.parse().map_err(damaged)).transpose()?;
        Ok(Forgotten { id, meter, name: foreign(&name).to_string(), newest, moved_to })
    })
    .collect::<Result<_, LedgerError>>()
}
