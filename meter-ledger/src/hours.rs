//! The sums of UTC hours: written with their minutes, read instead of them.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::{Connection, params};

use crate::LedgerError;
use crate::sum::Counted;

pub(crate) const MINUTES: i64 = 60;

/// What a batch adds to hours.
#[derive(Debug, Default)]
pub(crate) struct Additions(BTreeMap<(i64, i64), Counted>);

impl Additions {
    /// A row of the batch changed a minute's sum.
    pub(crate) fn minute(&mut self, meter_row: i64, minute: i64, before: Counted, now: Counted) {
        let hour = self.0.entry((meter_row, minute.div_euclid(MINUTES))).or_default();
        hour.pulses += now.pulses - before.pulses;
        hour.minutes += now.minutes - before.minutes;
        hour.watched_s += now.watched_s - before.watched_s;
        hour.most = hour.most.max(now.pulses);
    }

    /// Writes them.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), rusqlite::Error> {
        let mut add = connection.prepare_cached(
            "INSERT INTO hour (meter, hour, pulses, minutes, watched_s, most) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (meter, hour) DO UPDATE SET pulses = pulses + ?3, minutes = minutes + ?4,
                 watched_s = watched_s + ?5, most = max(most, ?6)",
        )?;
        for ((meter_row, hour), sum) in &self.0 {
            add.execute(params![meter_row, hour, sum.pulses, sum.minutes, sum.watched_s, sum.most])?;
        }
        Ok(())
    }
}

/// What lies in a span of minutes since 1970: from whole hours, and at its ends
/// from minutes.
pub(crate) fn counted(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
) -> Result<Counted, rusqlite::Error> {
    let first = span.start.div_euclid(MINUTES) + i64::from(span.start.rem_euclid(MINUTES) > 0);
    let last = span.end.div_euclid(MINUTES);
    if first >= last {
        return of_minutes(connection, meter_row, span);
    }
    let parts = [
        of_minutes(connection, meter_row, span.start..first * MINUTES)?,
        of_hours(connection, meter_row, first..last)?,
        of_minutes(connection, meter_row, last * MINUTES..span.end)?,
    ];
    Ok(parts.into_iter().fold(Counted::default(), |sum, part| Counted {
        pulses: sum.pulses + part.pulses,
        minutes: sum.minutes + part.minutes,
        watched_s: sum.watched_s + part.watched_s,
        most: sum.most.max(part.most),
    }))
}

/// The sums of all hours that something was recorded in, in one query.
pub(crate) const HOURS: &str = "
    SELECT hour, pulses, minutes, watched_s, most FROM hour
    WHERE meter = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour";

/// Calls `each` with the first minute and the sum of every hour of UTC in a span of whole ones that something was
/// recorded in.
pub(crate) fn for_each(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
    mut each: impl FnMut(i64, Counted) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached(HOURS)?;
    let hours = params![meter_row, span.start.div_euclid(MINUTES), span.end.div_euclid(MINUTES)];
    let mut rows = statement.query(hours)?;
    while let Some(row) = rows.next()? {
        let counted =
            Counted { pulses: row.get(1)?, minutes: row.get(2)?, watched_s: row.get(3)?, most: row.get(4)? };
        each(row.get::<_, i64>(0)? * MINUTES, counted)?;
    }
    Ok(())
}

fn of_hours(connection: &Connection, meter_row: i64, hours: Range<i64>) -> Result<Counted, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(pulses), 0), coalesce(sum(minutes), 0), coalesce(sum(watched_s), 0),
                coalesce(max(most), 0)
         FROM hour WHERE meter = ?1 AND hour >= ?2 AND hour < ?3",
    )?;
    statement.query_row(params![meter_row, hours.start, hours.end], counted_of)
}

fn of_minutes(connection: &Connection, meter_row: i64, span: Range<i64>) -> Result<Counted, rusqlite::Error> {
    if span.is_empty() {
        return Ok(Counted::default());
    }
    let mut statement = connection.prepare_cached(
        "SELECT coalesce(sum(pulses), 0), count(*), coalesce(sum(watched_s), 0), coalesce(max(pulses), 0)
         FROM (SELECT sum(pulses) AS pulses, min(sum(watched_s), 60) AS watched_s FROM minute
               WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 GROUP BY minute)",
    )?;
    statement.query_row(params![meter_row, span.start, span.end], counted_of)
}

fn counted_of(row: &rusqlite::Row<'_>) -> Result<Counted, rusqlite::Error> {
    Ok(Counted { pulses: row.get(0)?, minutes: row.get(1)?, watched_s: row.get(2)?, most: row.get(3)? })
}
