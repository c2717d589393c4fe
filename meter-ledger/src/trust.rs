//! How far a meter's record can be trusted: what was not watched, and why.
//!
//! Calculated from the minutes, or from the sums of days and quarters of an hour that were watched as a whole.

use std::collections::VecDeque;

use meter_messages::{CorrectionKind, Minute, OutboxId};

use crate::error::damaged;
use crate::home::params;
use crate::stretch::Stretch;
use crate::writing::WATCHED_TWICE_S;
use crate::{Ledger, LedgerError, RecordedMeter, rows};

const MINUTES_OF_DAY: i64 = 1440;

const AGAIN: &str = "SELECT repeated, contradicted FROM meter WHERE id = ?1";

const GIVEN_UP: &str = "SELECT CAST(coalesce(sum(numbers), 0) AS BIGINT) FROM given_up WHERE meter = ?1";

const IS_GIVEN_UP: &str = "
    SELECT EXISTS (SELECT 1 FROM given_up WHERE meter = ?1 AND after_minute >= CAST(?2 AS BIGINT) - 1 AND after_minute < ?3)";

/// Of the newest days all minutes are in rows.
const COUNTED_TWICE: &str = "
    SELECT count(*) FROM (
        SELECT 1 FROM minute WHERE meter = ?1 AND minute > ?2
        GROUP BY minute HAVING count(*) > 1 AND sum(watched_s) > CAST(?3 AS BIGINT)) AS twice
    WHERE (SELECT count(*) FROM outbox WHERE meter = ?1) > 1";

/// What was recorded and missed between a meter's first and newest minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// Its first minute.
    pub first: Minute,
    /// Its newest minute.
    pub newest: Minute,
    /// Minutes that were recorded.
    pub minutes: u64,
    /// Seconds in which the line was not watched, except for the beginning of the
    /// first minute and the end of the newest one.
    pub unwatched_s: u64,
    /// How many gaps there are.
    pub gaps: u64,
    /// The newest gaps, newest first, as many as were asked for.
    pub newest_gaps: Vec<Gap>,
    /// Since when nothing has been missing.
    pub whole_since: Minute,
    /// Minutes that were delivered again after they had been recorded.
    pub repeated: u64,
    /// Minutes that came again with another count; the first one was kept.
    pub contradicted: u64,
    /// Minutes that their outbox no longer held when they were needed.
    pub given_up: u64,
    /// Minutes of the newest day that two outboxes have counted, both as a whole: two publishers go by one name.
    pub counted_twice: u64,
}

/// A time during which the line was not watched, or not all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first minute that is not whole.
    pub from: Minute,
    /// The first minute after it that is.
    pub until: Minute,
    /// How many seconds were not watched.
    pub unwatched_s: u64,
    /// Why, as far as the ledger can tell.
    pub reason: GapReason,
}

/// Why a time was not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The publisher did not run: what it sent before and after is complete.
    NotRunning,
    /// A new outbox began there: a new SD card, or an old copy of it.
    NewOutbox,
    /// The minutes were counted, but their outbox no longer held them.
    Lost,
    /// Numbers are missing: the minutes were counted and may still come.
    Awaited,
    /// Something was counted, but a correction says that it means nothing.
    Void,
    /// Nothing is known.
    Unknown,
}

impl Ledger {
    /// A meter's trust with its newest `most` gaps; `None` before its first
    /// minute.
    pub fn trust(&self, meter: &RecordedMeter, most: usize) -> Result<Option<Trust>, LedgerError> {
        let _state = self.one_state()?;
        let (Some(first), Some(newest)) = (self.first(meter)?, self.newest(meter)?) else { return Ok(None) };
        let of_newest_day =
            [meter.row, newest.minute.epoch_minutes() - MINUTES_OF_DAY, WATCHED_TWICE_S as i64];
        self.connection.ask_ahead(AGAIN, &[meter.row])?;
        self.connection.ask_ahead(GIVEN_UP, &[meter.row])?;
        self.connection.ask_ahead(COUNTED_TWICE, &of_newest_day)?;
        let mut gaps = Gaps { most, ..Gaps::default() };
        let ends = (first.epoch_minutes(), newest.minute.epoch_minutes());
        let minutes = self.find_gaps(meter, ends, &mut gaps)?;
        gaps.close();
        for Gap { from, until, .. } in &gaps.found {
            let (from, until) = (from.epoch_minutes(), until.epoch_minutes());
            rows::ask_around(&self.connection, meter.row, from..until)?;
            self.connection.ask_ahead(IS_GIVEN_UP, &[meter.row, from, until])?;
        }
        let newest_gaps = gaps.found.iter().rev().map(|gap| self.explained(meter, *gap));
        let newest_gaps = newest_gaps.collect::<Result<Vec<_>, _>>()?;
        let (repeated, contradicted) = self
            .connection
            .prepare_cached(AGAIN)?
            .query_row([meter.row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let count = |sql, numbers: &[i64]| -> Result<u64, LedgerError> {
            Ok(self.connection.prepare_cached(sql)?.query_row(numbers, |row| row.get(0))?)
        };
        Ok(Some(Trust {
            first,
            newest: newest.minute,
            minutes,
            unwatched_s: gaps.unwatched_s,
            gaps: gaps.count,
            newest_gaps,
            whole_since: Minute::nearest(gaps.last_end.unwrap_or(first.epoch_minutes())),
            repeated,
            contradicted,
            given_up: count(GIVEN_UP, &[meter.row])?,
            counted_twice: count(COUNTED_TWICE, &of_newest_day)?,
        }))
    }

    /// Returns how many minutes there are.
    fn find_gaps(
        &self,
        meter: &RecordedMeter,
        (first, newest): (i64, i64),
        gaps: &mut Gaps,
    ) -> Result<u64, LedgerError> {
        let (mut minutes, mut next) = (0, first);
        self.for_each_stretch(meter, first..newest + 1, |stretch| match stretch {
            Stretch::Sum(span, sum) if !sum.is_watched_throughout(&span) => false,
            Stretch::Sum(span, sum) => {
                gaps.lack(next..span.start);
                gaps.close();
                (minutes, next) = (minutes + sum.minutes, span.end);
                true
            }
            Stretch::Minute(minute) => {
                let at = minute.minute.epoch_minutes();
                gaps.lack(next..at);
                // The first and the newest minute are where watching began, and where it still goes on.
                if (first + 1..newest).contains(&at) {
                    gaps.minute(at, 60 - u64::from(minute.watched_s));
                }
                (minutes, next) = (minutes + 1, at + 1);
                true
            }
        })?;
        Ok(minutes)
    }

    fn explained(&self, meter: &RecordedMeter, gap: Gap) -> Result<Gap, LedgerError> {
        let (from, until) = (gap.from.epoch_minutes(), gap.until.epoch_minutes());
        if meter.corrections.within(&(from..until)).iter().any(|known| known.kind == CorrectionKind::Void) {
            return Ok(Gap { reason: GapReason::Void, ..gap });
        }
        let before = rows::before(&self.connection, meter.row, from)?.pop();
        let after = rows::from(&self.connection, meter.row, until)?.into_iter().next();
        let given_up: bool = self
            .connection
            .prepare_cached(IS_GIVEN_UP)?
            .query_row(params![meter.row, from, until], |row| row.get(0))?;
        let mut inside = 0;
        self.for_each_outbox_minute(meter, gap.from..gap.until, |_| inside += 1)?;
        let (Some(before), Some(after)) = (before, after) else { return Ok(gap) };
        let reason = match (before.seq, after.seq) {
            _ if given_up => GapReason::Lost,
            _ if before.outbox != after.outbox => GapReason::NewOutbox,
            (Some(before), Some(after)) if after == before + inside + 1 => GapReason::NotRunning,
            (Some(before), Some(after)) if after > before + inside + 1 => GapReason::Awaited,
            _ => GapReason::Unknown,
        };
        Ok(Gap { reason, ..gap })
    }

    /// The outboxes that a meter has filled, the newest last.
    pub fn outboxes(&self, meter: &RecordedMeter) -> Result<Vec<OutboxId>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT name FROM outbox WHERE meter = ?1 ORDER BY id")?;
        let names = statement.query_map([meter.row], |row| row.get::<String>(0))?;
        names.map(|name| name?.parse().map_err(damaged)).collect()
    }
}

/// Gaps as they are found, in order.
#[derive(Default)]
struct Gaps {
    most: usize,
    count: u64,
    unwatched_s: u64,
    open: Option<Gap>,
    found: VecDeque<Gap>,
    last_end: Option<i64>,
}

impl Gaps {
    /// Minutes that are not there at all.
    fn lack(&mut self, span: std::ops::Range<i64>) {
        if !span.is_empty() {
            self.extend(span.start, span.end, 60 * (span.end - span.start) as u64);
        }
    }

    /// A minute that is there.
    fn minute(&mut self, minute: i64, unwatched_s: u64) {
        match unwatched_s {
            0 => self.close(),
            _ => self.extend(minute, minute + 1, unwatched_s),
        }
    }

    fn extend(&mut self, from: i64, until: i64, unwatched_s: u64) {
        self.unwatched_s += unwatched_s;
        let from = Minute::nearest(from);
        let gap =
            self.open.get_or_insert(Gap { from, until: from, unwatched_s: 0, reason: GapReason::Unknown });
        gap.until = Minute::nearest(until);
        gap.unwatched_s += unwatched_s;
    }

    fn close(&mut self) {
        let Some(gap) = self.open.take() else { return };
        self.count += 1;
        self.last_end = Some(gap.until.epoch_minutes());
        self.found.push_back(gap);
        if self.found.len() > self.most {
            self.found.pop_front();
        }
    }
}
