//! Imported times of which only the sum is known: an hour stays an hour. They are read beside the minutes. Minutes that are
//! known by themselves are a part of what is known of the hour around them: the rest of its pulses lies in its other
//! minutes, evenly where minutes are asked for. So whatever comes, in whatever order, nothing is lost or counted twice.

use std::ops::Range;
use std::sync::Arc;

use meter_messages::Minute;

use crate::days::{day_of, minutes_of};
use crate::home::{self, Connection, OptionalRow, Row, params};
use crate::rows::{self, Found};
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

    fn counted(&self) -> Counted {
        let minutes = (self.minutes.end - self.minutes.start).max(1).unsigned_abs();
        let (least, most) = (self.pulses / minutes, self.pulses.div_ceil(minutes));
        Counted { pulses: self.pulses, minutes, watched_s: 60 * minutes, least, most }
    }
}

/// What is known of a time beside the minutes of it that are known by themselves.
#[derive(Debug)]
pub(crate) struct Rest {
    span: Span,
    /// Those minutes since 1970, in order, and their pulses up to each.
    known: Vec<(i64, u64)>,
}

impl Rest {
    fn of(span: Span, minutes: impl IntoIterator<Item = (i64, u64)>) -> Self {
        let (mut known, mut sum): (Vec<(i64, u64)>, u64) = (Vec::new(), 0);
        for (minute, pulses) in minutes {
            sum = sum.saturating_add(pulses);
            match known.last_mut().filter(|(last, _)| *last == minute) {
                Some(last) => last.1 = sum,
                None => known.push((minute, sum)),
            }
        }
        Self { span, known }
    }

    fn read(connection: &Connection, meter_row: i64, span: Span) -> Result<Self, LedgerError> {
        let mut minutes = Vec::new();
        rows::for_each(connection, meter_row, span.minutes.clone(), |found| {
            if let Found::Minute(row) = found {
                minutes.push((row.minute, row.pulses.into()));
            }
            false
        })?;
        Ok(Self::of(span, minutes))
    }

    /// Of a time that is to be imported, with what is recorded of it already.
    pub(crate) fn of_new(
        minutes: Range<i64>,
        pulses: u64,
        known: impl IntoIterator<Item = (i64, u64)>,
    ) -> Self {
        Self::of(Span { minutes, pulses, total: 0 }, known)
    }

    /// The same, read from the ledger.
    pub(crate) fn read_new(
        connection: &Connection,
        meter_row: i64,
        minutes: Range<i64>,
        pulses: u64,
    ) -> Result<Self, LedgerError> {
        Self::read(connection, meter_row, Span { minutes, pulses, total: 0 })
    }

    /// Its minutes that are not known by themselves.
    pub(crate) fn minutes(&self) -> u64 {
        let all = (self.span.minutes.end - self.span.minutes.start).unsigned_abs();
        all.saturating_sub(self.known.len() as u64)
    }

    /// Whether none of its minutes is known by itself.
    pub(crate) fn is_whole(&self) -> bool {
        self.known.is_empty()
    }

    /// The pulses that are left for these.
    pub(crate) fn pulses(&self) -> u64 {
        self.span.pulses.saturating_sub(self.known.last().map_or(0, |(_, pulses)| *pulses))
    }

    /// One of its minutes; `None` if it is known by itself.
    fn minute(&self, at: i64) -> Option<RecordedMinute> {
        let passed = self.known.partition_point(|(minute, _)| *minute < at);
        if self.known.get(passed).is_some_and(|(minute, _)| *minute == at) {
            return None;
        }
        let number = (at - self.span.minutes.start).unsigned_abs() - passed as u64;
        let (before, after) = (self.pulses_before(number), self.pulses_before(number + 1));
        let known =
            passed.checked_sub(1).and_then(|last| self.known.get(last)).map_or(0, |(_, pulses)| *pulses);
        Some(RecordedMinute {
            minute: Minute::nearest(at),
            pulses: u32::try_from(after - before).unwrap_or(u32::MAX),
            watched_s: 60,
            total: self.span.total.saturating_add(known).saturating_add(after),
        })
    }

    /// The pulses of so many of its minutes, if they came evenly.
    fn pulses_before(&self, minutes: u64) -> u64 {
        let before = u128::from(self.pulses()) * u128::from(minutes) / u128::from(self.minutes().max(1));
        u64::try_from(before).unwrap_or(u64::MAX)
    }

    /// Its last minute before one.
    fn last_before(&self, minute: i64) -> Option<RecordedMinute> {
        let minutes = self.span.minutes.start..self.span.minutes.end.min(minute);
        minutes.rev().find_map(|minute| self.minute(minute))
    }
}

/// Those of what is asked for that are not told yet.
pub(crate) struct Ahead<'read, Spans> {
    connection: &'read Connection,
    meter_row: i64,
    asked: &'read Range<i64>,
    /// One of which minutes are told, and those that are left.
    open: Option<(Rest, Range<i64>)>,
    next: Option<Span>,
    spans: Spans,
}

impl<Spans: Iterator<Item = home::Result<Span>>> Ahead<'_, Spans> {
    /// Whether there is something to tell before a minute.
    pub(crate) fn begins_before(&self, minute: i64) -> bool {
        self.open.as_ref().is_some_and(|(_, left)| left.start < minute)
            || self.next.as_ref().is_some_and(|next| next.minutes.start < minute)
    }

    /// Tells what lies before a minute, which is the next one that is known by itself.
    pub(crate) fn before(
        &mut self,
        minute: i64,
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        loop {
            if let Some((rest, left)) = &mut self.open {
                let until = left.end.min(minute);
                for at in left.start.min(until)..until {
                    rest.minute(at).map(Stretch::Minute).map(&mut *take);
                }
                left.start = left.start.max(until);
                if !left.is_empty() {
                    return Ok(());
                }
                self.open = None;
            }
            let Some(span) = self.next.take_if(|next| next.minutes.start <= minute) else { return Ok(()) };
            self.next = self.spans.next().transpose()?;
            self.open = self.open(span, minute, take)?;
        }
    }

    /// Tells one as a whole if nothing in it is known by itself; otherwise it is told minute by minute.
    fn open(
        &self,
        span: Span,
        minute: i64,
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<Option<(Rest, Range<i64>)>, LedgerError> {
        let part = span.minutes.start.max(self.asked.start)..span.minutes.end.min(self.asked.end);
        let is_whole = part == span.minutes && span.minutes.end <= minute;
        if is_whole && take(Stretch::Sum(part.clone(), span.counted())) {
            return Ok(None);
        }
        let rest = match is_whole {
            true => Rest::of(span, None),
            false => Rest::read(self.connection, self.meter_row, span)?,
        };
        Ok(Some((rest, part)))
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
    if !connection.may_have_spans() {
        let spans = &mut std::iter::empty() as &mut dyn Iterator<Item = _>;
        return counted(take, &mut Ahead { connection, meter_row, asked, open: None, next: None, spans });
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
    let spans = &mut spans as &mut dyn Iterator<Item = _>;
    let mut ahead = Ahead { connection, meter_row, asked, open: None, next, spans };
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
    if !connection.may_have_spans() {
        return Ok(Vec::new());
    }
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
    if !connection.may_have_spans() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM imported_span WHERE meter = ?1 AND from_minute <= ?2 ORDER BY from_minute DESC LIMIT 1"
    );
    connection.prepare_cached(&sql)?.query_row([meter_row, minute], Span::of).optional()
}

/// The newest imported minute before one, if it is later than `counted`, the newest one there that is known by itself.
pub(crate) fn last_before(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
    counted: Option<i64>,
) -> Result<Option<RecordedMinute>, LedgerError> {
    let span = around_or_before(connection, meter_row, minute.saturating_sub(1))?;
    let is_later = |span: &Span| counted.is_none_or(|counted| counted < span.minutes.end.min(minute) - 1);
    let Some(span) = span.filter(is_later) else { return Ok(None) };
    Ok(Rest::read(connection, meter_row, span)?.last_before(minute))
}

/// The first minute from one on that lies in what was imported.
pub(crate) fn first_from(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Option<i64>, LedgerError> {
    let around = around_or_before(connection, meter_row, minute)?;
    if around.is_some_and(|span| span.minutes.contains(&minute)) {
        return Ok(Some(minute));
    }
    if !connection.may_have_spans() {
        return Ok(None);
    }
    let next = connection
        .prepare_cached("SELECT min(from_minute) FROM imported_span WHERE meter = ?1 AND from_minute >= ?2")?
        .query_row([meter_row, minute], |row| row.get(0))?;
    Ok(next)
}

/// The last minute of all.
pub(crate) fn last(connection: &Connection, meter_row: i64) -> home::Result<Option<i64>> {
    let last = around_or_before(connection, meter_row, i64::MAX)?;
    Ok(last.map(|last| last.minutes.end - 1))
}

/// The first minute of the one that a minute lies in.
pub(crate) fn start_around(
    connection: &Connection,
    meter_row: i64,
    minute: i64,
) -> Result<Option<i64>, LedgerError> {
    let around = around_or_before(connection, meter_row, minute)?;
    Ok(around.filter(|span| span.minutes.contains(&minute)).map(|span| span.minutes.start))
}

/// Deletes those beginning on a day of which every minute was counted, and not imported: nothing is left of them.
pub(crate) fn delete_counted(
    connection: &Connection,
    meter_row: i64,
    day: i64,
    imported: &[i64],
) -> Result<(), LedgerError> {
    let day = minutes_of(day);
    let sql = format!(
        "SELECT {COLUMNS} FROM imported_span WHERE meter = ?1 AND from_minute >= ?2 AND from_minute < ?3"
    );
    let mut spans: Vec<Span> = connection
        .prepare_cached(&sql)?
        .query_map(params![meter_row, day.start, day.end], Span::of)?
        .collect::<Result<_, _>>()?;
    // One may reach into other days, into many of them: these are read only if they may all be counted.
    let reaches = spans.iter().position(|span| span.minutes.end > day.end);
    if let Some(reaches) = reaches
        && !may_be_counted(connection, meter_row, &spans[reaches].minutes)?
    {
        spans.remove(reaches);
    }
    let end = spans.iter().map(|span| span.minutes.end).max().unwrap_or(day.start);
    let mut counted = Vec::new();
    rows::for_each(connection, meter_row, day.start..end, |found| {
        if let Found::Minute(row) = found
            && !imported.contains(&row.outbox)
            && counted.last() != Some(&row.minute)
        {
            counted.push(row.minute);
        }
        false
    })?;
    for Span { minutes, .. } in spans {
        let before = |minute: i64| counted.partition_point(|counted| *counted < minute) as i64;
        if before(minutes.end) - before(minutes.start) == minutes.end - minutes.start {
            connection
                .prepare_cached("DELETE FROM imported_span WHERE meter = ?1 AND from_minute = ?2")?
                .execute([meter_row, minutes.start])?;
        }
    }
    Ok(())
}

/// Whether every minute of some days may be counted, by their sums.
fn may_be_counted(
    connection: &Connection,
    meter_row: i64,
    minutes: &Range<i64>,
) -> Result<bool, LedgerError> {
    let known: i64 = connection
        .prepare_cached(
            "SELECT (SELECT CAST(coalesce(sum(minutes), 0) AS BIGINT) FROM day WHERE meter = ?1 AND day >= ?4 AND day <= ?5)
                  + (SELECT count(DISTINCT minute) FROM minute WHERE meter = ?1 AND minute >= ?2 AND minute < ?3)",
        )?
        .query_row(
            params![meter_row, minutes.start, minutes.end, day_of(minutes.start), day_of(minutes.end - 1)],
            |row| row.get(0),
        )?;
    Ok(known >= minutes.end - minutes.start)
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
    /// Nothing was imported.
    pub(crate) fn none() -> Self {
        Self { ranges: Arc::new([]), edition: 0 }
    }

    /// What reading them asks.
    pub(crate) const QUESTIONS: [&str; 2] = [
        "SELECT from_span, to_span, longest FROM import WHERE meter = ?1 AND from_span IS NOT NULL",
        "SELECT count(*) + count(finished) + count(undone) FROM import WHERE meter = ?1",
    ];

    pub(crate) fn read(connection: &Connection, meter_row: i64) -> Result<Self, LedgerError> {
        let [spans, edition] = Self::QUESTIONS;
        let mut statement = connection.prepare_cached(spans)?;
        let ranges = statement.query_map([meter_row], |row| Ok((row.get(0)?..row.get(1)?, row.get(2)?)))?;
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        let edition = connection.prepare_cached(edition)?.query_row([meter_row], |row| row.get(0))?;
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
