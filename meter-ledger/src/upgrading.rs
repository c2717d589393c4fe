//! Steps from older formats of the SQLite file that make something of its minutes. They are of the tables as these were
//! then, whatever has become of them since.

use rusqlite::{Connection, params};
use sqlite_file::Progress;

use crate::days::{self, day_of, minutes_of};
use crate::error::if_readable;
use crate::home::{self, Row};
use crate::packing::DAYS_IN_ROWS;
use crate::quarters::Quarters;
use crate::sum::shared_minutes;
use crate::{LedgerError, OutboxMinute};

/// Packs all days that are over.
pub(crate) fn pack_days(file: &Connection, progress: &mut Progress) -> rusqlite::Result<()> {
    let mut meters = file.prepare("SELECT id FROM meter")?;
    let meters: Vec<i64> = meters.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    progress.expect(file.query_row("SELECT count(*) FROM minute", [], |row| row.get(0))?);
    for meter_row in meters {
        let row = format_args!("row {meter_row}");
        let packed = || if_readable(row, pack_oldest(file, meter_row));
        while let Some(Some(minutes)) = packed().map_err(of_sqlite)? {
            progress.add(minutes);
        }
    }
    Ok(())
}

/// Packs the oldest day of a meter that is in rows, if it is long enough ago; returns how many minutes that were.
fn pack_oldest(file: &Connection, meter_row: i64) -> Result<Option<u64>, LedgerError> {
    let (oldest, newest): (Option<i64>, Option<i64>) = file
        .prepare_cached(
            "SELECT (SELECT min(minute) FROM minute WHERE meter = ?1), (SELECT max(minute) FROM minute WHERE meter = ?1)",
        )?
        .query_row([meter_row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((oldest, newest)) = oldest.map(day_of).zip(newest.map(day_of)) else { return Ok(None) };
    if oldest > newest - DAYS_IN_ROWS {
        return Ok(None);
    }
    let minutes = minutes_of(oldest);
    let mut statement = file.prepare_cached(
        "SELECT minute, outbox, pulses, watched_s, total, seq FROM minute
         WHERE meter = ?1 AND minute >= ?2 AND minute < ?3 ORDER BY minute, outbox",
    )?;
    let mut found = statement.query([meter_row, minutes.start, minutes.end])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(OutboxMinute::of(&Row::Sqlite(row))?);
    }
    let (sum, runs) = (shared_minutes(&rows), days::pack(&rows)?);
    file.prepare_cached(
        "INSERT INTO day (meter, day, pulses, minutes, watched_s, most, runs) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![meter_row, oldest, sum.pulses, sum.minutes, sum.watched_s, sum.most, runs])?;
    file.prepare_cached("DELETE FROM minute WHERE meter = ?1 AND minute >= ?2 AND minute < ?3")?
        .execute([meter_row, minutes.start, minutes.end])?;
    Ok(Some(rows.len() as u64))
}

/// Writes the sums of all packed days by quarters of an hour.
pub(crate) fn sum_quarters(file: &Connection, progress: &mut Progress) -> rusqlite::Result<()> {
    progress.expect(file.query_row("SELECT count(*) FROM day", [], |row| row.get(0))?);
    let mut days = file.prepare("SELECT meter, day, runs FROM day ORDER BY meter, day")?;
    let mut write = file.prepare("INSERT OR REPLACE INTO quarters (meter, day, sums) VALUES (?1, ?2, ?3)")?;
    let mut days = days.query([])?;
    while let Some(row) = days.next()? {
        let (meter_row, day): (i64, i64) = (row.get(0)?, row.get(1)?);
        let runs: home::Result<&str> = Row::Sqlite(row).text(2);
        let rows = runs.map_err(LedgerError::from).and_then(days::unpack);
        let written =
            rows.and_then(|rows| Ok(write.execute(params![meter_row, day, Quarters::of(&rows).pack()])?));
        if_readable(format_args!("row {meter_row}"), written).map_err(of_sqlite)?;
        progress.add(1);
    }
    Ok(())
}

/// As an error of a step.
fn of_sqlite(error: LedgerError) -> rusqlite::Error {
    match error {
        LedgerError::Sql(home::SqlError::Sqlite(error)) => error,
        other => rusqlite::Error::ToSqlConversionFailure(other.into()),
    }
}
