//! The recorder's side: minutes in, one commit for many.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use meter_messages::{Info, Mark, Measures, Meter, Minute, OutboxId, PulseCount, PulseTimes};

use crate::error::{damaged, if_readable};
use crate::home::{Bulk, Connection, OptionalRow, SqlError, Transaction, params};
use crate::imports::{self, ImportedOf};
use crate::late_minutes::PackedDays;
use crate::names::{self, Name};
use crate::packing::NewestMinutes;
use crate::{
    Ledger, LedgerError, OutboxMinute, constants, days, outbox_minute, packing, pulse_times, rows,
    said_readings, spans,
};

/// The meter and outbox of a minute, and how far that outbox is recorded without
/// a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMark {
    pub(crate) meter_row: i64,
    pub(crate) outbox_row: i64,
    /// The outbox.
    pub outbox: OutboxId,
    /// The last `seq` up to which nothing is missing; 0 before the first.
    pub mark_seq: u64,
    /// The minute of `mark_seq`.
    pub mark_minute: Option<Minute>,
    /// Whether the outbox was set back to an old copy, which gives numbers again that are recorded for other minutes:
    /// then what is later than this minute is not recorded for it.
    pub set_back: Option<Minute>,
}

/// A ledger may say only that an outbox was set back: then it holds nothing of the copy, up to the mark.
const SET_BACK_BEYOND_MARK: i64 = 1;

impl OutboxMark {
    /// The message that says it.
    pub fn to_message(&self) -> Mark {
        let set_back = self.set_back.is_some();
        Mark { set_back, ..Mark::new(self.outbox.clone(), self.mark_seq, self.mark_minute) }
    }
}

/// A minute of which outboxes have watched more than so many seconds together was counted twice.
pub(crate) const WATCHED_TWICE_S: u64 = 90;

/// How many outboxes a meter may have had: each is a row that stays.
const MOST_OUTBOXES: u32 = 1000;

/// The result of recording a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// It is in the ledger with this batch.
    Recorded,
    /// It is, too; but another outbox has counted the same minute, both more than half of it. One meter's line is
    /// watched by one publisher: two of them go by the same name.
    CountedTwice,
    /// The same was already there.
    AlreadyRecorded,
    /// The same was already there, from an outbox that the meter used before: its
    /// number means nothing in this one.
    OfAnotherOutbox,
    /// The same outbox sent another count for the same minute before; the first one
    /// was kept.
    Contradiction {
        /// The pulses that are in the ledger.
        kept: u32,
    },
}

/// Changes of one transaction; discarded unless committed.
#[derive(Debug)]
pub struct Batch<'ledger> {
    pub(crate) transaction: Transaction<'ledger>,
    pub(crate) newest: &'ledger mut NewestMinutes,
    pub(crate) late: PackedDays,
    /// By meter: minutes that came again, and those that came with another count.
    again: BTreeMap<i64, (u64, u64)>,
    /// Outboxes that are new with this batch.
    new_outboxes: HashSet<i64>,
    /// Whether anything was ever imported; `None` before it was looked for.
    pub(crate) is_anything_imported: Option<bool>,
    /// By meter: what was imported.
    imported: BTreeMap<i64, ImportedOf>,
    /// Meters, and days on which something that was imported begins, and has got minutes of its own.
    filled: BTreeSet<(i64, i64)>,
}

impl Ledger {
    /// Begins a batch.
    pub fn batch(&mut self) -> Result<Batch<'_>, LedgerError> {
        let is_recorder = self.newest.is_of_recorder();
        let begin = if is_recorder { Transaction::recording } else { Transaction::writing };
        let transaction = begin(&self.connection)?;
        self.newest.begin(&transaction)?;
        let newest = &mut self.newest;
        let (late, again, new_outboxes) = (PackedDays::default(), BTreeMap::new(), HashSet::new());
        let (is_anything_imported, imported, filled) = (None, BTreeMap::new(), BTreeSet::new());
        Ok(Batch { transaction, newest, late, again, new_outboxes, is_anything_imported, imported, filled })
    }

    /// Every meter's current outbox, and how far it is recorded; without those whose rows cannot be read.
    pub fn outbox_marks(&self) -> Result<Vec<(Meter, OutboxMark)>, LedgerError> {
        outbox_marks(&self.connection, None)
    }

    /// The minutes of an outbox that are recorded beyond its mark, with their numbers, in order.
    pub fn beyond(&self, mark: &OutboxMark) -> Result<Vec<(u64, Minute)>, LedgerError> {
        let _state = self.one_state()?;
        beyond(&self.connection, mark)
    }
}

impl Batch<'_> {
    pub(crate) fn transaction(&self) -> &Transaction<'_> {
        &self.transaction
    }

    /// Stores a meter's `info` and its outbox. One that comes under a name that the meter had before is of the meter, too.
    ///
    /// # Errors
    /// [`LedgerError::TooManyOutboxes`] if the meter has had so many others; then nothing is changed.
    pub fn register(&mut self, meter: &Meter, info: &Info) -> Result<OutboxMark, LedgerError> {
        if names::find(&self.transaction, meter)?.is_some() && self.outbox(meter, &info.outbox)?.is_none() {
            return Err(LedgerError::TooManyOutboxes);
        }
        if self.is_of_moved(meter)? {
            return self.register_moved(meter, info, true);
        }
        let meter_row: i64 = self
            .transaction
            .prepare_cached(
                "INSERT INTO meter (site, meter, name, constant_millionths, outbox, medium, measures, part_of, readings)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT (site, meter) DO UPDATE SET name = ?3, constant_millionths = ?4, outbox = ?5, medium = ?6,
                     measures = ?7, part_of = ?8, readings = coalesce(?9, meter.readings)
                 RETURNING id",
            )?
            .query_row(
                params![
                    meter.site.as_str(),
                    meter.meter.as_str(),
                    info.name,
                    info.constant.millionths(),
                    info.outbox.as_str(),
                    info.medium.as_str(),
                    info.relation.measures.map(Measures::as_str),
                    info.relation.part_of.as_ref().map(Meter::to_string),
                    said_readings::as_said(info.readings.as_deref()),
                ],
                |row| row.get(0),
            )?;
        self.transaction
            .prepare_cached("INSERT INTO outbox (meter, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
            .execute(params![meter_row, info.outbox.as_str()])?;
        self.note_constant(meter_row, info)?;
        self.current_mark(meter_row)
    }

    /// The same as [`Ledger::outbox_marks`].
    pub fn outbox_marks(&self) -> Result<Vec<(Meter, OutboxMark)>, LedgerError> {
        outbox_marks(&self.transaction, None)
    }

    /// The outbox that is filled under a name now, and how far it is recorded; `None` if nothing has come under it.
    pub fn current(&self, meter: &Meter) -> Result<Option<OutboxMark>, LedgerError> {
        let Some(known) = names::find(&self.transaction, meter)? else { return Ok(None) };
        Ok(outbox_marks(&self.transaction, Some(known.row))?.into_iter().next().map(|(_, mark)| mark))
    }

    /// The mark of the outbox that a name's row fills now.
    pub(crate) fn current_mark(&self, row: i64) -> Result<OutboxMark, LedgerError> {
        let outbox_marks = outbox_marks(&self.transaction, Some(row))?;
        let mark = outbox_marks.into_iter().next().map(|(_, mark)| mark);
        Ok(mark.ok_or(SqlError::NoRow)?)
    }

    /// The outbox of a known meter under this name, and how far it is recorded; `None` if the meter is not
    /// known, or has had too many outboxes.
    pub fn outbox(&mut self, meter: &Meter, name: &OutboxId) -> Result<Option<OutboxMark>, LedgerError> {
        let Some(known) = names::find(&self.transaction, meter)? else { return Ok(None) };
        if let Some(mark) = outbox_mark(&self.transaction, known, name)? {
            return Ok(Some(mark));
        }
        let had: u32 = self
            .transaction
            .prepare_cached("SELECT count(*) FROM outbox WHERE meter = ?1")?
            .query_row([known.row], |row| row.get(0))?;
        if had >= MOST_OUTBOXES {
            return Ok(None);
        }
        self.add_outbox(known, name).map(Some)
    }

    pub(crate) fn add_outbox(&mut self, known: Name, name: &OutboxId) -> Result<OutboxMark, LedgerError> {
        let row = self
            .transaction
            .prepare_cached("INSERT INTO outbox (meter, name) VALUES (?1, ?2) RETURNING id")?
            .query_row(params![known.row, name.as_str()], |row| row.get(0))?;
        self.new_outboxes.insert(row);
        let mark = outbox_mark(&self.transaction, known, name)?;
        Ok(mark.ok_or(SqlError::NoRow)?)
    }

    /// Forgets what is remembered of the minutes of meters, which have changed otherwise than minute by minute.
    pub(crate) fn look_again(&mut self) -> Result<(), LedgerError> {
        self.late.write(&self.transaction)?;
        self.delete_filled()?;
        self.newest.forget();
        self.imported.clear();
        Ok(())
    }

    /// A changed constant applies from when the publisher says, otherwise from after
    /// the newest recorded minute.
    pub(crate) fn note_constant(&mut self, meter_row: i64, info: &Info) -> Result<(), LedgerError> {
        let known = constants::newest(&self.transaction, meter_row)?;
        if known.is_none() {
            let first = info.history.first().map_or(info.constant, |first| first.constant);
            constants::set(&self.transaction, meter_row, 0, first)?;
        }
        for from in &info.history {
            constants::set(&self.transaction, meter_row, from.minute.epoch_minutes(), from.constant)?;
        }
        if info.history.is_empty() && known.is_some_and(|known| known != info.constant.millionths()) {
            let newest = packing::newest(&self.transaction, meter_row)?;
            let newest = newest.max(spans::last(&self.transaction, meter_row)?);
            let from = newest.map_or(0, |newest| newest + 1);
            constants::set(&self.transaction, meter_row, from, info.constant)?;
        }
        Ok(())
    }

    /// Records a minute unless it is there. The same content (pulses, seconds watched and the running total) is the
    /// same minute, whichever outbox it was recorded for and whatever its number there: it can be delivered again
    /// after the meter's outbox has changed, and a publisher whose outbox was set back numbers anew what it had counted
    /// under the old one. Two cards that share a minute differ in their totals, or have not counted a pulse in it. Two
    /// that count on from the same total, and have watched it for more than a minute together, are copies of one card
    /// that was copied within it: the first one stays.
    pub fn record(&mut self, mark: &OutboxMark, count: &PulseCount) -> Result<Recording, LedgerError> {
        self.record_of((mark.meter_row, mark.outbox_row), count)
    }

    /// The same, with the times of its pulses if these are few.
    pub fn record_timed(
        &mut self,
        mark: &OutboxMark,
        count: &PulseCount,
        times: Option<PulseTimes>,
    ) -> Result<Recording, LedgerError> {
        let recording = self.record(mark, count)?;
        if let (Recording::Recorded, Some(times)) = (recording, times) {
            pulse_times::insert(&self.transaction, mark.meter_row, count.minute.epoch_minutes(), times)?;
        }
        Ok(recording)
    }

    /// The same of a meter and an outbox by their rows.
    pub(crate) fn record_of(
        &mut self,
        (meter_row, outbox_row): (i64, i64),
        count: &PulseCount,
    ) -> Result<Recording, LedgerError> {
        let minute = count.minute.epoch_minutes();
        let row = OutboxMinute::of_count(outbox_row, count);
        let imported = self.give_way(meter_row, minute)?;
        if self.newest.is_new(&self.transaction, meter_row, minute)? {
            outbox_minute::insert(&self.transaction, meter_row, &row)?;
            return Ok(Recording::Recorded);
        }
        let mut known = match self.late.minute(&self.transaction, meter_row, minute)? {
            Some(known) => known.to_vec(),
            None => rows::unpacked(&self.transaction, meter_row, minute..minute + 1)?,
        };
        let given_way: Vec<_> = known.extract_if(.., |known| imported.contains(&known.outbox)).collect();
        let is_counted_twice = known.iter().any(|known| is_counted_twice(known, &row));
        let same = known.iter().filter_map(|known| same(known, &row));
        if let Some(same) = same.min_by_key(|same| matches!(same, Recording::Contradiction { .. })) {
            let again = self.again.entry(meter_row).or_default();
            match same {
                Recording::Contradiction { .. } => again.1 += 1,
                _ => again.0 += 1,
            }
            return Ok(same);
        }
        if !given_way.is_empty() {
            self.remove_imported(meter_row, minute, &imported)?;
            let counted_s = known.iter().chain([&row]).map(|row| u64::from(row.watched_s)).sum();
            for left in given_way.iter().filter_map(|it| it.left_beside(row.pulses.into(), counted_s)) {
                self.add_row(meter_row, left)?;
            }
        }
        self.add_row(meter_row, row)?;
        Ok(if is_counted_twice { Recording::CountedTwice } else { Recording::Recorded })
    }

    /// Adds a row to a day, whether that is packed or not.
    pub(crate) fn add_row(&mut self, meter_row: i64, row: OutboxMinute) -> Result<(), LedgerError> {
        if !self.late.insert(&self.transaction, meter_row, row)? {
            outbox_minute::insert(&self.transaction, meter_row, &row)?;
        }
        Ok(())
    }

    /// What was counted goes before what was imported: whose imported minutes give way is returned. A longer time that a
    /// minute lies in stays until all its minutes are counted.
    fn give_way(&mut self, meter_row: i64, minute: i64) -> Result<Vec<i64>, LedgerError> {
        let is_anything_imported = match self.is_anything_imported {
            Some(known) => known,
            None => *self.is_anything_imported.insert(imports::is_any(&self.transaction)?),
        };
        if !is_anything_imported {
            return Ok(Vec::new());
        }
        let imported = match self.imported.get(&meter_row) {
            Some(imported) => imported,
            None => {
                let found = ImportedOf::read(&self.transaction, meter_row)?;
                self.imported.entry(meter_row).or_insert(found)
            }
        };
        if imported.has_spans
            && let Some(start) = spans::start_around(&self.transaction, meter_row, minute)?
        {
            self.filled.insert((meter_row, days::day_of(start)));
        }
        Ok(imported.outboxes.clone())
    }

    /// Deletes what was imported of times of which every minute is counted by now.
    fn delete_filled(&mut self) -> Result<(), LedgerError> {
        for (meter_row, day) in std::mem::take(&mut self.filled) {
            let imported = self.imported.get(&meter_row).map_or(&[][..], |imported| &imported.outboxes);
            let deleted = spans::delete_counted(&self.transaction, meter_row, day, imported);
            if_readable(format_args!("row {meter_row}"), deleted)?;
        }
        Ok(())
    }

    fn remove_imported(&mut self, meter_row: i64, minute: i64, outboxes: &[i64]) -> Result<(), LedgerError> {
        self.late.remove(&self.transaction, meter_row, minute, outboxes)?;
        for outbox in outboxes {
            self.transaction
                .prepare_cached("DELETE FROM minute WHERE meter = ?1 AND minute = ?2 AND outbox = ?3")?
                .execute(params![meter_row, minute, outbox])?;
        }
        Ok(())
    }

    /// The minutes of an outbox that are recorded beyond its mark, with their numbers, in order.
    /// Of an outbox that is new in this batch there were none when it came.
    pub fn beyond(&mut self, mark: &OutboxMark) -> Result<Vec<(u64, Minute)>, LedgerError> {
        if self.new_outboxes.contains(&mark.outbox_row) {
            return Ok(Vec::new());
        }
        self.late.write(&self.transaction)?;
        beyond(&self.transaction, mark)
    }

    /// Stores how far an outbox is recorded without a gap, and whether it was set
    /// back.
    pub fn keep_mark(&mut self, mark: &OutboxMark) -> Result<(), LedgerError> {
        static KEEP: Bulk = Bulk {
            one: "UPDATE outbox SET mark_seq = ?2, mark_minute = ?3, set_back = ?4 WHERE id = ?1",
            many: "
                UPDATE outbox SET mark_seq = mark.seq, mark_minute = mark.minute, set_back = mark.set_back
                FROM (
                    SELECT DISTINCT ON (id) id, seq, minute, set_back
                    FROM unnest(?1::bigint[], ?2::bigint[], ?3::bigint[], ?4::bigint[])
                        WITH ORDINALITY AS said (id, seq, minute, set_back, number)
                    ORDER BY id, number DESC
                ) AS mark
                WHERE outbox.id = mark.id",
        };
        let minute = mark.mark_minute.map(Minute::epoch_minutes);
        let set_back = mark.set_back.map_or(0, Minute::epoch_minutes);
        Ok(self.transaction.bulk(&KEEP, params![mark.outbox_row, mark.mark_seq, minute, set_back])?)
    }

    /// Puts the batch on disk; when this returns, it is there.
    pub fn commit(mut self) -> Result<(), LedgerError> {
        self.late.write(&self.transaction)?;
        self.delete_filled()?;
        self.newest.pack(&self.transaction)?;
        for (meter_row, (repeated, contradicted)) in &self.again {
            self.transaction
                .prepare_cached(
                    "UPDATE meter SET repeated = repeated + ?2, contradicted = contradicted + ?3 WHERE id = ?1",
                )?
                .execute(params![meter_row, repeated, contradicted])?;
        }
        self.newest.tell_others(&self.transaction)?;
        self.transaction.commit()?;
        self.newest.committed();
        Ok(())
    }
}

fn outbox_marks(
    connection: &Connection,
    meter_row: Option<i64>,
) -> Result<Vec<(Meter, OutboxMark)>, LedgerError> {
    // Two statements: for one, each home has a plan that looks at that meter only.
    let of_one = if meter_row.is_some() { "WHERE meter.id = ?1" } else { "ORDER BY meter.id" };
    let sql = format!(
        "SELECT site, meter.meter, coalesce(moved_to, meter.id), outbox.id, outbox.name, mark_seq, mark_minute,
                outbox.set_back
         FROM meter JOIN outbox ON outbox.meter = meter.id AND outbox.name = meter.outbox {of_one}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(meter_row.as_slice(), |row| {
        let text = |column: usize| row.get::<String>(column);
        let (meter_row, outbox_row, mark_seq): (i64, i64, u64) = (row.get(2)?, row.get(3)?, row.get(5)?);
        let (mark_minute, set_back): (Option<i64>, i64) = (row.get(6)?, row.get(7)?);
        Ok((text(0)?, text(1)?, text(4)?, meter_row, outbox_row, mark_seq, mark_minute, set_back))
    })?;
    let marks = rows.map(|row| -> Result<_, LedgerError> {
        let (site, meter, outbox, meter_row, outbox_row, mark_seq, mark_minute, set_back) = row?;
        let meter = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        let outbox = outbox.parse().map_err(damaged)?;
        let set_back = set_back_after(set_back, mark_minute);
        let mark_minute = mark_minute.map(Minute::nearest);
        Ok((meter, OutboxMark { meter_row, outbox_row, outbox, mark_seq, mark_minute, set_back }))
    });
    marks.filter_map(|mark| if_readable("unknown", mark).transpose()).collect()
}

/// One outbox of a meter.
fn outbox_mark(
    connection: &Connection,
    known: Name,
    name: &OutboxId,
) -> Result<Option<OutboxMark>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, mark_seq, mark_minute, set_back FROM outbox WHERE meter = ?1 AND name = ?2",
    )?;
    let found = statement.query_row(params![known.row, name.as_str()], |row| {
        let mark_minute: Option<i64> = row.get(2)?;
        Ok(OutboxMark {
            meter_row: known.meter_row,
            outbox_row: row.get(0)?,
            outbox: name.clone(),
            mark_seq: row.get(1)?,
            mark_minute: mark_minute.map(Minute::nearest),
            set_back: set_back_after(row.get(3)?, mark_minute),
        })
    });
    Ok(found.optional()?)
}

/// The minute after which an outbox that was set back takes nothing; 0 in the ledger if it was not.
fn set_back_after(set_back: i64, mark_minute: Option<i64>) -> Option<Minute> {
    match set_back {
        0 => None,
        SET_BACK_BEYOND_MARK => Some(Minute::nearest(mark_minute.unwrap_or(0))),
        after => Some(Minute::nearest(after)),
    }
}

/// What a minute is if it is one that is known.
pub(crate) fn same(known: &OutboxMinute, row: &OutboxMinute) -> Option<Recording> {
    let counted = (known.pulses, known.watched_s) == (row.pulses, row.watched_s);
    if known.outbox == row.outbox {
        let kept = known.pulses;
        return Some(if counted { Recording::AlreadyRecorded } else { Recording::Contradiction { kept } });
    }
    if counted && known.total == row.total {
        return Some(Recording::OfAnotherOutbox);
    }
    // A copy was made in the midst of the minute, and both have counted on: its first seconds are the same.
    let is_counted_on = known.total_before() == row.total_before();
    let overlap = known.watched_s.saturating_add(row.watched_s) > 60;
    (is_counted_on && overlap).then_some(Recording::Contradiction { kept: known.pulses })
}

/// Whether two outboxes have watched more of a minute than it has, beyond what a change of publishers explains.
pub(crate) fn is_counted_twice(known: &OutboxMinute, row: &OutboxMinute) -> bool {
    known.outbox != row.outbox && u64::from(known.watched_s) + u64::from(row.watched_s) > WATCHED_TWICE_S
}

/// Minutes ascend with their numbers, so those beyond the mark lie after its minute. What other outboxes of the meter
/// have counted is not read: a site may announce many outboxes, and have counted for years.
fn beyond(connection: &Connection, mark: &OutboxMark) -> Result<Vec<(u64, Minute)>, LedgerError> {
    let after = mark.mark_minute.map_or(0, |minute| minute.epoch_minutes() + 1);
    let mut unpacked = connection.prepare_cached(
        "SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
         WHERE meter = ?1 AND minute >= ?2 AND outbox = ?3",
    )?;
    let unpacked = unpacked.query_map(params![mark.meter_row, after, mark.outbox_row], OutboxMinute::of)?;
    let mut rows = unpacked.collect::<Result<Vec<_>, _>>()?;
    rows.extend(days::of_outbox(connection, mark.meter_row, mark.outbox_row, after)?);
    rows.sort_by_key(|row| row.minute);
    let numbered = |row: OutboxMinute| row.seq.map(|seq| (seq, Minute::nearest(row.minute)));
    Ok(rows.into_iter().filter_map(numbered).filter(|(seq, _)| *seq > mark.mark_seq).collect())
}
