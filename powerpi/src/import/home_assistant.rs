//! Home Assistant's long-term statistics, by the hour: the tables `statistics` and `statistics_meta` of its SQLite file.

use std::path::Path;

use anyhow::{Context, bail};
use foreign_text::foreign;
use rusqlite::{Connection, OpenFlags};

use super::amounts::{Meaning, Readings};
use super::series::{Series, Values};
use super::unit::Unit;

const HOUR_MS: i64 = 3_600_000;

/// What is kept of a sensor.
struct Statistic {
    id: i64,
    name: String,
    unit: Unit,
}

/// Reads a sensor's hours.
pub(super) fn read(path: &Path, sensor: Option<&str>) -> anyhow::Result<Series> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opening = || format!("opening {} as Home Assistant's database", path.display());
    let connection = Connection::open_with_flags(path, flags).with_context(opening)?;
    let statistics = statistics(&connection).with_context(opening)?;
    let names: Vec<&str> = statistics.iter().map(|it| it.name.as_str()).collect();
    let names = names.join(", ");
    let found = match sensor {
        Some(sensor) => statistics.iter().find(|it| it.name == sensor),
        None if statistics.len() == 1 => statistics.first(),
        None => bail!("say which by --statistic: {names}"),
    };
    let Some(found) = found else {
        bail!(
            "it has no statistic \"{}\" of energy, gas, water or power; there are: {names}",
            foreign(sensor.unwrap_or_default())
        );
    };
    let (readings, meaning) = hours(&connection, found)?;
    let source = format!("Home Assistant {}", found.name);
    Ok(Series { source, unit: found.unit, values: Values::Readings(readings, meaning) })
}

/// Those in units that are known.
fn statistics(connection: &Connection) -> anyhow::Result<Vec<Statistic>> {
    let mut statement = connection.prepare(
        "SELECT id, statistic_id, unit_of_measurement FROM statistics_meta
         WHERE unit_of_measurement IS NOT NULL ORDER BY statistic_id",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, String, String)>, _>>()?;
    let known = |(id, name, unit): (i64, String, String)| {
        Some(Statistic { id, name: foreign(&name).to_string(), unit: unit.parse().ok()? })
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// The sum at the end of each hour, or the mean rate in it.
fn hours(connection: &Connection, of: &Statistic) -> anyhow::Result<(Readings, Meaning)> {
    // Before version 2023.3 times were text; the upgrade adds a column and fills it little by little.
    let has = |column: &str| -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('statistics') WHERE name = ?1)";
        connection.query_row(sql, [column], |row| row.get(0))
    };
    let start = match (has("start_ts")?, has("start")?) {
        (true, true) => "coalesce(start_ts, strftime('%s', start))",
        (true, false) => "start_ts",
        (false, _) => "strftime('%s', start)",
    };
    let (column, meaning) =
        if of.unit.is_rate() { ("mean", Meaning::RateFrom) } else { ("sum", Meaning::Total) };
    let sql = format!(
        "SELECT CAST({start} AS REAL), {column} FROM statistics
         WHERE metadata_id = ?1 AND {column} IS NOT NULL ORDER BY 1"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([of.id])?;
    let mut readings = Readings::default();
    while let Some(row) = rows.next()? {
        let (start, value): (f64, f64) = (row.get(0)?, row.get(1)?);
        let start = (start * 1000.0) as i64;
        readings.add(if meaning == Meaning::Total { start.saturating_add(HOUR_MS) } else { start }, value)?;
    }
    readings.sort();
    Ok((readings, meaning))
}
