//! When the prices of a table hold. Pure.

use anyhow::{anyhow, bail};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use meter_messages::{EnergyPrice, Minute};

use super::columns::Columns;
use super::numbers::PriceUnit;
use super::table::Table;
use super::when::{When, clock};

/// A price, and when it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Its first minute.
    pub(super) from: Minute,
    /// For how many minutes: 15, 30 or 60.
    pub(super) minutes: i64,
    /// The price of a kWh.
    pub(super) price: EnergyPrice,
}

impl Row {
    /// The quarters of an hour in which it holds.
    pub(super) fn quarters(&self) -> impl Iterator<Item = (Minute, EnergyPrice)> + use<> {
        let Self { from, minutes, price } = *self;
        let start = from.epoch_minutes();
        (start..start + minutes).step_by(15).map(move |at| (Minute::nearest(at), price))
    }
}

/// The prices of a table, in the order of time.
#[derive(Debug)]
pub(super) struct Priced {
    pub(super) rows: Vec<Row>,
    /// How many rows have none.
    pub(super) without: usize,
    /// Whether the zone was needed.
    pub(super) are_local: bool,
}

/// Reads the prices. A time that the clock shows twice is the first of the two, unless that is not after the row
/// before it. A price holds until the next row's time.
///
/// # Errors
/// A time or a price that is none, with its line; times that do not ascend, or are not those of quarters of an hour.
pub(super) fn priced(
    table: &Table,
    columns: &Columns,
    unit: PriceUnit,
    zone: &TimeZone,
) -> anyhow::Result<Priced> {
    let (mut begun, mut are_local): (Vec<(Minute, Option<EnergyPrice>)>, _) = (Vec::new(), false);
    for (line, row) in in_order(table, columns) {
        let cell = |column: usize| row.get(column).map_or("", String::as_str);
        let price =
            unit.price(cell(columns.price)).transpose().map_err(|error| anyhow!("line {line}: {error}"))?;
        let written = written(cell(columns.time), columns.clock.map(cell));
        let at = match written {
            Some(When::At(at)) => at,
            Some(When::Local(local)) => {
                are_local = true;
                let before = begun.last().map(|(before, _)| before.timestamp());
                match instant(local, before, zone) {
                    Some(at) => at,
                    // Some files have a line for the hour that the clock leaves out.
                    None if price.is_none() => continue,
                    None => bail!("line {line}: the clock never shows {local} in this time zone"),
                }
            }
            Some(When::Date(_)) | None if price.is_none() => continue,
            Some(When::Date(_)) | None => bail!("line {line}: no time of day in \"{}\"", cell(columns.time)),
        };
        let minute = Minute::containing(at.as_second())?;
        if minute.epoch_minutes() % 15 != 0 || minute.timestamp() != at {
            bail!("line {line}: {at} is not the beginning of a quarter of an hour");
        }
        if begun.last().is_some_and(|(before, _)| *before >= minute) {
            bail!("line {line}: {at} is not after the line before it");
        }
        begun.push((minute, price));
    }
    lengths(&begun, are_local)
}

/// The rows from the earliest on: some files begin with the latest.
fn in_order<'table>(
    table: &'table Table,
    columns: &Columns,
) -> Box<dyn Iterator<Item = &'table (u64, Vec<String>)> + 'table> {
    let order = |when: When| match when {
        When::At(at) => TimeZone::UTC.to_datetime(at),
        When::Local(local) => local,
        When::Date(date) => date.to_datetime(Time::midnight()),
    };
    let cell = |row: &Vec<String>| {
        written(row.get(columns.time)?, columns.clock.and_then(|it| row.get(it)).map(String::as_str))
    };
    let mut times = table.rows.iter().filter_map(|(_, row)| cell(row)).map(order);
    let first = times.next();
    match first > times.next_back().or(first) {
        true => Box::new(table.rows.iter().rev()),
        false => Box::new(table.rows.iter()),
    }
}

/// What stands in the column of times, and in the one of times of day.
fn written(time: &str, time_of_day: Option<&str>) -> Option<When> {
    match (When::parse(time)?, time_of_day) {
        (When::Date(date), Some(text)) => clock(text).map(|time| When::Local(date.to_datetime(time))),
        (when, _) => Some(when),
    }
}

/// When a clock shows a time; `None` where it never does.
pub(crate) fn instant(local: DateTime, before: Option<Timestamp>, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { .. } => None,
        AmbiguousOffset::Fold { before: first, after: second } => {
            let first = first.to_timestamp(local).ok()?;
            match before.is_some_and(|before| first <= before) {
                true => second.to_timestamp(local).ok(),
                false => Some(first),
            }
        }
    }
}

/// A price holds until the next one, or as long as the one before where that is no usual length.
fn lengths(begun: &[(Minute, Option<EnergyPrice>)], are_local: bool) -> anyhow::Result<Priced> {
    let until = |at: usize| {
        let ((from, _), (next, _)) = (begun.get(at)?, begun.get(at + 1)?);
        Some(next.epoch_minutes() - from.epoch_minutes()).filter(|minutes| matches!(minutes, 15 | 30 | 60))
    };
    let Some(mut minutes) = (0..begun.len()).find_map(until) else {
        bail!("no two rows follow each other by 15, 30 or 60 minutes");
    };
    let mut rows = Vec::new();
    for (at, (from, price)) in begun.iter().enumerate() {
        minutes = until(at).unwrap_or(minutes);
        rows.extend(price.map(|price| Row { from: *from, minutes, price }));
    }
    let without = begun.len() - rows.len();
    Ok(Priced { rows, without, are_local })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Priced, String> {
        let table = Table::read(text.as_bytes()).unwrap();
        let columns = Columns::find(&table, None, None).unwrap();
        let (unit, zone) = ("EUR/MWh".parse().unwrap(), TimeZone::get("Europe/Berlin").unwrap());
        priced(&table, &columns, unit, &zone).map_err(|error| error.to_string())
    }

    fn shown(text: &str) -> Vec<String> {
        let row = |row: &Row| format!("{} {} {}", row.from, row.minutes, row.price.per_kwh());
        read(text).unwrap().rows.iter().map(row).collect()
    }

    #[test]
    fn the_hour_that_is_there_twice_is_two_hours() {
        // 25 hours, as exchanges write them.
        let hours = [0, 1, 2, 2, 3].map(|hour| format!("25.10.2026 {hour:02}:00;{hour}\n")).concat();
        assert_eq!(
            shown(&format!("Datum von;Preis\n{hours}")),
            [
                "2026-10-24T22:00:00Z 60 0",
                "2026-10-24T23:00:00Z 60 0.001",
                "2026-10-25T00:00:00Z 60 0.002",
                "2026-10-25T01:00:00Z 60 0.002",
                "2026-10-25T02:00:00Z 60 0.003",
            ]
        );
        // In quarters, the latest first.
        let quarters = ["02:45", "02:30", "02:15", "02:00", "02:45", "02:30", "02:15", "02:00"];
        let quarters = quarters.map(|time| format!("2026-10-25 {time},1\n")).concat();
        let quarters = format!("time,price\n2026-10-25 03:00,1\n{quarters}2026-10-25 01:45,1\n");
        let read = shown(&quarters);
        assert_eq!(
            (read.len(), &read[0][..], &read[9][..]),
            (10, "2026-10-24T23:45:00Z 15 0.001", "2026-10-25T02:00:00Z 15 0.001")
        );
    }

    #[test]
    fn hours_become_quarters_within_a_file_and_gaps_have_no_price() {
        let text = "Datum;Anfang;Preis\n30.09.2025;22:00;10\n30.09.2025;23:00;11\n01.10.2025;00:00;12\n\
                    01.10.2025;00:15;13\n01.10.2025;00:30;-\n01.10.2025;00:45;14\n02.10.2025;12:00;15\n";
        let expected = [
            "2025-09-30T20:00:00Z 60 0.01",
            "2025-09-30T21:00:00Z 60 0.011",
            "2025-09-30T22:00:00Z 15 0.012",
            "2025-09-30T22:15:00Z 15 0.013",
            "2025-09-30T22:45:00Z 15 0.014",
            "2025-10-02T10:00:00Z 15 0.015",
        ];
        assert_eq!(shown(text), expected);
        assert_eq!(read(text).unwrap().without, 1);
        let with_offset = "t,p\n2026-03-29T01:00:00+01:00,1\n2026-03-29T03:00:00+02:00,2\n";
        assert_eq!(shown(with_offset), ["2026-03-29T00:00:00Z 60 0.001", "2026-03-29T01:00:00Z 60 0.002"]);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_line() {
        for (rows, said) in [
            (
                "29.03.2026 01:00;1\n29.03.2026 02:00;1\n29.03.2026 03:00;1\n",
                "line 3: the clock never shows 2026-03-29T02:00:00",
            ),
            ("28.03.2026 01:05;1\n28.03.2026 02:05;1\n", "line 2: 2026-03-28T00:05:00Z is not the beginning"),
            (
                "28.03.2026 01:00;1\n28.03.2026 01:00;1\n28.03.2026 02:00;1\n",
                "line 3: 2026-03-28T00:00:00Z is not after",
            ),
            ("28.03.2026 01:00;1\n28.03.2026 03:00;1\n", "15, 30 or 60 minutes"),
            ("28.03.2026 01:00;1\nsoon;1\n28.03.2026 03:00;1\n", "line 3: no time of day"),
            ("28.03.2026 01:00;1\n28.03.2026 02:00;1e20\n", "line 3: a price of a kWh"),
        ] {
            let error = read(&format!("t;p\n{rows}")).unwrap_err();
            assert!(error.contains(said), "{rows}: {error}");
        }
        // A line without a price for the hour that the clock leaves out.
        let spring = "t;p\n29.03.2026 01:00;1\n29.03.2026 02:00;-\n29.03.2026 03:00;2\n";
        assert_eq!(shown(spring), ["2026-03-29T00:00:00Z 60 0.001", "2026-03-29T01:00:00Z 60 0.002"]);
    }
}
