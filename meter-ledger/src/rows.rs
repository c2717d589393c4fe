//! The minutes of a meter, in order, whether they are in rows or packed.

use std::iter::Peekable;
use std::ops::Range;

use crate::days::{self, day_of, minutes_of};
use crate::home::{self, Connection, params};
use crate::quarters::Quarters;
use crate::sum::Counted;
use crate::{LedgerError, OutboxMinute};

/// The minutes of a span that are in no packed day, in order.
const UNPACKED: &str = "
    SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
    WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute, outbox";

/// The packed days of a span of days, both ends included. They are read from their index: the minutes of ten years are 15 MB.
pub(crate) const DAYS: &str = "SELECT day FROM day WHERE meter = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day";

/// The sums of the same days. Asked for by itself: joined to the days, a database looks for those of each day one by one, which
/// takes ten times as long.
pub(crate) const SUMS: &str =
    "SELECT day, sums FROM quarters WHERE meter = ?1 AND day >= ?2 AND day <= ?3 ORDER BY day";

/// The rows of a span of minutes since 1970 that are in no packed day, in order.
pub(crate) fn unpacked(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
) -> home::Result<Vec<OutboxMinute>> {
    connection
        .prepare_cached(UNPACKED)?
        .query_map(params![meter_row, span.start, span.end], OutboxMinute::of)?
        .collect()
}

/// The rows of the newest minute before one that are in no packed day.
const LAST_UNPACKED: &str = "
    SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
    WHERE meter = ?1 AND minute = (SELECT max(minute) FROM minute WHERE meter = ?1 AND minute < ?2) ORDER BY outbox";

/// The same of the first minute from one on.
const FIRST_UNPACKED: &str = "
    SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
    WHERE meter = ?1 AND minute = (SELECT min(minute) FROM minute WHERE meter = ?1 AND minute >= ?2) ORDER BY outbox";

/// The newest packed days up to one that are later than these rows. Every packed day has a minute; only the one that a
/// minute is in may have none before it, so one more is enough. A database would send all that there are.
const LAST_DAYS: &str = "
    SELECT runs FROM day WHERE meter = ?1 AND day <= ?3
        AND day >= coalesce((SELECT max(minute) FROM minute WHERE meter = ?1 AND minute < ?2) / 1440, 0)
    ORDER BY day DESC LIMIT 2";

/// The first packed days from one on that are earlier than these rows.
const FIRST_DAYS: &str = "
    SELECT runs FROM day WHERE meter = ?1 AND day >= ?3
        AND day <= coalesce((SELECT min(minute) FROM minute WHERE meter = ?1 AND minute >= ?2) / 1440, ?4)
    ORDER BY day LIMIT 2";

/// Asks ahead for what lies around a span of minutes, and in it.
pub(crate) fn ask_around(connection: &Connection, meter_row: i64, span: Range<i64>) -> home::Result<()> {
    let Range { start, end } = span;
    connection.ask_ahead(LAST_UNPACKED, &[meter_row, start])?;
    connection.ask_ahead(LAST_DAYS, &[meter_row, start, day_of(start)])?;
    connection.ask_ahead(FIRST_UNPACKED, &[meter_row, end])?;
    connection.ask_ahead(FIRST_DAYS, &[meter_row, end, day_of(end), i64::MAX])?;
    connection.ask_ahead(UNPACKED, &[meter_row, start, end])?;
    let days = [meter_row, day_of(start), day_of(end - 1)];
    connection.ask_ahead(DAYS, &days)?;
    connection.ask_ahead(SUMS, &days)
}

/// All rows of the newest minute before one; none if there is no such minute.
pub(crate) fn before(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let days = [meter_row, minute, day_of(minute)];
    connection.ask_ahead(LAST_DAYS, &days)?;
    let unpacked = at_end(connection, meter_row, LAST_UNPACKED, minute)?;
    let after = unpacked.first().map_or(i64::MIN, |row| row.minute);
    let mut statement = connection.prepare_cached(LAST_DAYS)?;
    let mut days = statement.query(days)?;
    while let Some(row) = days.next()? {
        let mut packed = days::unpack(row.text(0)?)?;
        packed.retain(|row| after < row.minute && row.minute < minute);
        if let Some(newest) = packed.last().map(|row| row.minute) {
            packed.retain(|row| row.minute == newest);
            return Ok(packed);
        }
    }
    Ok(unpacked)
}

/// All rows of the first minute from one on; none if there is no such minute.
pub(crate) fn from(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Vec<OutboxMinute>, LedgerError> {
    let days = [meter_row, minute, day_of(minute), i64::MAX];
    connection.ask_ahead(FIRST_DAYS, &days)?;
    let unpacked = at_end(connection, meter_row, FIRST_UNPACKED, minute)?;
    let before = unpacked.first().map_or(i64::MAX, |row| row.minute);
    let mut statement = connection.prepare_cached(FIRST_DAYS)?;
    let mut days = statement.query(days)?;
    while let Some(row) = days.next()? {
        let mut packed = days::unpack(row.text(0)?)?;
        packed.retain(|row| minute <= row.minute && row.minute < before);
        if let Some(first) = packed.first().map(|row| row.minute) {
            packed.retain(|row| row.minute == first);
            return Ok(packed);
        }
    }
    Ok(unpacked)
}

/// The rows of a minute that a query finds.
fn at_end(
    connection: &Connection,
    meter_row: i64,
    sql: &str,
    minute: i64,
) -> home::Result<Vec<OutboxMinute>> {
    connection.prepare_cached(sql)?.query_map([meter_row, minute], OutboxMinute::of)?.collect()
}

/// What is found in a span of minutes.
pub(crate) enum Found {
    /// A packed day, or a quarter of an hour of one, that lies in the span as a whole, by its minutes since 1970.
    /// Whoever takes its sum is not given smaller pieces of it.
    Sum(Range<i64>, Counted),
    /// A minute of an outbox.
    Minute(OutboxMinute),
}

/// Calls `take` with all that is in a span of minutes since 1970, in order, without keeping it all in memory.
/// What it returns for a sum is whether it took it.
pub(crate) fn for_each(
    connection: &Connection,
    meter_row: i64,
    span: Range<i64>,
    mut take: impl FnMut(Found) -> bool,
) -> Result<(), LedgerError> {
    if span.is_empty() {
        return Ok(());
    }
    let days = [meter_row, day_of(span.start), day_of(span.end - 1)];
    connection.ask_ahead(DAYS, &days)?;
    connection.ask_ahead(SUMS, &days)?;
    let mut statement = connection.prepare_cached(UNPACKED)?;
    let mut unpacked =
        statement.query_map(params![meter_row, span.start, span.end], OutboxMinute::of)?.peekable();
    let mut statement = connection.prepare_cached(SUMS)?;
    let mut sums = statement.query_map(days, |row| Ok((row.get(0)?, row.get(1)?)))?.peekable();
    let mut statement = connection.prepare_cached(DAYS)?;
    let mut days = statement.query(days)?;
    while let Some(row) = days.next()? {
        let day: i64 = row.get(0)?;
        let is_earlier = |row: &home::Result<OutboxMinute>| {
            row.as_ref().map_or(true, |row| row.minute < minutes_of(day).start)
        };
        while let Some(earlier) = unpacked.next_if(is_earlier) {
            take(Found::Minute(earlier?));
        }
        let quarters = sums_of(day, &mut sums)?;
        let minutes = || days::read(connection, days::DAY, meter_row, day);
        for_each_of_day(minutes_of(day), quarters, &span, minutes, &mut take)?;
    }
    for row in unpacked {
        take(Found::Minute(row?));
    }
    Ok(())
}

/// What is kept of a day, of all days in order; `None` where it has no sums.
fn sums_of(
    day: i64,
    sums: &mut Peekable<impl Iterator<Item = home::Result<(i64, Vec<u8>)>>>,
) -> Result<Option<Quarters>, LedgerError> {
    while let Some(next) = sums.next_if(|next| next.as_ref().map_or(true, |(of, _)| *of <= day)) {
        let (of, sums) = next?;
        if of == day {
            return Ok(Some(Quarters::unpack(&sums)?));
        }
    }
    Ok(None)
}

/// The same of a packed day. Its minutes are read only where its sums are not taken.
fn for_each_of_day(
    day: Range<i64>,
    quarters: Option<Quarters>,
    span: &Range<i64>,
    minutes: impl Fn() -> Result<Vec<OutboxMinute>, LedgerError>,
    take: &mut impl FnMut(Found) -> bool,
) -> Result<(), LedgerError> {
    let Some(quarters) = quarters else {
        let minutes = minutes()?;
        minutes.into_iter().filter(|row| span.contains(&row.minute)).for_each(|row| {
            take(Found::Minute(row));
        });
        return Ok(());
    };
    let is_whole = |part: &Range<i64>| span.start <= part.start && part.end <= span.end;
    if is_whole(&day) && take(Found::Sum(day.clone(), quarters.sum())) {
        return Ok(());
    }
    let mut known: Option<Vec<OutboxMinute>> = None;
    for (quarter, sum) in quarters.recorded(day.start) {
        let part = quarter.start.max(span.start)..quarter.end.min(span.end);
        if part.is_empty() || (part == quarter && take(Found::Sum(quarter, sum))) {
            continue;
        }
        let rows = match &mut known {
            Some(rows) => rows,
            None => known.insert(minutes()?),
        };
        let first = rows.partition_point(|row| row.minute < part.start);
        let after = rows.partition_point(|row| row.minute < part.end);
        for row in &rows[first..after] {
            take(Found::Minute(*row));
        }
    }
    Ok(())
}
