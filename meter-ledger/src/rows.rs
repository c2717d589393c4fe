//! The minutes of a meter, in order, whether they are in rows or packed.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, params};

use crate::days::{self, DaySum, day_of, minutes_of};
use crate::error::damaged;
use crate::{LedgerError, OutboxMinute};

/// The minutes of a span that are in no packed day, in order.
const UNPACKED: &str = "
    SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
    WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute, outbox";

/// The packed days of a span of days, both ends included.
pub(crate) const DAYS: &str = "
    SELECT day, pulses, minutes, watched_s, most, runs FROM day
    WHERE meter = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day";

/// The rows of a span of minutes since 1970 that are in no packed day, in order.
pub(crate) fn unpacked(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
) -> rusqlite::Result<Vec<OutboxMinute>> {
    connection
        .prepare_cached(UNPACKED)?
        .query_map(params![meter_row, span.start, span.end], OutboxMinute::of)?
        .collect()
}

/// All rows of the newest minute before one; none if there is no such minute.
pub(crate) fn before(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let unpacked = at_end(
        connection,
        meter_row,
        "SELECT max(minute) FROM minute WHERE meter = ?1 AND minute < ?2",
        minute,
    )?;
    let mut packed = days::read(
        connection,
        "SELECT runs FROM day WHERE meter = ?1 AND day < ?2 ORDER BY day DESC LIMIT 1",
        meter_row,
        day_of(minute),
    )?;
    // The day that the minute is in has earlier ones, perhaps.
    let same_day = days::read(connection, days::DAY, meter_row, day_of(minute))?;
    if same_day.first().is_some_and(|row| row.minute < minute) {
        packed = same_day;
    }
    packed.retain(|row| row.minute < minute);
    let newest = packed.last().map(|row| row.minute);
    packed.retain(|row| Some(row.minute) == newest);
    Ok(if newest > unpacked.first().map(|row| row.minute) { packed } else { unpacked })
}

/// All rows of the first minute from one on; none if there is no such minute.
pub(crate) fn from(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let unpacked = at_end(
        connection,
        meter_row,
        "SELECT min(minute) FROM minute WHERE meter = ?1 AND minute >= ?2",
        minute,
    )?;
    let mut packed = days::read(connection, days::DAY, meter_row, day_of(minute))?;
    packed.retain(|row| row.minute >= minute);
    if packed.is_empty() {
        packed = days::read(
            connection,
            "SELECT runs FROM day WHERE meter = ?1 AND day > ?2 ORDER BY day LIMIT 1",
            meter_row,
            day_of(minute),
        )?;
    }
    let first = packed.first().map(|row| row.minute);
    packed.retain(|row| Some(row.minute) == first);
    let is_packed = match (first, unpacked.first()) {
        (Some(packed), Some(unpacked)) => packed < unpacked.minute,
        (packed, _) => packed.is_some(),
    };
    Ok(if is_packed { packed } else { unpacked })
}

/// The rows of a minute that a query finds.
fn at_end(
    connection: &Connection,
    meter_row: i64,
    sql: &str,
    minute: i64,
) -> rusqlite::Result<Vec<OutboxMinute>> {
    let found: Option<Option<i64>> =
        connection.prepare_cached(sql)?.query_row([meter_row, minute], |row| row.get(0)).optional()?;
    let Some(Some(found)) = found else { return Ok(Vec::new()) };
    unpacked(connection, meter_row, found..found + 1)
}

/// What is found in a span of minutes.
pub(crate) enum Found {
    /// A packed day that lies in the span as a whole, by its minutes since 1970. Whoever takes its sum is not
    /// given its minutes.
    Day(Range<i64>, DaySum),
    /// A minute of an outbox.
    Minute(OutboxMinute),
}

/// Calls `take` with all that is in a span of minutes since 1970, in order, without keeping it all in memory.
/// What it returns for a packed day is whether it took the sum.
pub(crate) fn for_each(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
    mut take: impl FnMut(Found) -> bool,
) -> Result<(), LedgerError> {
    if span.is_empty() {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(UNPACKED)?;
    let mut unpacked =
        statement.query_map(params![meter_row, span.start, span.end], OutboxMinute::of)?.peekable();
    let mut days = connection.prepare_cached(DAYS)?;
    let mut days = days.query(params![meter_row, day_of(span.start), day_of(span.end - 1)])?;
    while let Some(row) = days.next()? {
        let minutes = minutes_of(row.get(0)?);
        let is_earlier = |row: &rusqlite::Result<OutboxMinute>| {
            row.as_ref().map_or(true, |row| row.minute < minutes.start)
        };
        while let Some(earlier) = unpacked.next_if(is_earlier) {
            take(Found::Minute(earlier?));
        }
        let is_whole = span.start <= minutes.start && minutes.end <= span.end;
        if is_whole && take(Found::Day(minutes, DaySum::of(row)?)) {
            continue;
        }
        for row in days::unpack(row.get_ref(5)?.as_str().map_err(damaged)?)? {
            if span.contains(&row.minute) {
                take(Found::Minute(row));
            }
        }
    }
    for row in unpacked {
        take(Found::Minute(row?));
    }
    Ok(())
}
