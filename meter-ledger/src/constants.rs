//! The meter constants over time.

use std::ops::Range;

use meter_messages::{MeterConstant, Minute};

use crate::LedgerError;
use crate::error::damaged;
use crate::home::{self, Connection, params};

/// How many constants of a meter are kept: they are read with each of its pages. Nobody replaces a meter that
/// often; a publisher that says so is not believed any further.
const MOST: u64 = 200;

/// Constants, each with the minute since 1970 from which it applies, ascending;
/// the first applies from the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constants(Vec<(i64, MeterConstant)>);

impl Constants {
    /// One that has always applied.
    pub(crate) fn always(constant: MeterConstant) -> Self {
        Self(vec![(0, constant)])
    }

    /// What reading them asks.
    pub(crate) const QUESTIONS: [&str; 1] =
        ["SELECT from_minute, millionths FROM constant WHERE meter = ?1 ORDER BY from_minute"];

    pub(crate) fn read(connection: &Connection, meter_row: i64) -> Result<Self, LedgerError> {
        let [constants] = Self::QUESTIONS;
        let mut statement = connection.prepare_cached(constants)?;
        let rows = statement.query_map([meter_row], |row| Ok((row.get::<i64>(0)?, row.get::<u64>(1)?)))?;
        let constants: Vec<_> = rows
            .map(|row| -> Result<_, LedgerError> {
                let (from, constant) = row?;
                Ok((from, MeterConstant::from_millionths(constant).map_err(damaged)?))
            })
            .collect::<Result<_, _>>()?;
        if constants.is_empty() {
            return Err(damaged("a meter without a constant"));
        }
        Ok(Self(constants))
    }

    /// The constant of a minute.
    pub(crate) fn at(&self, minute: Minute) -> MeterConstant {
        let after = self.0.partition_point(|(from, _)| *from <= minute.epoch_minutes());
        self.0[after.saturating_sub(1)].1
    }

    /// Each constant but the first, and since when it applies.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Minute, MeterConstant)> {
        self.0.iter().skip(1).map(|(from, constant)| (Minute::nearest(*from), *constant))
    }

    /// The constant of a span of minutes since 1970; `None` if it changes in it.
    pub(crate) fn throughout(&self, span: &Range<i64>) -> Option<MeterConstant> {
        let after = self.0.partition_point(|(from, _)| *from <= span.start).max(1);
        let changes = self.0.get(after).is_some_and(|(from, _)| *from < span.end);
        (!changes).then(|| self.0[after - 1].1)
    }
}

/// The constant of a meter, in millionths; a meter without one has not said it yet.
pub(crate) fn newest(connection: &Connection, meter_row: i64) -> home::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT millionths FROM constant WHERE meter = ?1 ORDER BY from_minute DESC LIMIT 1")?
        .query_map([meter_row], |row| row.get(0))?
        .next()
        .transpose()
}

/// Since when the newest constant of a meter applies.
pub(crate) fn newest_from(connection: &Connection, meter_row: i64) -> home::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT max(from_minute) FROM constant WHERE meter = ?1")?
        .query_row([meter_row], |row| row.get(0))
}

/// Stores that a constant applies from a minute on (0: from the beginning) and
/// deletes what was stored about later minutes.
pub(crate) fn set(
    connection: &Connection,
    meter_row: i64,
    from_minute: i64,
    constant: MeterConstant,
) -> home::Result<()> {
    connection
        .prepare_cached("DELETE FROM constant WHERE meter = ?1 AND from_minute >= ?2")?
        .execute(params![meter_row, from_minute])?;
    if newest(connection, meter_row)? == Some(constant.millionths()) {
        return Ok(());
    }
    let kept: u64 = connection
        .prepare_cached("SELECT count(*) FROM constant WHERE meter = ?1")?
        .query_row([meter_row], |row| row.get(0))?;
    if kept >= MOST {
        return Ok(());
    }
    connection
        .prepare_cached("INSERT INTO constant (meter, from_minute, millionths) VALUES (?1, ?2, ?3)")?
        .execute(params![meter_row, from_minute, constant.millionths()])?;
    Ok(())
}
