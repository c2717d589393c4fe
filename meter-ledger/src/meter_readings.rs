//! Readings: what the meter itself showed. They change no pulse.

use foreign_text::foreign;
use jiff::Timestamp;
use meter_messages::{Medium, Meter, MeterReading, Minute, TakenBack};

use crate::error::damaged;
use crate::home::{OptionalRow, params};
use crate::{Batch, Ledger, LedgerError, RecordedMeter};

/// How many readings of a meter are kept: one a day for 27 years. Invented ones must not fill the disk.
const MOST: i64 = 10_000;

/// A reading, and when it was entered in the ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct EnteredReading {
    /// The reading.
    pub reading: MeterReading,
    /// When it was entered, or corrected for the last time.
    pub entered: Timestamp,
    /// Whether the meter's publisher says it, which alone can take it back.
    pub of_publisher: bool,
}

/// The result of entering a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entering {
    /// It is in the ledger with this batch.
    Entered,
    /// It replaces another one of the same time.
    Corrected,
    /// The same was already there.
    AlreadyEntered,
    /// The ledger does not know the meter.
    UnknownMeter,
    /// The meter counts in another unit.
    OtherUnit,
    /// The meter has as many as it may have.
    TooMany,
}

/// The result of deleting a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakingBack {
    /// It is deleted with this batch.
    Gone,
    /// There is none of that time, or no longer.
    NotThere,
}

impl Batch<'_> {
    /// Enters a reading at `now`.
    pub fn enter(
        &mut self,
        meter: &Meter,
        reading: &MeterReading,
        now: Timestamp,
    ) -> Result<Entering, LedgerError> {
        let transaction = self.transaction();
        let known: Option<(i64, String)> = transaction
            .prepare_cached(
                "SELECT id, medium FROM meter WHERE constant_millionths > 0
                 AND id = (SELECT coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2)",
            )?
            .query_row(params![meter.site.as_str(), meter.meter.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((meter_row, medium)) = known else { return Ok(Entering::UnknownMeter) };
        if medium.parse::<Medium>().map_err(damaged)?.unit() != reading.unit {
            return Ok(Entering::OtherUnit);
        }
        let read_at = reading.at.as_second();
        let before: Option<(f64, String, bool)> = transaction
            .prepare_cached("SELECT shown, by, replaced FROM reading WHERE meter = ?1 AND read_at = ?2")?
            .query_row([meter_row, read_at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let entering = match before {
            Some(before) if before == (reading.shown, reading.by.clone(), reading.replaced) => {
                return Ok(Entering::AlreadyEntered);
            }
            Some(_) => Entering::Corrected,
            None => {
                let kept: i64 = transaction
                    .prepare_cached("SELECT count(*) FROM reading WHERE meter = ?1")?
                    .query_row([meter_row], |row| row.get(0))?;
                if kept >= MOST {
                    return Ok(Entering::TooMany);
                }
                Entering::Entered
            }
        };
        transaction
            .prepare_cached(
                "INSERT INTO reading (meter, read_at, shown, by, entered, replaced) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (meter, read_at) DO UPDATE SET shown = ?3, by = ?4, entered = ?5, replaced = ?6",
            )?
            .execute(params![
                meter_row,
                read_at,
                reading.shown,
                reading.by,
                now.as_second(),
                reading.replaced
            ])?;
        Ok(entering)
    }
}

impl Batch<'_> {
    /// Deletes the reading of a time.
    pub fn take_back(&mut self, meter: &Meter, taken_back: &TakenBack) -> Result<TakingBack, LedgerError> {
        let gone = self
            .transaction()
            .prepare_cached(
                "DELETE FROM reading WHERE read_at = ?3
                 AND meter = (SELECT coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2)",
            )?
            .execute(params![meter.site.as_str(), meter.meter.as_str(), taken_back.at.as_second()])?;
        Ok(if gone > 0 { TakingBack::Gone } else { TakingBack::NotThere })
    }
}

impl Ledger {
    /// What a meter shows after its newest minute, in its unit: what somebody has read off it last, and what was counted
    /// since. As long as nobody has, its [total](Ledger::reading). So a total that was set wrongly, or that of a meter
    /// that was replaced, can be put right by reading the meter again; it goes on counting as before.
    pub fn shows(&self, meter: &RecordedMeter) -> Result<Option<f64>, LedgerError> {
        let _state = self.one_state()?;
        let Some(last) = self.readings(meter, 1)?.pop() else { return self.reading(meter) };
        let since = Minute::nearest(last.reading.at.as_second().div_euclid(Minute::SECONDS));
        let counted = self.sum(meter, since..Minute::nearest(i64::MAX))?.counted();
        Ok(Some(last.reading.shown + counted))
    }

    /// The newest readings of a meter, at most so many, in the order in which they were read.
    pub fn readings(&self, meter: &RecordedMeter, most: usize) -> Result<Vec<EnteredReading>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT read_at, shown, by, entered, replaced FROM reading WHERE meter = ?1 ORDER BY read_at DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![meter.row, most], |row| {
            Ok((row.get::<i64>(0)?, row.get(1)?, row.get(2)?, row.get::<i64>(3)?, row.get(4)?))
        })?;
        let time = |second| Timestamp::from_second(second).map_err(damaged);
        let mut readings = rows
            .map(|row| {
                let (at, shown, by, entered, replaced): (_, _, String, _, _) = row?;
                let by = foreign(&by).to_string();
                let reading = MeterReading { at: time(at)?, shown, unit: meter.medium.unit(), by, replaced };
                Ok(EnteredReading { reading, entered: time(entered)?, of_publisher: false })
            })
            .collect::<Result<Vec<_>, LedgerError>>()?;
        readings.extend(self.said_readings(meter)?);
        readings.sort_by_key(|entered| entered.reading.at);
        Ok(readings.split_off(readings.len().saturating_sub(most)))
    }

    /// Those that the meter's publisher says. What cannot be read, as of a later version, says nothing.
    fn said_readings(&self, meter: &RecordedMeter) -> Result<Vec<EnteredReading>, LedgerError> {
        let said: Option<String> = self
            .connection
            .prepare_cached("SELECT readings FROM meter WHERE id = ?1")?
            .query_row([meter.row], |row| row.get(0))
            .optional()?
            .flatten();
        let said: Vec<MeterReading> =
            said.and_then(|said| serde_json::from_str(&said).ok()).unwrap_or_default();
        let ours = said.into_iter().filter(|reading| reading.unit == meter.medium.unit());
        let shown = |reading: MeterReading| EnteredReading {
            entered: reading.at,
            reading: MeterReading { by: foreign(&reading.by).to_string(), ..reading },
            of_publisher: true,
        };
        Ok(ours.map(shown).collect())
    }
}
