//! Any rows of numbers, each of a time, as a workbook.

use std::fs::File;

use jiff::tz::{Offset, TimeZone};
use meter_messages::Minute;
use rust_xlsxwriter::{DocProperties, Format, Workbook};

use super::workbook::{Column, PACKED, WorkbookError, head, saved, workbook_days};

/// What a table is called, and its columns beside the time.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// Its title, and the name of its sheet.
    pub title: &'a str,
    /// The heading of the time.
    pub begin: &'a str,
    /// Headings, and how their numbers are shown.
    pub columns: Vec<(String, &'static str)>,
}

/// Writes rows into a file without a name, and goes back to its beginning. Blocks.
pub fn table(
    table: &Table<'_>,
    rows: &[(Minute, Vec<Option<f64>>)],
    zone: &TimeZone,
) -> Result<File, WorkbookError> {
    let mut workbook = Workbook::new();
    workbook.set_zip_compression_level(PACKED);
    workbook.set_properties(&DocProperties::new().set_title(table.title));
    let time = |zone: &str| -> Column {
        (format!("{} ({zone})", table.begin), 22, Format::new().set_num_format("yyyy-mm-dd hh:mm"))
    };
    let mut columns = vec![time(zone.iana_name().unwrap_or("UTC")), time("UTC")];
    let number = |(heading, format): &(String, &str)| -> Column {
        (heading.clone(), 16, Format::new().set_num_format(*format))
    };
    columns.extend(table.columns.iter().map(number));
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    head(sheet, &columns, table.title)?;
    for (line, (start, values)) in (1..).zip(rows) {
        let at = start.timestamp();
        let times = [zone.to_offset(at), Offset::UTC].map(|offset| Some(workbook_days(at, offset)));
        let values = times.into_iter().chain(values.iter().copied());
        for ((column, value), (_, _, format)) in (0..).zip(values).zip(&columns) {
            if let Some(value) = value {
                sheet.write_number_with_format(line, column, value, format)?;
            }
        }
    }
    saved(workbook)
}
