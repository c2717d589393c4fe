//! What is recorded of a day already, as importing sees it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::days::{self, minutes_of};
use crate::home::Connection;
use crate::imports::ImportedOf;
use crate::{LedgerError, OutboxMinute, rows};

/// The minutes of a day that are recorded.
#[derive(Debug, Default)]
pub(crate) struct There {
    /// Since 1970, and their pulses.
    known: BTreeMap<i64, u64>,
    /// Those of which only a part was watched, and nothing was imported: the seconds that were.
    in_part: BTreeMap<i64, u64>,
}

impl There {
    pub(crate) fn read(connection: &Connection, meter_row: i64, day: i64) -> Result<Self, LedgerError> {
        let mut rows = rows::unpacked(connection, meter_row, minutes_of(day))?;
        rows.extend(days::read(connection, days::DAY, meter_row, day)?);
        let mut there = Self::default();
        if rows.is_empty() {
            return Ok(there);
        }
        let imports = ImportedOf::read(connection, meter_row)?.outboxes;
        let mut imported = BTreeSet::new();
        for row in &rows {
            *there.known.entry(row.minute).or_default() += u64::from(row.pulses);
            *there.in_part.entry(row.minute).or_default() += u64::from(row.watched_s);
            if imports.contains(&row.outbox) {
                imported.insert(row.minute);
            }
        }
        there.in_part.retain(|minute, watched_s| *watched_s < 60 && !imported.contains(minute));
        Ok(there)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The minutes of a span that are recorded, and their pulses.
    pub(crate) fn within(&self, span: Range<i64>) -> impl Iterator<Item = (i64, u64)> {
        self.known.range(span).map(|(minute, pulses)| (*minute, *pulses))
    }

    /// A minute that is to be imported, less what was counted in it; `None` if nothing of it is new.
    pub(crate) fn left_of(&self, row: &OutboxMinute) -> Option<OutboxMinute> {
        match self.known.get(&row.minute) {
            None => Some(*row),
            Some(pulses) => row.left_beside(*pulses, *self.in_part.get(&row.minute)?),
        }
    }

    /// From now on this one is there as well.
    pub(crate) fn add(&mut self, row: &OutboxMinute) {
        *self.known.entry(row.minute).or_default() += u64::from(row.pulses);
        self.in_part.remove(&row.minute);
    }
}
