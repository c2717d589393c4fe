//! Meters whose `info` has not come yet: their minutes are recorded, but nobody knows how much energy a pulse is.

use meter_messages::{Meter, Minute, OutboxId};

use crate::error::{damaged, if_readable};
use crate::home::{Connection, params};
use crate::names::Name;
use crate::{Batch, Ledger, LedgerError, OutboxMark, packing};

/// What is known of such a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnheardMeter {
    /// Its site and id.
    pub meter: Meter,
    /// Its newest minute in the ledger.
    pub newest: Option<Minute>,
}

impl Batch<'_> {
    /// Begins a meter that the ledger does not know with a minute's outbox. Until [`register`](Batch::register)
    /// its meter constant is 0, which no meter has, and it is none of [`Ledger::meters`].
    ///
    /// # Errors
    /// [`LedgerError::TooManyOutboxes`] if it is the name of a meter that was renamed or merged, and that has had so many
    /// others.
    pub fn begin_unheard(&mut self, meter: &Meter, outbox: &OutboxId) -> Result<OutboxMark, LedgerError> {
        if self.is_of_moved(meter)? {
            return self.outbox(meter, outbox)?.ok_or(LedgerError::TooManyOutboxes);
        }
        let meter_row: i64 = self
            .transaction()
            .prepare_cached(
                "INSERT INTO meter (site, meter, name, constant_millionths, outbox)
                 VALUES (?1, ?2, '', 0, ?3) RETURNING id",
            )?
            .query_row(params![meter.site.as_str(), meter.meter.as_str(), outbox.as_str()], |row| {
                row.get(0)
            })?;
        self.add_outbox(Name { row: meter_row, meter_row }, outbox)
    }

    /// The same as [`Ledger::unheard_meters`].
    pub fn unheard_meters(&self) -> Result<Vec<UnheardMeter>, LedgerError> {
        unheard_meters(self.transaction())
    }
}

impl Ledger {
    /// Meters with minutes whose `info` has not come yet, by site and id.
    pub fn unheard_meters(&self) -> Result<Vec<UnheardMeter>, LedgerError> {
        let _state = self.one_state()?;
        unheard_meters(&self.connection)
    }
}

fn unheard_meters(connection: &Connection) -> Result<Vec<UnheardMeter>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, site, meter FROM meter WHERE constant_millionths = 0 AND moved_to IS NULL ORDER BY site, meter",
    )?;
    let rows = statement
        .query_map([], |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<String>(2)?)))?;
    let meters = rows.map(|row| -> Result<_, LedgerError> {
        let (row, site, meter) = row?;
        let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        let newest = packing::newest(connection, row)?.map(Minute::nearest);
        Ok(UnheardMeter { meter, newest })
    });
    meters.filter_map(|meter| if_readable("unknown", meter).transpose()).collect()
}
