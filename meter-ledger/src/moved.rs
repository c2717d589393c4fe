//! What comes under the names of meters that were renamed, or that others were merged into.

use std::collections::HashMap;

use meter_messages::{Info, Measures, Meter};

use crate::home::{SqlError, params};
use crate::names::{self, Name};
use crate::{Batch, LedgerError, OutboxMark, constants, said_readings};

impl Batch<'_> {
    /// The same as [`Ledger::former_names`](crate::Ledger::former_names).
    pub fn former_names(&self) -> Result<HashMap<Meter, Meter>, LedgerError> {
        names::moved(self.transaction(), None)
    }

    /// The same as [`Ledger::name_now`](crate::Ledger::name_now).
    pub fn name_now(&self, meter: &Meter) -> Result<Option<Meter>, LedgerError> {
        names::now(self.transaction(), meter)
    }

    /// Whether a name is one that a meter had before, or one of a meter with such names.
    pub(crate) fn is_of_moved(&self, meter: &Meter) -> Result<bool, LedgerError> {
        let Some(known) = names::find(self.transaction(), meter)? else { return Ok(false) };
        Ok(known.is_former() || names::has_former(self.transaction(), known.meter_row)?)
    }

    /// The same as [`Batch::register`] of an `info` that the broker has kept: it says nothing of a meter of which something
    /// newer has come under another name.
    ///
    /// # Errors
    /// As there.
    pub fn register_retained(&mut self, meter: &Meter, info: &Info) -> Result<OutboxMark, LedgerError> {
        match self.is_of_moved(meter)? {
            true => self.register_moved(meter, info, false),
            false => self.register(meter, info),
        }
    }

    pub(crate) fn register_moved(
        &mut self,
        meter: &Meter,
        info: &Info,
        is_live: bool,
    ) -> Result<OutboxMark, LedgerError> {
        self.outbox(meter, &info.outbox)?.ok_or(LedgerError::TooManyOutboxes)?;
        let known = names::find(self.transaction(), meter)?.ok_or(SqlError::NoRow)?;
        self.transaction()
            .prepare_cached("UPDATE meter SET outbox = ?2 WHERE id = ?1")?
            .execute(params![known.row, info.outbox.as_str()])?;
        if is_live || self.is_newest(known)? {
            self.transaction()
                .prepare_cached(
                    "UPDATE meter SET name = ?2, constant_millionths = ?3, medium = ?4, measures = ?5, part_of = ?6,
                         readings = coalesce(?7, readings)
                     WHERE id = ?1",
                )?
                .execute(params![
                    known.meter_row,
                    info.name,
                    info.constant.millionths(),
                    info.medium.as_str(),
                    info.relation.measures.map(Measures::as_str),
                    info.relation.part_of.as_ref().map(Meter::to_string),
                    said_readings::as_said(info.readings.as_deref()),
                ])?;
            // What is known of earlier times may be of another publisher.
            let since = constants::newest_from(self.transaction(), known.meter_row)?;
            let mut news = info.clone();
            news.history.retain(|from| since.is_none_or(|since| from.minute.epoch_minutes() > since));
            self.note_constant(known.meter_row, &news)?;
        }
        self.current_mark(known.row)
    }

    /// Whether nothing newer is recorded under the meter's other names.
    fn is_newest(&self, known: Name) -> Result<bool, LedgerError> {
        let mut statement = self.transaction().prepare_cached(
            "SELECT coalesce((SELECT max(mark_minute) FROM outbox WHERE meter = ?1), 0)
                 >= coalesce((SELECT max(mark_minute) FROM meter JOIN outbox ON outbox.meter = meter.id
                              WHERE meter.id <> ?1 AND (meter.id = ?2 OR meter.moved_to = ?2)), 0)",
        )?;
        Ok(statement.query_row([known.row, known.meter_row], |row| row.get(0))?)
    }
}
