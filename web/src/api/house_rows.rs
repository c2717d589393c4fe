//! Rows of all meters of a medium, as files.

use std::fmt::Write;
use std::fs::File;

use hyper::{StatusCode, header};
use jiff::tz::TimeZone;
use meter_figures::{Step, Table, WorkbookError, table, with_offset};
use meter_ledger::Sum;
use meter_messages::{Medium, Minute, Unit};
use serde_json::{Map, Value, json};
use web_http::reply::{self, Reply};

use crate::ledger::house::{HouseFigures, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::texts::Texts;

/// How many meters have columns of their own.
const MOST_METERS: usize = 50;

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
enum Column {
    ComesIn,
    Made,
    GoesOut,
    OwnUse,
    Used,
    NotMeasured,
    /// The hours of which these three are reckoned.
    Hours,
    Cost,
    Earned,
    Saved,
    /// Of one meter, by its place.
    Meter(usize),
}

/// Rows that are read one by one.
#[derive(Debug)]
pub(crate) struct HouseRows {
    medium: Medium,
    currency: String,
    /// Each with its name for programs.
    columns: Vec<(Column, String)>,
    rows: Vec<(Minute, Vec<Option<f64>>)>,
}

impl HouseRows {
    /// No rows yet, but all columns that the medium has.
    pub(crate) fn new(house: &RecordedHouse, medium: Medium, site: &LedgerReader) -> Self {
        let unit = match medium.unit() {
            Unit::KilowattHour => "kwh",
            Unit::CubicMetre => "m3",
        };
        let named = |column, name: &str| (column, format!("{name}_{unit}"));
        let mut columns = vec![
            named(Column::ComesIn, "comes_in"),
            named(Column::Made, "made"),
            named(Column::GoesOut, "goes_out"),
        ];
        if house.is_whole {
            columns.push(named(Column::OwnUse, "own_use"));
            columns.push(named(Column::Used, "used"));
            columns.push(named(Column::NotMeasured, "not_measured"));
            columns.push((Column::Hours, "hours".to_owned()));
        }
        if house.is_priced(medium) {
            columns.push((Column::Cost, "cost".to_owned()));
        }
        if house.is_paid(medium) {
            columns.push((Column::Earned, "earned".to_owned()));
        }
        if house.can_save(medium) {
            columns.push((Column::Saved, "saved".to_owned()));
        }
        let meters = house.house.meters().iter().enumerate().filter(|(_, known)| known.medium == medium);
        let meters = meters.take(MOST_METERS);
        columns.extend(meters.map(|(place, known)| (Column::Meter(place), known.meter.to_string())));
        Self { medium, currency: site.currency().to_owned(), columns, rows: Vec::new() }
    }

    /// Adds a row; none where nobody watched, which is not the same as zero.
    pub(crate) fn add(&mut self, figures: &HouseFigures, house: &RecordedHouse) {
        let is_known = figures.sums.of_meters.iter().zip(house.house.meters());
        let mut is_known = is_known.filter(|(_, known)| known.medium == self.medium).map(|(sum, _)| sum);
        if is_known.any(Sum::is_known) {
            let values = self.columns.iter().map(|(column, _)| self.value(*column, figures, house)).collect();
            self.rows.push((figures.span.start, values));
        }
    }

    fn value(&self, column: Column, figures: &HouseFigures, house: &RecordedHouse) -> Option<f64> {
        let sums = &figures.sums;
        let of = sums.media.iter().find(|of| of.medium == self.medium)?;
        let reckoned = [of.not_measured(), of.house_use(), of.own_use()];
        match column {
            Column::ComesIn => sums.comes_in(of).quantity,
            Column::Made => sums.made(of).quantity,
            Column::GoesOut => sums.goes_out(of).quantity,
            Column::OwnUse => of.own_use().map(|it| it.quantity),
            Column::Used => of.house_use().map(|it| it.quantity),
            Column::NotMeasured => of.not_measured().map(|it| it.quantity),
            Column::Hours => reckoned.into_iter().flatten().map(|it| it.minutes as f64 / 60.0).next(),
            Column::Cost => figures.cost(self.medium, &house.house),
            Column::Earned => figures.earned(self.medium, &house.house),
            Column::Saved => figures.saved(self.medium).map(|saved| saved.amount),
            Column::Meter(place) => sums.of_meters.get(place)?.quantity(),
        }
    }

    /// The rows as CSV to be kept as a file.
    pub(crate) fn csv(&self, file: &str, zone: &TimeZone) -> Reply {
        let mut text = "start,local".to_owned();
        for (_, name) in &self.columns {
            text.push(',');
            text.push_str(name);
        }
        text.push_str("\r\n");
        for (start, values) in &self.rows {
            // Writing into memory does not fail.
            let _ = write!(text, "{start},{}", with_offset(start.timestamp(), zone));
            for value in values {
                let _ = match value {
                    Some(value) => write!(text, ",{}", thousandths(*value)),
                    None => write!(text, ","),
                };
            }
            text.push_str("\r\n");
        }
        let mut reply = reply::reply(StatusCode::OK, text);
        reply::set(&mut reply, header::CONTENT_TYPE, "text/csv; charset=utf-8");
        reply::set(&mut reply, header::CACHE_CONTROL, "no-cache");
        reply::attach(&mut reply, &format!("{file}.csv"));
        reply
    }

    /// The rows as one object.
    pub(crate) fn json(&self, step: Step, zone: &TimeZone) -> Reply {
        let row = |(start, values): &(Minute, Vec<Option<f64>>)| {
            let mut row = Map::new();
            row.insert("start".into(), start.to_string().into());
            row.insert("local".into(), with_offset(start.timestamp(), zone).to_string().into());
            for ((_, name), value) in self.columns.iter().zip(values) {
                row.insert(name.clone(), value.map_or(Value::Null, |value| thousandths(value).into()));
            }
            Value::Object(row)
        };
        let said = json!({
            "medium": self.medium,
            "unit": self.medium.unit(),
            "step": step.name(),
            "time_zone": zone.iana_name(),
            "currency": self.currency,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        });
        reply::json(StatusCode::OK, &said)
    }

    /// The rows as a workbook, in words of a language. Blocks.
    pub(crate) fn workbook(
        &self,
        house: &RecordedHouse,
        texts: &Texts,
        zone: &TimeZone,
    ) -> Result<File, WorkbookError> {
        let (words, unit) = (texts.house, self.medium.unit().symbol());
        let heading = |(column, _): &(Column, String)| {
            let of_unit = |name: &str| (format!("{name} ({unit})"), "0.000");
            match column {
                Column::ComesIn => of_unit(words.comes_in(self.medium)),
                Column::Made => of_unit(words.made),
                Column::GoesOut => of_unit(words.goes_out(self.medium)),
                Column::OwnUse => of_unit(words.own_use),
                Column::Used => of_unit(words.used),
                Column::NotMeasured => of_unit(words.not_measured),
                Column::Hours => (format!("{} (h)", words.hours), "0"),
                Column::Cost => (format!("{} ({})", texts.cost, self.currency), "0.00"),
                Column::Earned => (format!("{} ({})", words.earned, self.currency), "0.00"),
                Column::Saved => (format!("{} ({})", words.saved, self.currency), "0.00"),
                Column::Meter(place) => {
                    of_unit(house.house.meters().get(*place).map_or("", |known| known.name.as_str()))
                }
            }
        };
        let columns = self.columns.iter().map(heading).collect();
        let title = format!("{} {}", words.title, words.medium(self.medium));
        table(&Table { title: &title, begin: texts.begin, columns }, &self.rows, zone)
    }
}

/// To a thousandth, as pages show it.
fn thousandths(value: f64) -> f64 {
    // A small negative one is not rounded to -0.
    (value * 1000.0).round() / 1000.0 + 0.0
}
