//! The names of meters. A meter that was renamed or merged into another one keeps its former name: what is sent under it is
//! recorded for the meter that it has become, and its mark is said under the name that it is sent under. So a former name
//! is a row of `meter` with outboxes of its own, in which numbers mean what they mean to its publisher; minutes,
//! corrections and all else belong to the row that it has moved to.

use std::collections::HashMap;

use meter_messages::Meter;

use crate::error::{damaged, if_readable};
use crate::home::{self, Connection, OptionalRow, params};
use crate::{Ledger, LedgerError};

/// A name that the ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    /// The row that has the outboxes which send under this name.
    pub(crate) row: i64,
    /// The row of the meter.
    pub(crate) meter_row: i64,
}

impl Name {
    /// Whether it is one that the meter had before.
    pub(crate) fn is_former(self) -> bool {
        self.row != self.meter_row
    }
}

pub(crate) fn find(connection: &Connection, meter: &Meter) -> home::Result<Option<Name>> {
    connection
        .prepare_cached("SELECT id, coalesce(moved_to, id) FROM meter WHERE site = ?1 AND meter = ?2")?
        .query_row(params![meter.site.as_str(), meter.meter.as_str()], |row| {
            Ok(Name { row: row.get(0)?, meter_row: row.get(1)? })
        })
        .optional()
}

/// Whether a meter has former names.
pub(crate) fn has_former(connection: &Connection, meter_row: i64) -> home::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM meter WHERE moved_to = ?1)")?
        .query_row([meter_row], |row| row.get(0))
}

/// Former names, and what their meters are called now: of all, or of one name.
pub(crate) fn moved(
    connection: &Connection,
    only: Option<&Meter>,
) -> Result<HashMap<Meter, Meter>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT former.site, former.meter, meter.site, meter.meter FROM meter AS former
         JOIN meter ON meter.id = former.moved_to
         WHERE former.moved_to IS NOT NULL AND (CAST(?1 AS TEXT) IS NULL OR (former.site = ?1 AND former.meter = ?2))",
    )?;
    let (site, meter) = only.map(|only| (only.site.as_str(), only.meter.as_str())).unzip();
    let rows = statement.query_map(params![site, meter], |row| {
        let text = |column: usize| row.get::<String>(column);
        Ok([text(0)?, text(1)?, text(2)?, text(3)?])
    })?;
    let names = rows.map(|row| -> Result<_, LedgerError> {
        let [site, meter, now_site, now_meter] = row?;
        let former = Meter { site: site.parse().map_err(damaged)?, meter: meter.parse().map_err(damaged)? };
        let now =
            Meter { site: now_site.parse().map_err(damaged)?, meter: now_meter.parse().map_err(damaged)? };
        Ok((former, now))
    });
    names.filter_map(|name| if_readable("unknown", name).transpose()).collect()
}

/// What a meter is called now that had this name before; `None` if it is no former name.
pub(crate) fn now(connection: &Connection, meter: &Meter) -> Result<Option<Meter>, LedgerError> {
    Ok(moved(connection, Some(meter))?.remove(meter))
}

impl Ledger {
    /// Former names of meters, and what these are called now.
    pub fn former_names(&self) -> Result<HashMap<Meter, Meter>, LedgerError> {
        moved(&self.connection, None)
    }

    /// What a meter is called now that had this name before; `None` if it is no former name.
    pub fn name_now(&self, meter: &Meter) -> Result<Option<Meter>, LedgerError> {
        now(&self.connection, meter)
    }
}
