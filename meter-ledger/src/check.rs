//! Whether a ledger is sound: SQLite's own check, rows that belong to nothing, and what follows from the minutes.
//!
//! The minutes are the truth. The sums of packed days follow from them and can be made anew; everything else that is
//! found is only told, since nothing says what the right value would be.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use foreign_text::foreign;
use jiff::Span;
use jiff::civil::{Date, date};
use meter_messages::Minute;

use crate::corrections::Corrections;
use crate::days::{self, MINUTES_OF_DAY, minutes_of};
use crate::home::{Connection, Row, params};
use crate::quarters::{self, Quarters};
use crate::sum::{Counted, shared_minutes};
use crate::{Batch, Ledger, LedgerError, OutboxMinute};

/// The packed days of a span of days, both ends included, with all that is kept of them.
const DAYS: &str = "
    SELECT day.day, pulses, minutes, watched_s, most, runs, sums FROM day
    LEFT JOIN quarters ON quarters.meter = day.meter AND quarters.day = day.day
    WHERE day.meter = ?1 AND day.day >= ?2 AND day.day <= ?3 ORDER BY day.day";

/// What is kept of a packed day beside its minutes: its pulses, minutes, watched seconds and the most pulses of a minute,
/// and the sums of its quarters.
#[derive(PartialEq)]
struct Sums([u64; 4], Quarters);

impl Sums {
    /// Of a row of [`DAYS`]; `None` if one is missing or cannot be read.
    fn of(row: &Row<'_>) -> Option<Self> {
        let column = |column| row.get(column).ok();
        let sums = [column(1)?, column(2)?, column(3)?, column(4)?];
        let quarters = Quarters::unpack(row.bytes(6).ok()??).ok()?;
        Some(Self(sums, quarters))
    }

    /// As they should be.
    fn of_minutes(rows: &[OutboxMinute]) -> Self {
        let Counted { pulses, minutes, watched_s, most, .. } = shared_minutes(rows);
        Self([pulses, minutes, watched_s, most], Quarters::of(rows))
    }
}

/// Something that is wrong in a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The meter as `site/meter`; `None` if it concerns the file, or rows that belong to no meter.
    pub meter: Option<String>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What may be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The file is damaged, in SQLite's words.
    File(String),
    /// Rows of this table belong to a meter or an outbox that is not there.
    Orphans {
        /// The table.
        table: String,
        /// How many.
        rows: u64,
    },
    /// A packed day cannot be read.
    Unreadable {
        /// The day of UTC.
        day: Date,
        /// Why.
        reason: String,
    },
    /// The sums of a packed day are not those of its minutes. They can be made anew.
    Sums {
        /// The day of UTC.
        day: Date,
    },
    /// A packed day holds minutes of other days.
    OtherDays {
        /// The day of UTC.
        day: Date,
    },
    /// A day is packed and has minutes in rows: they may be counted twice.
    Twice {
        /// The day of UTC.
        day: Date,
    },
    /// The outbox that a meter fills is not there: nothing of it would be recorded.
    NoOutbox,
    /// A publisher was told that everything up to a number of its outbox is recorded, and the minute of that is not there.
    /// The mark can be set back, so that it sends the rest again, as far as it still holds it.
    Mark {
        /// The outbox.
        outbox: String,
        /// The number.
        seq: u64,
        /// Its minute.
        minute: Minute,
    },
    /// The corrections of a meter cannot be read, or contradict each other: it is in no list.
    Corrections {
        /// Why.
        reason: String,
    },
}

impl Fault {
    /// Whether [`Batch::repair`] or [`Batch::repair_marks`] can mend it.
    pub fn is_repairable(&self) -> bool {
        matches!(self.kind, FaultKind::Sums { .. } | FaultKind::Mark { .. })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(meter) = &self.meter {
            write!(to, "{meter}: ")?;
        }
        match &self.kind {
            FaultKind::File(said) => write!(to, "the file is damaged: {said}"),
            FaultKind::Orphans { table, rows } => {
                write!(
                    to,
                    "{rows} rows of the table \"{table}\" belong to a meter or an outbox that is not there"
                )
            }
            FaultKind::Unreadable { day, reason } => write!(to, "{day}: the day cannot be read: {reason}"),
            FaultKind::Sums { day } => write!(to, "{day}: the day's sums are not those of its minutes"),
            FaultKind::OtherDays { day } => write!(to, "{day}: the day holds minutes of other days"),
            FaultKind::Twice { day } => {
                write!(to, "{day}: the day is there twice, packed and minute by minute")
            }
            FaultKind::NoOutbox => write!(to, "the outbox that it fills is not in the ledger"),
            FaultKind::Mark { outbox, seq, minute } => write!(
                to,
                "its publisher was told that all minutes of the outbox {outbox} up to number {seq} are recorded, but that of \
                 {minute} is not"
            ),
            FaultKind::Corrections { reason } => write!(to, "its corrections cannot be read: {reason}"),
        }
    }
}

/// A meter, by its row.
#[derive(Debug, Clone)]
pub struct MeterToCheck {
    pub(crate) row: i64,
    name: String,
    /// How many days of it are packed.
    pub days: u64,
}

/// How many rows refer to nothing, of tables of which PostgreSQL does not look at each row that comes.
const ORPHANS: [(&str, &str); 2] = [
    (
        "minute",
        "SELECT count(*) FROM minute WHERE NOT EXISTS (SELECT 1 FROM meter WHERE meter.id = minute.meter)
             OR NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = minute.outbox)",
    ),
    (
        "pulse_times",
        "SELECT count(*) FROM pulse_times WHERE NOT EXISTS (SELECT 1 FROM meter WHERE meter.id = pulse_times.meter)",
    ),
];

impl Ledger {
    /// What is wrong with the file as a whole, and with how its tables refer to one another. Reads all of it.
    pub fn check_file(&self) -> Result<Vec<Fault>, LedgerError> {
        let mut faults = Vec::new();
        let Some(file) = self.connection.file() else { return self.check_orphans() };
        let mut add = |kind| faults.push(Fault { meter: None, kind });
        sqlite_file::integrity_check(file)?.map(FaultKind::File).map(&mut add);
        let mut orphans = BTreeMap::<String, u64>::new();
        let mut statement = file.prepare("PRAGMA foreign_key_check")?;
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            *orphans.entry(row.get(0)?).or_default() += 1;
        }
        orphans.into_iter().for_each(|(table, rows)| add(FaultKind::Orphans { table, rows }));
        Ok(faults)
    }

    /// PostgreSQL keeps rows that refer to nothing out of a ledger, but for those that come by thousands, and checks its files
    /// by its own means.
    fn check_orphans(&self) -> Result<Vec<Fault>, LedgerError> {
        let mut faults = Vec::new();
        for (table, sql) in ORPHANS {
            let rows = self.connection.query_row(sql, [], |row| row.get(0))?;
            if rows > 0 {
                faults
                    .push(Fault { meter: None, kind: FaultKind::Orphans { table: table.to_owned(), rows } });
            }
        }
        Ok(faults)
    }

    /// All meters, also those that cannot be read.
    pub fn meters_to_check(&self) -> Result<Vec<MeterToCheck>, LedgerError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, site || '/' || meter, (SELECT count(*) FROM day WHERE day.meter = meter.id)
             FROM meter WHERE moved_to IS NULL ORDER BY site, meter.meter",
        )?;
        let meters = statement.query_map([], |row| {
            let name: String = row.get(1)?;
            Ok(MeterToCheck { row: row.get(0)?, name: foreign(&name).to_string(), days: row.get(2)? })
        })?;
        Ok(meters.collect::<Result<_, _>>()?)
    }

    /// What is wrong with a meter's packed days, its outboxes and its corrections. Calls `progress` after each packed day.
    pub fn check(&self, meter: &MeterToCheck, progress: impl FnMut()) -> Result<Vec<Fault>, LedgerError> {
        self.check_from(meter, i64::MIN, progress)
    }

    /// The same of its newest packed days alone, at most so many.
    pub fn check_newest(&self, meter: &MeterToCheck, days: i64) -> Result<Vec<Fault>, LedgerError> {
        let newest: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(day) FROM day WHERE meter = ?1")?
            .query_row([meter.row], |row| row.get(0))?;
        self.check_from(meter, newest.map_or(i64::MIN, |newest| newest.saturating_sub(days - 1)), || ())
    }

    fn check_from(
        &self,
        meter: &MeterToCheck,
        first_day: i64,
        mut progress: impl FnMut(),
    ) -> Result<Vec<Fault>, LedgerError> {
        let _state = self.one_state()?;
        let mut faults = Vec::new();
        let mut statement = self.connection.prepare_cached(DAYS)?;
        let mut days = statement.query(params![meter.row, first_day, i64::MAX])?;
        while let Some(row) = days.next()? {
            let (day, sums) = (row.get(0)?, Sums::of(&row));
            let runs = row.text(5).map_err(LedgerError::from).and_then(days::unpack);
            let kind = match runs {
                Err(error) => Some(FaultKind::Unreadable { day: date_of(day), reason: error.to_string() }),
                Ok(minutes) => fault_of_day(day, &minutes, sums.as_ref()),
            };
            let kinds = kind.into_iter().chain(is_twice(&self.connection, meter.row, day)?);
            faults.extend(kinds.map(|kind| Fault { meter: Some(meter.name.clone()), kind }));
            progress();
        }
        if !has_outbox(&self.connection, meter.row)? {
            faults.push(Fault { meter: Some(meter.name.clone()), kind: FaultKind::NoOutbox });
        }
        let of_meter = |kind| Fault { meter: Some(meter.name.clone()), kind };
        faults.extend(self.check_marks(meter)?.into_iter().map(of_meter));
        match Corrections::read(&self.connection, meter.row) {
            Err(error) if error.is_of_rows() => {
                faults.push(of_meter(FaultKind::Corrections { reason: error.to_string() }));
            }
            read => _ = read?,
        }
        Ok(faults)
    }
}

impl Batch<'_> {
    /// Makes the sums of a meter's packed days anew from their minutes where they differ; returns how many days that
    /// were.
    pub fn repair(&mut self, meter: &MeterToCheck) -> Result<u64, LedgerError> {
        let days: Vec<i64> = {
            let mut statement = self.transaction().prepare_cached("SELECT day FROM day WHERE meter = ?1")?;
            statement.query_map([meter.row], |row| row.get(0))?.collect::<Result<_, _>>()?
        };
        let mut repaired = 0;
        for day in days {
            let mut stored = self.transaction().prepare_cached(DAYS)?;
            let stored = stored.query_row(params![meter.row, day, day], |row| Ok(Sums::of(row)))?;
            let minutes = match days::read(self.transaction(), days::DAY, meter.row, day) {
                Ok(minutes) => minutes,
                Err(error) if error.is_of_rows() => continue,
                Err(error) => return Err(error),
            };
            if stored != Some(Sums::of_minutes(&minutes)) {
                days::replace(self.transaction(), meter.row, day, &minutes)?;
                quarters::write(self.transaction(), meter.row, day, &minutes)?;
                repaired += 1;
            }
        }
        Ok(repaired)
    }
}

/// The minutes of a day since 1970, whatever number stands in its row.
fn minutes(day: i64) -> Range<i64> {
    minutes_of(day.clamp(i64::MIN / MINUTES_OF_DAY, i64::MAX / MINUTES_OF_DAY - 1))
}

/// The date of a day since 1970; the nearest that there is.
fn date_of(day: i64) -> Date {
    date(1970, 1, 1).saturating_add(Span::new().days(day.clamp(-700_000, 700_000)))
}

fn fault_of_day(day: i64, rows: &[OutboxMinute], stored: Option<&Sums>) -> Option<FaultKind> {
    let own = minutes(day);
    if rows.iter().any(|row| !own.contains(&row.minute)) {
        return Some(FaultKind::OtherDays { day: date_of(day) });
    }
    (stored != Some(&Sums::of_minutes(rows))).then(|| FaultKind::Sums { day: date_of(day) })
}

fn is_twice(connection: &Connection, meter_row: i64, day: i64) -> Result<Option<FaultKind>, LedgerError> {
    let own = minutes(day);
    let is_twice: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM minute WHERE meter = ?1 AND minute >= ?2 AND minute < ?3)",
        )?
        .query_row(params![meter_row, own.start, own.end], |row| row.get(0))?;
    Ok(is_twice.then(|| FaultKind::Twice { day: date_of(day) }))
}

fn has_outbox(connection: &Connection, meter_row: i64) -> Result<bool, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM meter JOIN outbox ON outbox.meter = meter.id AND outbox.name = meter.outbox
                        WHERE meter.id = ?1)
            OR EXISTS (SELECT 1 FROM meter WHERE moved_to = ?1)",
    )?;
    Ok(statement.query_row([meter_row], |row| row.get(0))?)
}
