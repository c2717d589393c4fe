//! Meters that an import has made, because nothing was recorded of them: their publisher may come later, or never.

use jiff::Timestamp;
use meter_messages::{Medium, Meter, MeterConstant};

use crate::constants::{self, Constants};
use crate::corrections::Corrections;
use crate::error::damaged;
use crate::home::{OptionalRow, params};
use crate::spans::Coarse;
use crate::{Batch, LedgerError, RecordedMeter};

/// What has to be known of a meter before something can be imported for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMeter {
    /// Its site and id.
    pub meter: Meter,
    /// Its name for people.
    pub name: String,
    /// What flows through it.
    pub medium: Medium,
    /// How many pulses a kWh or m³ is: what is imported is kept in whole ones.
    pub constant: MeterConstant,
}

impl NewMeter {
    /// The meter as it will be: nothing is recorded of it.
    pub fn as_recorded(&self) -> RecordedMeter {
        let Self { meter, name, medium, constant } = self.clone();
        RecordedMeter {
            row: 0,
            meter,
            name,
            medium,
            constant,
            relation: meter_messages::Relation::default(),
            constants: Constants::always(constant),
            corrections: Corrections::none(),
            coarse: Coarse::none(),
        }
    }
}

impl Batch<'_> {
    /// Makes a meter. The first import fills an outbox of its own for it, and a publisher takes it over by its `info`.
    /// False if something is there under its name.
    pub fn make_meter(&mut self, new: &NewMeter) -> Result<bool, LedgerError> {
        let row: Option<i64> = self
            .transaction()
            .prepare_cached(
                "INSERT INTO meter (site, meter, name, constant_millionths, outbox, medium) VALUES (?1, ?2, ?3, ?4, '', ?5)
                 ON CONFLICT DO NOTHING RETURNING id",
            )?
            .query_row(
                params![
                    new.meter.site.as_str(),
                    new.meter.meter.as_str(),
                    new.name,
                    new.constant.millionths(),
                    new.medium.as_str()
                ],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(row) = row {
            constants::set(self.transaction(), row, 0, new.constant)?;
        }
        Ok(row.is_some())
    }

    /// An outbox is the one that a meter fills if there is none yet.
    pub(crate) fn fill_if_new(&self, meter_row: i64, outbox: &str) -> Result<(), LedgerError> {
        self.transaction()
            .prepare_cached("UPDATE meter SET outbox = ?2 WHERE id = ?1 AND outbox = ''")?
            .execute(params![meter_row, outbox])?;
        Ok(())
    }

    /// Forgets a meter that an import has made, if nothing is left of it and no publisher has said anything of it.
    pub(crate) fn forget_if_empty(
        &mut self,
        meter_row: i64,
        (by, now): (&str, Timestamp),
    ) -> Result<(), LedgerError> {
        let made: Option<(String, String)> = self
            .transaction()
            .prepare_cached(
                "SELECT site, meter FROM meter WHERE id = ?1
                     AND outbox IN (SELECT 'import-' || import.id || '-' || begun FROM import WHERE import.meter = ?1)
                     AND NOT EXISTS (SELECT 1 FROM import WHERE import.meter = ?1 AND outbox IS NOT NULL)
                     AND NOT EXISTS (SELECT 1 FROM minute WHERE minute.meter = ?1)
                     AND NOT EXISTS (SELECT 1 FROM day WHERE day.meter = ?1)
                     AND NOT EXISTS (SELECT 1 FROM aside WHERE aside.meter = ?1)
                     AND NOT EXISTS (SELECT 1 FROM reading WHERE reading.meter = ?1)
                     AND NOT EXISTS (SELECT 1 FROM correction WHERE correction.meter = ?1 AND undone IS NULL)
                     AND NOT EXISTS (SELECT 1 FROM meter AS former WHERE former.moved_to = ?1)",
            )?
            .query_row([meter_row], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        if let Some((site, meter)) = made {
            let meter =
                Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
            self.forget(&meter, by, now)?;
        }
        Ok(())
    }
}
