//! The readers' side: meters and minutes.

use std::collections::HashSet;
use std::ops::Range;
use std::str::FromStr;

use foreign_text::foreign;
use meter_messages::{Medium, Meter, MeterConstant, Minute, Relation};

use crate::constants::Constants;
use crate::corrections::Corrections;
use crate::error::{damaged, if_readable};
use crate::home::{OptionalRow, Row, params};
use crate::rows::Found;
use crate::spans::{self, Coarse};
use crate::stretch::{RecordedMinute, Stretch, merged};
use crate::{Ledger, LedgerError, OutboxMinute, rows};

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
    /// What it measures and whose part it is, as far as its publisher says so.
    pub relation: Relation,
    pub(crate) constants: Constants,
    pub(crate) corrections: Corrections,
    pub(crate) coarse: Coarse,
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
    /// All meters, by site and id; without those whose `info` has not come yet, and those whose rows cannot be read.
    pub fn meters(&self) -> Result<Vec<RecordedMeter>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, site, meter, name, constant_millionths, medium, measures, part_of FROM meter
             WHERE constant_millionths > 0 ORDER BY site, meter",
        )?;
        let rows = statement.query_map([], |row| Ok(self.meter_of(row)))?;
        let meters = rows.map(|row| row?);
        meters.filter_map(|meter| if_readable("unknown", meter).transpose()).collect()
    }

    /// The names that there are: of sites, and of meters as `site/meter`, whatever is known of them. Former names are none.
    pub fn names(&self) -> Result<HashSet<String>, LedgerError> {
        let mut statement =
            self.connection.prepare_cached("SELECT site, meter FROM meter WHERE moved_to IS NULL")?;
        let rows = statement.query_map([], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))?;
        let mut names = HashSet::new();
        for row in rows {
            let (site, meter) = row?;
            names.insert(format!("{site}/{meter}"));
            names.insert(site);
        }
        Ok(names)
    }

    /// One meter, also by a name that it had before; `None` also before its `info` has come.
    pub fn meter(&self, meter: &Meter) -> Result<Option<RecordedMeter>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, site, meter, name, constant_millionths, medium, measures, part_of FROM meter
             WHERE id = (SELECT coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2)
                 AND constant_millionths > 0",
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
        self.for_each_stretch(meter, epoch_minutes(&span), |stretch| {
            if let Stretch::Minute(minute) = stretch {
                each(minute);
            }
            false
        })
    }

    /// Calls `each` with what every outbox counted in a span, in order.
    pub fn for_each_outbox_minute(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        mut each: impl FnMut(OutboxMinute),
    ) -> Result<(), LedgerError> {
        let _state = self.one_state()?;
        rows::for_each(&self.connection, meter.row, epoch_minutes(&span), |found| {
            if let Found::Minute(row) = found {
                each(row);
            }
            false
        })
    }

    /// Calls `take` with whole days, quarters of an hour and minutes of a span of minutes since 1970, in order, as they
    /// were counted. What it returns for a sum is whether it took it; otherwise it is given smaller pieces.
    pub(crate) fn for_each_counted(
        &self,
        meter_row: i64,
        span: Range<i64>,
        take: &mut impl FnMut(Stretch) -> bool,
    ) -> Result<(), LedgerError> {
        spans::for_each(&self.connection, meter_row, &span, take, |take, coarse| {
            let mut held: Option<RecordedMinute> = None;
            let mut failed = None;
            rows::for_each(&self.connection, meter_row, span.clone(), |found| {
                let start = match &found {
                    Found::Minute(row) => row.minute,
                    Found::Sum(minutes, _) => minutes.start,
                };
                if held.is_some_and(|held| held.minute.epoch_minutes() != start) {
                    held.take().map(Stretch::Minute).map(&mut *take);
                }
                if let Err(error) = coarse.before(start, take) {
                    failed = Some(error);
                }
                let next = match found {
                    Found::Minute(row) => RecordedMinute::of(&row),
                    // Something imported lies in it: it is told in the order of time.
                    Found::Sum(minutes, _) if coarse.begins_before(minutes.end) => return false,
                    Found::Sum(minutes, sum) => return take(Stretch::Sum(minutes, sum)),
                };
                held = Some(held.map_or(next, |shared| merged(shared, next)));
                false
            })?;
            held.map(Stretch::Minute).map(&mut *take);
            failed.map_or(Ok(()), Err)
        })
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

    /// Its total after its newest minute, in its unit. What the meter itself [shows](Ledger::shows) may be something else.
    pub fn reading(&self, meter: &RecordedMeter) -> Result<Option<f64>, LedgerError> {
        self.reading_at(meter, Minute::nearest(i64::MAX))
    }

    /// Its total at the beginning of a minute, in its unit, each part of it by the constant that applied then.
    pub fn reading_at(&self, meter: &RecordedMeter, at: Minute) -> Result<Option<f64>, LedgerError> {
        let _state = self.one_state()?;
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
        Ok(self.last_before(meter, at.epoch_minutes())?.map(|minute| minute.total))
    }

    /// The first recorded minute.
    pub fn first(&self, meter: &RecordedMeter) -> Result<Option<Minute>, LedgerError> {
        self.first_from(meter, Minute::nearest(i64::MIN))
    }

    /// The times of a span of which only the sums of more than so many minutes are known, because another system kept no
    /// more, and how many minutes each of these sums has. In order; after `most` of them, the last one reaches to the end
    /// of what follows.
    pub fn coarse_spans(
        &self,
        meter: &RecordedMeter,
        span: &Range<Minute>,
        longer_than: i64,
        most: usize,
    ) -> Result<Vec<(Range<Minute>, i64)>, LedgerError> {
        if i64::from(meter.resolution(span)) <= longer_than {
            return Ok(Vec::new());
        }
        let asked = span.start.epoch_minutes()..span.end.epoch_minutes();
        let found = spans::longer_than(&self.connection, meter.row, (&asked, longer_than), most)?;
        let within = |(range, length): (Range<i64>, i64)| {
            let (from, to) = (range.start.max(asked.start), range.end.min(asked.end));
            (Minute::nearest(from)..Minute::nearest(to), length)
        };
        Ok(found.into_iter().map(within).collect())
    }

    /// The first recorded minute from one on.
    pub fn first_from(&self, meter: &RecordedMeter, from: Minute) -> Result<Option<Minute>, LedgerError> {
        Ok(self.next_from(meter, from.epoch_minutes())?.map(Minute::nearest))
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
        let _state = self.one_state()?;
        let end = latest.epoch_minutes() + 1;
        let counted = self.last_before(meter, end)?;
        let of_counted = counted.map(|newest| newest.minute.epoch_minutes());
        let Some(newest) = of_counted.max(meter.corrections.last_replaced(end)) else { return Ok(None) };
        if meter.corrections.at(newest).is_none() {
            return Ok(counted);
        }
        let mut found = None;
        self.for_each_stretch(meter, newest..newest + 1, |stretch| {
            if let Stretch::Minute(corrected) = stretch {
                let total = counted.map_or(corrected.total, |counted| counted.total);
                found = Some(RecordedMinute { total, ..corrected });
            }
            false
        })?;
        Ok(found)
    }

    /// The meter that one is a part of, whose publisher may call it by a former name.
    fn whole(&self, said: Option<Meter>) -> Result<Option<Meter>, LedgerError> {
        let Some(said) = said else { return Ok(None) };
        Ok(Some(self.name_now(&said)?.unwrap_or(said)))
    }

    fn meter_of(&self, row: &Row<'_>) -> Result<RecordedMeter, LedgerError> {
        let text = |column: usize| row.get::<String>(column);
        let (id, constant): (i64, u64) = (row.get(0)?, row.get(4)?);
        let questions = Constants::QUESTIONS.iter().chain(&Corrections::QUESTIONS).chain(&Coarse::QUESTIONS);
        for question in questions {
            self.connection.ask_ahead(question, &[id])?;
        }
        Ok(RecordedMeter {
            row: id,
            meter: Meter {
                site: text(1)?.parse().map_err(damaged)?,
                meter: text(2)?.parse().map_err(damaged)?,
            },
            // Earlier versions took names of any characters.
            name: foreign(&text(3)?).to_string(),
            medium: text(5)?.parse().map_err(damaged)?,
            constant: MeterConstant::from_millionths(constant).map_err(damaged)?,
            relation: Relation { measures: said(row, 6)?, part_of: self.whole(said(row, 7)?)? },
            constants: Constants::read(&self.connection, id)?,
            corrections: Corrections::read(&self.connection, id)?,
            coarse: Coarse::read(&self.connection, id)?,
        })
    }
}

/// A part of a relation; a word of a later version says nothing.
fn said<T: FromStr>(row: &Row<'_>, column: usize) -> Result<Option<T>, LedgerError> {
    Ok(row.get::<Option<String>>(column)?.and_then(|said| said.parse().ok()))
}

pub(crate) fn epoch_minutes(span: &Range<Minute>) -> Range<i64> {
    span.start.epoch_minutes()..span.end.epoch_minutes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::{Info, PulseCount};
    use rusqlite::StatementStatus;

    use super::*;
    use crate::Sum;

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
        ledger.connection.file().unwrap().prepare_cached(sql).unwrap().reset_status(StatementStatus::VmStep)
    }

    #[test]
    fn sums_of_days_do_not_read_their_minutes() {
        let folder = tempfile::TempDir::new().unwrap();
        let first = Minute::containing(1_767_225_600).unwrap().epoch_minutes(); // 2026-01-01T00:00Z
        let minutes: Vec<i64> = (0..12 * 24 * 60).map(|at| first + at).collect();
        let (mut ledger, meter) = ledger(&folder, &minutes);
        // A commit packs eight days.
        ledger.batch().unwrap().commit().unwrap();
        let bounds = |steps: i64, minutes: i64, offset: i64| -> Vec<Minute> {
            (0..=steps).map(|step| Minute::nearest(first + offset + step * minutes)).collect()
        };
        // In a zone of whole hours, and in one that is 45 minutes off; the constant changes at half past ten.
        for offset in [0, 60, -15] {
            for (steps, minutes) in [(13 * 24, 60), (13, 24 * 60), (1, 40 * 24 * 60)] {
                let bounds = bounds(steps, minutes, offset);
                let sums = ledger.sums(&meter, &bounds).unwrap();
                let naive: Vec<Sum> = bounds.windows(2).map(|pair| naive(&ledger, &meter, pair)).collect();
                assert_eq!(sums, naive, "{offset}, {minutes}");
            }
        }
        let days = |bounds: &[Minute]| {
            let steps = || [rows::DAYS, rows::SUMS].map(|sql| steps_of(&ledger, sql)).iter().sum::<i32>();
            steps();
            let (mut days, mut minutes) = (0, 0);
            let span = bounds[0].epoch_minutes()..bounds[bounds.len() - 1].epoch_minutes();
            let count = |stretch| {
                match stretch {
                    Stretch::Sum(..) => days += 1,
                    Stretch::Minute(_) => minutes += 1,
                }
                true
            };
            ledger.for_each_stretch(&meter, span, count).unwrap();
            (days, minutes, steps())
        };
        let (packed, unpacked, full) = days(&bounds(12, 24 * 60, 0));
        assert_eq!((packed, unpacked), (10, 2 * 24 * 60));
        assert!(full < 10 * 40, "{full} steps for 10 days");
        // Decades with nothing in them are not more work than one day.
        let (packed, unpacked, empty) = days(&bounds(20 * 365, 24 * 60, -25 * 365 * 24 * 60));
        assert_eq!((packed, unpacked), (0, 0));
        assert!(empty < 30, "{empty} steps for what is not there");
    }

    /// Minute by minute.
    fn naive(ledger: &Ledger, meter: &RecordedMeter, span: &[Minute]) -> Sum {
        let mut sum = Sum::default();
        let add = |minute: RecordedMinute| sum.add(meter.constant_at(minute.minute), minute.counted());
        ledger.for_each_minute(meter, span[0]..span[1], add).unwrap();
        sum
    }
}
