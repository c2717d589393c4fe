//! The readers' side: meters, minutes and sums.

use std::ops::Range;

use foreign_text::foreign;
use meter_messages::{Medium, Meter, MeterConstant, Minute};
use rusqlite::{OptionalExtension, Row, params};

use crate::constants::Constants;
use crate::error::damaged;
use crate::sum::Counted;
use crate::{Ledger, LedgerError, Sum, hours};

/// A meter that the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedMeter {
    pub(crate) row: i64,
    /// Its site and id.
    pub meter: Meter,
    /// Its name for people.
    pub name: String,
    /// What flows through it.
    pub medium: Medium,
    /// Its meter constant now.
    pub constant: MeterConstant,
    constants: Constants,
}

/// A minute as it was counted. If two outboxes have it, their pulses are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedMinute {
    /// The minute.
    pub minute: Minute,
    /// Pulses that fell in it.
    pub pulses: u32,
    /// How many of its seconds the line was watched, at most 60.
    pub watched_s: u8,
    /// The meter's total at its end.
    pub total: u64,
}

impl RecordedMeter {
    /// The meter constant in a minute; it changes when the meter is replaced.
    pub fn constant_at(&self, minute: Minute) -> MeterConstant {
        self.constants.at(minute)
    }

    /// When the constant changed, and to what.
    pub fn constant_changes(&self) -> impl Iterator<Item = (Minute, MeterConstant)> {
        self.constants.changes()
    }
}

impl Ledger {
    /// All meters, by site and id.
    pub fn meters(&self) -> Result<Vec<RecordedMeter>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, site, meter, name, constant, medium FROM meter ORDER BY site, meter",
        )?;
        let rows = statement.query_map([], |row| Ok(self.meter_of(row)))?;
        rows.map(|row| row?).collect()
    }

    /// One meter.
    pub fn meter(&self, meter: &Meter) -> Result<Option<RecordedMeter>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, site, meter, name, constant, medium FROM meter WHERE site = ?1 AND meter = ?2",
        )?;
        statement
            .query_row(params![meter.site.as_str(), meter.meter.as_str()], |row| Ok(self.meter_of(row)))
            .optional()?
            .transpose()
    }

    /// Calls `each` with the recorded minutes of a span, in order, without
    /// keeping them all in memory.
    pub fn for_each_minute(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        mut each: impl FnMut(RecordedMinute),
    ) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT minute, pulses, watched_s, total FROM minute
             WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute",
        )?;
        let mut rows =
            statement.query(params![meter.row, span.start.epoch_minutes(), span.end.epoch_minutes()])?;
        let mut held: Option<RecordedMinute> = None;
        while let Some(row) = rows.next()? {
            let next = minute_of(row)?;
            held = match held {
                Some(shared) if shared.minute == next.minute => Some(merged(shared, next)),
                Some(done) => {
                    each(done);
                    Some(next)
                }
                None => Some(next),
            };
        }
        held.into_iter().for_each(each);
        Ok(())
    }

    /// The recorded minutes of a span, in order.
    pub fn minutes(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
    ) -> Result<Vec<RecordedMinute>, LedgerError> {
        let mut minutes = Vec::new();
        self.for_each_minute(meter, span, |minute| minutes.push(minute))?;
        Ok(minutes)
    }

    /// The sums between neighbouring bounds (ascending): one fewer than bounds.
    /// Local hours, days and months are such bounds, whatever their length.
    pub fn sums(&self, meter: &RecordedMeter, bounds: &[Minute]) -> Result<Vec<Sum>, LedgerError> {
        let (Some(&first), Some(&last)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
        let steps = bounds.len() - 1;
        let step_minutes = (last.epoch_minutes() - first.epoch_minutes()) / (steps as i64).max(1);
        if bounds.iter().all(|bound| bound.epoch_minutes() % hours::MINUTES == 0) {
            return self.sums_of_hours(meter, bounds, first..last);
        }
        // Hours of a zone that is half an hour off have to be added up from minutes.
        if step_minutes < 2 * hours::MINUTES {
            return self.sums_of_minutes(meter, bounds, first..last);
        }
        bounds.windows(2).map(|pair| self.sum(meter, pair[0]..pair[1])).collect()
    }

    /// For bounds that are hours of UTC, in one query.
    fn sums_of_hours(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
        span: Range<Minute>,
    ) -> Result<Vec<Sum>, LedgerError> {
        let mut sums = vec![Sum::default(); bounds.len() - 1];
        let mut step = 0;
        let span = span.start.epoch_minutes()..span.end.epoch_minutes();
        hours::for_each(&self.connection, meter.row, span, |start, counted| {
            while start >= bounds[step + 1].epoch_minutes() {
                step += 1;
            }
            let hour = start..start + hours::MINUTES;
            let mut constants = meter.constants.pieces(hour.clone()).map(|(constant, _)| constant);
            match (constants.next(), constants.next()) {
                (Some(constant), None) => sums[step].add(constant, counted),
                // It changed within the hour.
                _ => {
                    let hour = Minute::nearest(hour.start)..Minute::nearest(hour.end);
                    sums[step] = sums[step].and(&self.sum(meter, hour)?);
                }
            }
            Ok(())
        })?;
        Ok(sums)
    }

    /// For bounds closer than hours, in one query.
    fn sums_of_minutes(
        &self,
        meter: &RecordedMeter,
        bounds: &[Minute],
        span: Range<Minute>,
    ) -> Result<Vec<Sum>, LedgerError> {
        let mut sums = vec![Sum::default(); bounds.len() - 1];
        let mut step = 0;
        self.for_each_minute(meter, span, |minute| {
            while minute.minute >= bounds[step + 1] {
                step += 1;
            }
            let pulses = minute.pulses.into();
            let counted = Counted { pulses, minutes: 1, watched_s: minute.watched_s.into(), most: pulses };
            sums[step].add(meter.constant_at(minute.minute), counted);
        })?;
        Ok(sums)
    }

    /// The sum of a span.
    pub fn sum(&self, meter: &RecordedMeter, span: Range<Minute>) -> Result<Sum, LedgerError> {
        let mut sum = Sum::default();
        for (constant, piece) in meter.constants.pieces(span.start.epoch_minutes()..span.end.epoch_minutes())
        {
            sum.add(constant, hours::counted(&self.connection, meter.row, piece)?);
        }
        Ok(sum)
    }

    /// What the meter shows after its newest minute, in its unit.
    pub fn reading(&self, meter: &RecordedMeter) -> Result<Option<f64>, LedgerError> {
        self.reading_at(meter, Minute::nearest(i64::MAX))
    }

    /// What the meter showed at the beginning of a minute, in its unit: its
    /// total, each part of it by the constant that applied then.
    pub fn reading_at(&self, meter: &RecordedMeter, at: Minute) -> Result<Option<f64>, LedgerError> {
        let Some(shown) = self.total_at(meter, at)? else { return Ok(None) };
        let (mut shows, mut counted) = (0.0, 0);
        let mut constant = meter.constant_at(Minute::nearest(i64::MIN));
        for (from, next) in meter.constant_changes().take_while(|(from, _)| *from < at) {
            let total = self.total_at(meter, from)?.unwrap_or(counted).max(counted);
            shows += constant.quantity(total - counted);
            (counted, constant) = (total, next);
        }
        Ok(Some(shows + constant.quantity(shown.saturating_sub(counted))))
    }

    /// The total at the beginning of a minute, in pulses.
    fn total_at(&self, meter: &RecordedMeter, at: Minute) -> Result<Option<u64>, LedgerError> {
        let mut before = self.connection.prepare_cached(
            "SELECT total FROM minute WHERE meter = ?1 AND minute < ?2 ORDER BY minute DESC, total DESC LIMIT 1",
        )?;
        Ok(before.query_row(params![meter.row, at.epoch_minutes()], |row| row.get(0)).optional()?)
    }

    /// The first recorded minute.
    pub fn first(&self, meter: &RecordedMeter) -> Result<Option<Minute>, LedgerError> {
        self.first_from(meter, Minute::nearest(i64::MIN))
    }

    /// The first recorded minute from one on.
    pub fn first_from(&self, meter: &RecordedMeter, from: Minute) -> Result<Option<Minute>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT minute FROM minute WHERE meter = ?1 AND minute >= ?2 ORDER BY minute LIMIT 1",
        )?;
        let first: Option<i64> =
            statement.query_row([meter.row, from.epoch_minutes()], |row| row.get(0)).optional()?;
        first.map(|minute| Minute::from_epoch_minutes(minute).map_err(damaged)).transpose()
    }

    /// The newest recorded minute.
    pub fn newest(&self, meter: &RecordedMeter) -> Result<Option<RecordedMinute>, LedgerError> {
        self.newest_up_to(meter, Minute::nearest(i64::MAX))
    }

    /// The newest recorded minute up to one.
    pub fn newest_up_to(
        &self,
        meter: &RecordedMeter,
        latest: Minute,
    ) -> Result<Option<RecordedMinute>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT minute, pulses, watched_s, total FROM minute
             WHERE meter = ?1 AND minute <= ?2 ORDER BY minute DESC, total DESC LIMIT 1",
        )?;
        let mut rows = statement.query([meter.row, latest.epoch_minutes()])?;
        rows.next()?.map(minute_of).transpose()
    }

    fn meter_of(&self, row: &Row<'_>) -> Result<RecordedMeter, LedgerError> {
        let text = |column: usize| row.get::<_, String>(column);
        let (id, constant): (i64, u64) = (row.get(0)?, row.get(4)?);
        Ok(RecordedMeter {
            row: id,
            meter: Meter {
                site: text(1)?.parse().map_err(damaged)?,
                meter: text(2)?.parse().map_err(damaged)?,
            },
            // Earlier versions took names of any characters.
            name: foreign(&text(3)?).to_string(),
            medium: text(5)?.parse().map_err(damaged)?,
            constant: MeterConstant::try_from(constant).map_err(damaged)?,
            constants: Constants::read(&self.connection, id)?,
        })
    }
}

fn minute_of(row: &Row<'_>) -> Result<RecordedMinute, LedgerError> {
    Ok(RecordedMinute {
        minute: Minute::from_epoch_minutes(row.get(0)?).map_err(damaged)?,
        pulses: row.get(1)?,
        watched_s: row.get(2)?,
        total: row.get(3)?,
    })
}

fn merged(one: RecordedMinute, other: RecordedMinute) -> RecordedMinute {
    RecordedMinute {
        minute: one.minute,
        pulses: one.pulses.saturating_add(other.pulses),
        watched_s: (one.watched_s + other.watched_s).min(60),
        total: one.total.max(other.total),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::{Info, PulseCount};
    use rusqlite::StatementStatus;

    use super::*;

    /// A meter with a minute of one pulse at each of these, in minutes since 1970.
    fn ledger(folder: &tempfile::TempDir, minutes: &[i64]) -> (Ledger, RecordedMeter) {
        let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
        let meter = "hq/main".parse().unwrap();
        let info = br#"{"name":"x","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1,
            "history":[{"t":"2000-01-01T00:00:00Z","pulses_per_kwh":500},{"t":"2026-01-02T10:30:00Z","pulses_per_kwh":1000}]}"#;
        let mut batch = ledger.batch().unwrap();
        let mark = batch.register(&meter, &Info::from_json(info).unwrap()).unwrap();
        for (seq, at) in (1..).zip(minutes) {
            let count =
                PulseCount { minute: Minute::nearest(*at), watched_s: 60, seq, pulses: 1, total: seq };
            batch.record(&mark, &count).unwrap();
        }
        batch.commit().unwrap();
        let known = ledger.meter(&meter).unwrap().unwrap();
        (ledger, known)
    }

    /// What SQLite does for a query: steps of its machine.
    fn steps_of(ledger: &Ledger, sql: &str) -> i32 {
        ledger.connection.prepare_cached(sql).unwrap().reset_status(StatementStatus::VmStep)
    }

    #[test]
    fn sums_of_hours_are_one_query_that_reads_what_is_there() {
        let folder = tempfile::TempDir::new().unwrap();
        let first = Minute::containing(1_767_225_600).unwrap().epoch_minutes(); // 2026-01-01T00:00Z
        let minutes: Vec<i64> = (0..3 * 24 * 60).map(|at| first + at).collect();
        let (ledger, meter) = ledger(&folder, &minutes);
        let bounds = |hours: i64, offset: i64| -> Vec<Minute> {
            (0..=hours).map(|hour| Minute::nearest(first + offset + hour * 60)).collect()
        };
        // In a zone of whole hours, and in one that is 45 minutes off; the constant changes at half past ten.
        for offset in [0, 60, -15] {
            let bounds = bounds(4 * 24, offset);
            let sums = ledger.sums(&meter, &bounds).unwrap();
            let single: Vec<Sum> =
                bounds.windows(2).map(|pair| ledger.sum(&meter, pair[0]..pair[1]).unwrap()).collect();
            assert_eq!(sums, single, "{offset}");
        }
        steps_of(&ledger, hours::HOURS);
        ledger.sums(&meter, &bounds(3 * 24, 0)).unwrap();
        let full = steps_of(&ledger, hours::HOURS);
        assert!((72..72 * 20).contains(&full), "{full} steps for 72 hours");
        // Decades with nothing in them are not more work than one hour.
        ledger.sums(&meter, &bounds(20 * 24 * 365, -25 * 365 * 24 * 60)).unwrap();
        let empty = steps_of(&ledger, hours::HOURS);
        assert!(empty < 72, "{empty} steps for what is not there");
    }
}
