//! Imported times of which only the sum is known: an hour stays an hour. They are read beside the minutes, of which they
//! share none, as a sum where that is enough, and evenly over their minutes where it is not.

use std::ops::Range;
use std::sync::Arc;

use meter_messages::Minute;

use crate::home::{self, Connection, OptionalRow, Row, params};
use crate::stretch::Stretch;
use crate::sum::Counted;
use crate::{LedgerError, RecordedMinute};

const COLUMNS: &str = "from_minute, to_minute, pulses, total";

/// A time of which the sum is known.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// Its minutes since 1970.
    minutes: Range<i64>,
    pulses: u64,
    /// The meter's total before it.
    total: u64,
}

impl Span {
    fn of(row: &Row<'_>) -> home::Result<Self> {
        let minutes = row.get(0)?..row.get(1)?;
        Ok(Self { minutes, pulses: row.get(2)?, total: row.get(3)? })
    }

    /// Its pulses before one of its minutes, if they came evenly.
    fn before(&self, minute: i64) -> u64 {
        let (passed, all) = (minute - self.minutes.start, self.minutes.end - self.minutes.start);
        let before = u128::from(self.pulses) * passed.max(0).unsigned_abs() as u128
            / all.max(1).unsigned_abs() as u128;
        u64::try_from(before).unwrap_or(u64::MAX)
    }

    fn minute(&self, minute: i64) -> RecordedMinute {
        let (before, after) = (self.before(minute), self.before(minute + 1));
        RecordedMinute {
            minute: Minute::nearest(minute),
            pulses: u32::try_from(after - before).unwrap_or(u32::MAX),
            watched_s: 60,
            total: self.total.saturating_add(after),
        }
    }

    fn counted(&self) -> Counted {
        let minutes = (self.minutes.end - self.minutes.start).max(1).unsigned_abs();
        let (least, most) = (self.pulses / minutes, self.pulses.div_ceil(minutes));
        Counted { pulses: self.pulses, minutes, watched_s: 60 * minutes, least, most }
    }

    /// Tells the part of it that lies in what is asked for.
    fn tell(&self, asked: &Range<i64>, take: &mut impl FnMut(Stretch) -> bool) {
        let part = self.minutes.start.max(asked.start)..self.minutes.end.min(asked.end);
        if part == self.minutes && take(Stretch::Sum(part.clone(), self.counted())) {
            return;
        }
        part.for_each(|minute| {
            take(Stretch::Minute(self.minute(minute)));
        });
    }
}

/// Those of what is asked for that are not told yet.
pub(crate) struct Ahead<'read, Spans> {
    asked: &'read Range<i64>,
    next: Option<Span>,
    spans: Spans,
}

impl<Spans: Iterator<Item = home::Result<Span>>> Ahead<'_, Spans> {
    /// Whether one begins before a minute.
    pub(crate) fn begins_before(&self, minute: i64) -> bool {
        self.next.as_ref().is_some_and(|next| next.minutes.start < minute)
    }

    /// Tells those that begin before a minute.
    pub(crate) fn before(
        &mut self,
        minute: i64,
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        while let Some(span) = self.next.take_if(|next| next.minutes.start < minute) {
            span.tell(self.asked, take);
            self.next = self.spans.next().transpose()?;
        }
        Ok(())
    }
}

/// Has `counted` tell what was counted in a span of minutes since 1970; it tells those that were imported between.
pub(crate) fn for_each<Take: FnMut(Stretch) -> bool>(
    connection: &Connection,
    meter_row: i64,
    asked: &Range<i64>,
    take: &mut Take,
    counted: impl FnOnce(
        &mut Take,
        &mut Ahead<'_, &mut dyn Iterator<Item = home::Result<Span>>>,
    ) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    if asked.is_empty() {
        return Ok(());
    }
    // None shares a minute with another, so only the last one that begins before it may reach into what is asked for.
    let first = around_or_before(connection, meter_row, asked.start)?;
    let first =
        first.filter(|first| first.minutes.end > asked.start).map_or(asked.start, |it| it.minutes.start);
    let sql = format!(
        "SELECT {COLUMNS} FROM imported_span WHERE meter = ?1 AND from_minute >= ?2 AND from_minute < ?3
         ORDER BY from_minute"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut spans = statement.query_map(params![meter_row, first, asked.end], Span::of)?;
    let next = spans.next().transpose()?;
    let mut ahead = Ahead { asked, next, spans: &mut spans as &mut dyn Iterator<Item = _> };
    counted(take, &mut ahead)?;
    ahead.before(i64::MAX, take)
}

/// Those of a span that have more than so many minutes, in order; of those that follow each other and are as long as each
/// other, one range. After `most` of these, the last one goes on to the last of them.
pub(crate) fn longer_than(
    connection: &Connection,
    meter_row: i64,
    (asked, minutes): (&Range<i64>, i64),
    most: usize,
) -> Result<Vec<(Range<i64>, i64)>, LedgerError> {
    let around = around_or_before(connection, meter_row, asked.start)?.map(|span| span.minutes);
    let first = around.filter(|around| around.end > asked.start).map_or(asked.start, |around| around.start);
    let mut statement = connection.prepare_cached(
        "SELECT from_minute, to_minute FROM imported_span WHERE meter = ?1 AND from_minute >= ?2 AND from_minute < ?3
         AND to_minute - from_minute > ?4 ORDER BY from_minute",
    )?;
    let spans = statement.query_map(params![meter_row, first, asked.end, minutes], |row| {
        Ok(row.get::<i64>(0)?..row.get::<i64>(1)?)
    })?;
    let mut found: Vec<(Range<i64>, i64)> = Vec::new();
    for span in spans {
        let span = span?;
        let length = span.end - span.start;
        let is_full = found.len() >= most;
        match found.last_mut().filter(|(last, of)| is_full || (last.end == span.start && *of == length)) {
            Some((last, of)) => (last.end, *of) = (span.end, length.max(*of)),
            None => found.push((span, length)),
        }
    }
    Ok(found)
}

/// The last one that begins at a minute or before.
fn around_or_before(connection: &Connection, meter_row: i64, minute: i64) -> home::Result<Option<Span>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM imported_span WHERE meter = ?1 AND from_minute <= ?2 ORDER BY from_minute DESC LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row([meter_row, minute], Span::of).optional()
}

/// The newest imported minute before one.
pub(crate) fn last_before(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Option<RecordedMinute>, LedgerError> {
    let span = around_or_before(connection, meter_row, minute.saturating_sub(1))?;
    Ok(span.map(|span| span.minute(span.minutes.end.min(minute) - 1)))
}

/// The first imported minute from one on.
pub(crate) fn first_from(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Option<i64>, LedgerError> {
    let around = around_or_before(connection, meter_row, minute)?;
    if around.is_some_and(|span| span.minutes.contains(&minute)) {
        return Ok(Some(minute));
    }
    let next = connection
        .prepare_cached("SELECT min(from_minute) FROM imported_span WHERE meter = ?1 AND from_minute >= ?2")?
        .query_row([meter_row, minute], |row| row.get(0))?;
    Ok(next)
}

/// Deletes the one that a minute lies in.
pub(crate) fn delete_around(connection: &Connection, meter_row: i64, minute: i64) -> Result<(), LedgerError> {
    let around = around_or_before(connection, meter_row, minute)?;
    if let Some(span) = around.filter(|span| span.minutes.contains(&minute)) {
        connection
            .prepare_cached("DELETE FROM imported_span WHERE meter = ?1 AND from_minute = ?2")?
            .execute([meter_row, span.minutes.start])?;
    }
    Ok(())
}

/// Whether one has a minute of a span.
pub(crate) fn is_any_within(
    connection: &Connection,
    meter_row: i64,
    minutes: &Range<i64>,
) -> Result<bool, LedgerError> {
    Ok(first_from(connection, meter_row, minutes.start)?.is_some_and(|first| first < minutes.end))
}

/// Where a meter's record has such times, and how long the longest is: a range of each import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Coarse {
    ranges: Arc<[(Range<i64>, u32)]>,
    /// How often something was imported or undone.
    edition: u64,
}

impl Coarse {
    pub(crate) fn read(connection: &Connection, meter_row: i64) -> Result<Self, LedgerError> {
        let mut statement = connection.prepare_cached(
            "SELECT from_span, to_span, longest FROM import WHERE meter = ?1 AND from_span IS NOT NULL",
        )?;
        let ranges = statement.query_map([meter_row], |row| Ok((row.get(0)?..row.get(1)?, row.get(2)?)))?;
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        let edition = connection
            .prepare_cached("SELECT count(*) + count(finished) + count(undone) FROM import WHERE meter = ?1")?
            .query_row([meter_row], |row| row.get(0))?;
        Ok(Self { ranges: ranges.into(), edition })
    }

    pub(crate) fn edition(&self) -> u64 {
        self.edition
    }

    /// How many minutes the longest one of a span has; 1 if there is none.
    pub(crate) fn longest(&self, span: &Range<i64>) -> u32 {
        let within = self.ranges.iter().filter(|(range, _)| range.start < span.end && span.start < range.end);
        within.map(|(_, longest)| *longest).max().unwrap_or(1)
    }
}
