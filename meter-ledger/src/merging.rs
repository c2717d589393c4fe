//! Putting two meters together whose minutes belong to one, such as the two that came of a publisher's `id` that was changed.
//! A minute stays what its outbox has counted; nothing is added up that is not exact. What was imported for one of them is
//! the other's by the rules of importing: what is counted goes before it, and of two imports that of the meter that stays.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use meter_messages::{Meter, MeterConstant, Minute};

use crate::constants::{self, Constants};
use crate::corrections::{Corrections, MOST_OF_METER};
use crate::days::{self, MINUTES_OF_DAY, minutes_of};
use crate::home::{self, Connection, Statement, params};
use crate::imports::ImportedOf;
use crate::renaming::Moving;
use crate::writing::{is_counted_twice, same};
use crate::{
    Batch, Forgotten, LedgerError, MovingError, OutboxMinute, outbox_minute, pulse_times, quarters, rows,
    spans,
};

/// What belongs to a meter and can be another's as it is.
const OF_METER: [&str; 4] = [
    "UPDATE correction SET meter = ?2 WHERE meter = ?1",
    "UPDATE import SET meter = ?2 WHERE meter = ?1",
    "UPDATE given_up SET meter = ?2 WHERE meter = ?1",
    "UPDATE aside SET meter = ?2 WHERE meter = ?1",
];

/// What a meter keeps of a day, where the other one has nothing of it.
const OF_DAY: [&str; 5] = [
    "UPDATE minute SET meter = ?2 WHERE meter = ?1 AND minute >= ?4 AND minute < ?5",
    "UPDATE pulse_times SET meter = ?2 WHERE meter = ?1 AND minute >= ?4 AND minute < ?5",
    "UPDATE day SET meter = ?2 WHERE meter = ?1 AND day = ?3",
    "UPDATE quarters SET meter = ?2 WHERE meter = ?1 AND day = ?3",
    "UPDATE day_pulse_times SET meter = ?2 WHERE meter = ?1 AND day = ?3",
];

/// What is left of a day once its minutes are the other meter's.
const REST_OF_DAY: [&str; 4] = [
    "DELETE FROM minute WHERE meter = ?1 AND minute >= ?3 AND minute < ?4",
    "DELETE FROM day WHERE meter = ?1 AND day = ?2",
    "DELETE FROM quarters WHERE meter = ?1 AND day = ?2",
    "DELETE FROM day_pulse_times WHERE meter = ?1 AND day = ?2",
];

/// A meter that is another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The one that is no more.
    pub from: Meter,
    /// The one that has its minutes.
    pub into: Meter,
    /// The minutes that have moved, of each outbox.
    pub minutes: u64,
    /// Those that the other one had already: the same minute, recorded under two names.
    pub known: u64,
    /// The imported times of which only the sum is known that have moved.
    pub spans: u64,
    /// Imported times that are left out, because the other meter has something of their time.
    pub displaced: u64,
    /// The readings that have moved.
    pub readings: u64,
    /// Readings of a time of which the other one has one, which stays.
    pub other_readings: u64,
    /// The corrections that have moved.
    pub corrections: u64,
    /// The newest minute of the one that is no more.
    pub newest: Option<Minute>,
}

/// The rows of the meter that is no more, and of the other.
#[derive(Clone, Copy)]
struct Rows {
    from: i64,
    into: i64,
}

/// What came of the minutes.
#[derive(Default)]
struct Moved {
    minutes: u64,
    known: u64,
    displaced: u64,
    twice: u64,
    first_twice: Option<i64>,
}

impl Batch<'_> {
    /// Makes two meters one at `at`: all that `from` has is `into`'s, and so is what comes under its name from now on.
    /// Calls `progress` with the days that are done and how many there are.
    ///
    /// # Errors
    /// If it would not be exact.
    pub fn merge(
        &mut self,
        from: &Meter,
        into: &Meter,
        (by, at): (&str, Timestamp),
        mut progress: impl FnMut(u64, u64),
    ) -> Result<Merged, MovingError> {
        let (gone, stays) = (self.moving(from)?, self.moving(into)?);
        let rows = Rows { from: gone.row, into: stays.row };
        if rows.from == rows.into {
            return Err(MovingError::Same);
        }
        self.look_again()?;
        let transaction = self.transaction();
        one_medium(transaction, rows)?;
        let constants = constants_of_both(transaction, rows)?;
        corrections_of_their_own(transaction, rows)?;
        let imported = Imports::read(transaction, rows)?;
        let moved = move_days(transaction, rows, &imported, &mut progress)?;
        if let Some(first) = moved.first_twice {
            return Err(MovingError::CountedTwice { minutes: moved.twice, first: Minute::nearest(first) });
        }
        let (spans, other_spans) = move_spans(transaction, rows)?;
        delete_counted_spans(transaction, rows, &imported)?;
        let corrections = transaction.query_row(
            "SELECT count(*) FROM correction WHERE meter = ?1",
            [rows.from],
            |row| row.get(0),
        )?;
        self.move_site_of_kept_aside(rows.from, from, into)?;
        for sql in OF_METER {
            transaction.execute(sql, [rows.from, rows.into])?;
        }
        let (readings, other_readings) = move_readings(transaction, rows)?;
        write_constants(transaction, rows, &constants)?;
        make_former(transaction, rows)?;
        let Moving { name, newest, .. } = gone;
        let gone = Forgotten { id: 0, meter: from.clone(), name, newest, moved_to: Some(into.clone()) };
        self.note_gone(gone, by, at)?;
        Ok(Merged {
            from: from.clone(),
            into: into.clone(),
            minutes: moved.minutes,
            known: moved.known,
            spans,
            displaced: moved.displaced + other_spans,
            readings,
            other_readings,
            corrections,
            newest,
        })
    }
}

fn one_medium(connection: &Connection, rows: Rows) -> Result<(), MovingError> {
    let medium = |row: i64| {
        connection.query_row("SELECT medium FROM meter WHERE id = ?1", [row], |row| row.get::<String>(0))
    };
    let (one, other) = (medium(rows.from)?, medium(rows.into)?);
    if one == other { Ok(()) } else { Err(MovingError::OtherMedium(one, other)) }
}

/// The outboxes of what was imported for both.
struct Imports {
    from: Vec<i64>,
    into: Vec<i64>,
}

impl Imports {
    fn read(connection: &Connection, rows: Rows) -> Result<Self, LedgerError> {
        let of = |row| Ok::<_, LedgerError>(ImportedOf::read(connection, row)?.outboxes);
        Ok(Self { from: of(rows.from)?, into: of(rows.into)? })
    }

    fn all(&self) -> Vec<i64> {
        self.from.iter().chain(&self.into).copied().collect()
    }
}

/// The first and the newest minute of a meter; `None` if it has none.
fn ends(connection: &Connection, row: i64) -> Result<Option<(i64, i64)>, LedgerError> {
    let first = rows::from(connection, row, i64::MIN)?.first().map(|row| row.minute);
    let first = first.into_iter().chain(spans::first_from(connection, row, i64::MIN)?).min();
    let newest = rows::before(connection, row, i64::MAX)?.first().map(|row| row.minute);
    Ok(first.zip(newest.max(spans::last(connection, row)?)))
}

/// The constants of both, each with the minute from which it applies: of each minute that one of them has it is the one of
/// that meter.
fn constants_of_both(connection: &Connection, rows: Rows) -> Result<Vec<(i64, MeterConstant)>, MovingError> {
    let (from, into) = (Constants::read(connection, rows.from)?, Constants::read(connection, rows.into)?);
    let (of_from, of_into) = (ends(connection, rows.from)?, ends(connection, rows.into)?);
    let changes =
        |constants: &Constants| constants.changes().map(|(from, _)| from.epoch_minutes()).collect::<Vec<_>>();
    let mut bounds: BTreeSet<i64> = [0].into_iter().chain(changes(&from)).chain(changes(&into)).collect();
    for (first, newest) in of_from.into_iter().chain(of_into) {
        bounds.extend([first, newest + 1]);
    }
    let is_in =
        |ends: Option<(i64, i64)>, at: i64| ends.is_some_and(|(first, newest)| first <= at && at <= newest);
    // Where neither has a minute it is the next one's, and after both that of the newer one.
    let next = |ends: Option<(i64, i64)>, at: i64| {
        ends.map_or(i64::MAX, |(first, _)| if first > at { first } else { i64::MAX })
    };
    let newest = |ends: Option<(i64, i64)>| ends.map_or(i64::MIN, |(_, newest)| newest);
    let mut both: Vec<(i64, MeterConstant)> = Vec::new();
    for at in bounds {
        let minute = Minute::nearest(at);
        let (one, other) = (from.at(minute), into.at(minute));
        let constant = match (is_in(of_from, at), is_in(of_into, at)) {
            (true, true) if one != other => return Err(MovingError::OtherConstant(minute)),
            (true, _) => one,
            (_, true) => other,
            _ if next(of_from, at) != next(of_into, at) => {
                if next(of_from, at) < next(of_into, at) {
                    one
                } else {
                    other
                }
            }
            _ if of_into.is_some() && newest(of_from) > newest(of_into) => one,
            _ => other,
        };
        if both.last().is_none_or(|(_, before)| *before != constant) {
            both.push((at, constant));
        }
    }
    Ok(both)
}

/// A correction that holds is of all minutes of its time: it must not be of minutes of the other meter.
fn corrections_of_their_own(connection: &Connection, rows: Rows) -> Result<(), MovingError> {
    let (from, into) = (Corrections::read(connection, rows.from)?, Corrections::read(connection, rows.into)?);
    let everything = i64::MIN..i64::MAX;
    for (corrections, others, other_row) in [(&from, &into, rows.into), (&into, &from, rows.from)] {
        for known in corrections.within(&everything) {
            let next = rows::from(connection, other_row, known.span.start)?;
            let has_minutes = next.first().is_some_and(|next| next.minute < known.span.end)
                || spans::is_any_within(connection, other_row, &known.span)?;
            if has_minutes || !others.within(&known.span).is_empty() {
                return Err(MovingError::Corrected(known.id));
            }
        }
    }
    if from.len() + into.len() > MOST_OF_METER {
        return Err(MovingError::TooManyCorrections);
    }
    Ok(())
}

/// Moves all minutes, day by day, and tells which of them both had.
fn move_days(
    connection: &Connection,
    rows: Rows,
    imported: &Imports,
    progress: &mut impl FnMut(u64, u64),
) -> Result<Moved, LedgerError> {
    let mut days = connection.prepare_cached(
        "SELECT day FROM day WHERE meter = ?1 UNION SELECT minute / ?2 FROM minute WHERE meter = ?1
         UNION SELECT minute / ?2 FROM pulse_times WHERE meter = ?1 ORDER BY 1",
    )?;
    let days: Vec<i64> =
        days.query_map([rows.from, MINUTES_OF_DAY], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let (mut moved, all) = (Moved::default(), days.len() as u64);
    for (day, done) in days.into_iter().zip(1..) {
        move_day(connection, rows, (day, imported), &mut moved)?;
        progress(done, all);
    }
    Ok(moved)
}

/// Moves the longer times of which the sum is known, but for those of which the other meter has a part; returns how many of
/// each there are.
fn move_spans(connection: &Connection, rows: Rows) -> Result<(u64, u64), LedgerError> {
    // Those of a meter share no minute, so the last one that begins before another's end is the last one to end.
    let left_out = connection.execute(
        "DELETE FROM imported_span WHERE meter = ?1 AND from_minute <
             (SELECT to_minute FROM imported_span AS other
              WHERE other.meter = ?2 AND other.from_minute < imported_span.to_minute
              ORDER BY other.from_minute DESC LIMIT 1)",
        [rows.from, rows.into],
    )?;
    let moved =
        connection.execute("UPDATE imported_span SET meter = ?2 WHERE meter = ?1", [rows.from, rows.into])?;
    Ok((moved as u64, left_out as u64))
}

/// What was imported of longer times may be counted as a whole by now.
fn delete_counted_spans(connection: &Connection, rows: Rows, imported: &Imports) -> Result<(), LedgerError> {
    let mut days =
        connection.prepare_cached("SELECT DISTINCT from_minute / ?2 FROM imported_span WHERE meter = ?1")?;
    let days: Vec<i64> =
        days.query_map([rows.into, MINUTES_OF_DAY], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let imported = imported.all();
    days.into_iter().try_for_each(|day| spans::delete_counted(connection, rows.into, day, &imported))
}

fn move_day(
    connection: &Connection,
    rows: Rows,
    (day, imported): (i64, &Imports),
    moved: &mut Moved,
) -> Result<(), LedgerError> {
    let minutes = minutes_of(day);
    let (from, from_is_packed) = of_day(connection, rows.from, day)?;
    let (into, into_is_packed) = of_day(connection, rows.into, day)?;
    if into.is_empty() {
        moved.minutes += from.len() as u64;
        for sql in OF_DAY {
            let mut statement = connection.prepare_cached(sql)?;
            bind(&mut statement, &[rows.from, rows.into, day, minutes.start, minutes.end])?;
        }
        return Ok(());
    }
    let both = both(from, into, imported, moved);
    pulse_times::move_day(connection, (rows.from, rows.into), day)?;
    for sql in REST_OF_DAY {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, &[rows.from, day, minutes.start, minutes.end])?;
    }
    if !from_is_packed && !into_is_packed {
        connection
            .prepare_cached("DELETE FROM minute WHERE meter = ?1 AND minute >= ?2 AND minute < ?3")?
            .execute([rows.into, minutes.start, minutes.end])?;
        let mut rows_of_day = both.iter();
        return Ok(rows_of_day.try_for_each(|row| outbox_minute::insert(connection, rows.into, row))?);
    }
    for sql in &REST_OF_DAY[..2] {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, &[rows.into, day, minutes.start, minutes.end])?;
    }
    days::insert(connection, rows.into, day, &both)?;
    quarters::write(connection, rows.into, day, &both)?;
    pulse_times::pack(connection, rows.into, day)
}

/// Statements name only what they need.
fn bind(statement: &mut Statement<'_>, all: &[i64]) -> home::Result<()> {
    let needed = statement.parameter_count();
    statement.execute(&all[..needed]).map(|_| ())
}

/// The minutes of a day in order, and whether they are packed.
fn of_day(
    connection: &Connection,
    meter_row: i64,
    day: i64,
) -> Result<(Vec<OutboxMinute>, bool), LedgerError> {
    let mut packed = days::read(connection, days::DAY, meter_row, day)?;
    let unpacked = rows::unpacked(connection, meter_row, minutes_of(day))?;
    let is_packed = !packed.is_empty();
    packed.extend(unpacked);
    Ok((packed, is_packed))
}

/// The minutes of both in order. What the one that stays has already, by the same rule by which it is recorded, is not there
/// twice, and what is counted goes before what was imported.
fn both(
    mut from: Vec<OutboxMinute>,
    mut into: Vec<OutboxMinute>,
    imported: &Imports,
    moved: &mut Moved,
) -> Vec<OutboxMinute> {
    let of_into: Vec<_> = into.extract_if(.., |row| imported.into.contains(&row.outbox)).collect();
    let of_from: Vec<_> = from.extract_if(.., |row| imported.from.contains(&row.outbox)).collect();
    let mut new = Vec::new();
    for row in from {
        let first = into.partition_point(|known| known.minute < row.minute);
        let mut known = into[first..].iter().take_while(|known| known.minute == row.minute);
        if known.clone().any(|known| same(known, &row).is_some()) {
            moved.known += 1;
            continue;
        }
        if known.any(|known| is_counted_twice(known, &row)) {
            moved.twice += 1;
            moved.first_twice.get_or_insert(row.minute);
        }
        moved.minutes += 1;
        new.push(row);
    }
    // Of each, what the same meter has counted is taken off already.
    let mut left = left_of_imported(&of_into, (&new, &into), moved);
    let has_own: HashSet<i64> = of_into.iter().map(|row| row.minute).collect();
    let (twice, others): (Vec<_>, Vec<_>) =
        of_from.into_iter().partition(|row| has_own.contains(&row.minute));
    moved.displaced += twice.len() as u64;
    let of_from = left_of_imported(&others, (&into, &new), moved);
    moved.minutes += of_from.len() as u64;
    left.extend(of_from);
    into.extend(new);
    into.extend(left);
    into.sort_by_key(|row| (row.minute, row.outbox));
    into
}

/// What is left of imported minutes beside what `others` have counted in them, and `own` before.
fn left_of_imported(
    imported: &[OutboxMinute],
    (others, own): (&[OutboxMinute], &[OutboxMinute]),
    moved: &mut Moved,
) -> Vec<OutboxMinute> {
    let mut left = Vec::new();
    for row in imported {
        let of_minute = |rows: &[OutboxMinute]| {
            let first = rows.partition_point(|counted| counted.minute < row.minute);
            let rows = rows[first..].iter().take_while(|counted| counted.minute == row.minute);
            rows.fold((0, 0), |sum, it| (sum.0 + u64::from(it.pulses), sum.1 + u64::from(it.watched_s)))
        };
        let (pulses, watched_s) = of_minute(others);
        match row.left_beside(pulses, watched_s + of_minute(own).1) {
            Some(row) => left.push(row),
            None => moved.displaced += 1,
        }
    }
    left
}

/// How many have moved, and how many there were two of.
fn move_readings(connection: &Connection, rows: Rows) -> Result<(u64, u64), LedgerError> {
    let moved = connection
        .execute(
            "UPDATE reading SET meter = ?2 WHERE meter = ?1
             AND NOT EXISTS (SELECT 1 FROM reading AS other WHERE other.meter = ?2 AND other.read_at = reading.read_at)",
            [rows.from, rows.into],
        )?;
    let others = connection.execute("DELETE FROM reading WHERE meter = ?1", [rows.from])?;
    Ok((moved as u64, others as u64))
}

fn write_constants(
    connection: &Connection,
    rows: Rows,
    both: &[(i64, MeterConstant)],
) -> Result<(), LedgerError> {
    connection.execute("DELETE FROM constant WHERE meter IN (?1, ?2)", [rows.from, rows.into])?;
    for (from, constant) in both {
        constants::set(connection, rows.into, *from, *constant)?;
        connection.execute(
            "UPDATE meter SET constant_millionths = ?2 WHERE id = ?1",
            params![rows.into, constant.millionths()],
        )?;
    }
    Ok(())
}

/// The name of the meter that is no more is a former name of the other.
fn make_former(connection: &Connection, rows: Rows) -> Result<(), LedgerError> {
    let both = [rows.from, rows.into];
    connection.execute(
        "UPDATE meter SET repeated = meter.repeated + gone.repeated, contradicted = meter.contradicted + gone.contradicted
         FROM meter AS gone WHERE gone.id = ?1 AND meter.id = ?2",
        both,
    )?;
    connection.execute("UPDATE meter SET moved_to = ?2 WHERE moved_to = ?1", both)?;
    connection.execute(
        "UPDATE meter SET moved_to = ?2, name = '', constant_millionths = 0, repeated = 0, contradicted = 0,
             measures = NULL, part_of = NULL, readings = NULL
         WHERE id = ?1",
        both,
    )?;
    Ok(())
}
