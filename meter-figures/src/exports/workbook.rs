//! Rows as a workbook for Excel, LibreOffice and the like. It is written row by row
//! into a temporary file: a year of minutes is never in memory.

use std::fs::File;
use std::io::{self, BufWriter, Seek};

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use rust_xlsxwriter::{DocProperties, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::rows::{Row, Rows};

/// Why there is no workbook.
#[derive(Debug, thiserror::Error)]
pub enum WorkbookError {
    /// It cannot be written.
    #[error("a workbook could not be written")]
    Xlsx(#[from] XlsxError),
    /// Its file cannot be used.
    #[error("a workbook's file could not be used")]
    File(#[from] io::Error),
}

/// The words of its headings, in one language.
#[derive(Debug, Clone, Copy)]
pub struct WorkbookWords<'a> {
    /// When a row begins.
    pub begin: &'a str,
    /// Minutes that were recorded.
    pub recorded: &'a str,
    /// Seconds that were watched.
    pub watched: &'a str,
    /// Pulses.
    pub pulses: &'a str,
    /// Energy or volume: also the sheet's name.
    pub quantity: &'a str,
    /// Mean power or flow.
    pub mean_rate: &'a str,
    /// What it costs.
    pub cost: &'a str,
    /// Of that, the base fee.
    pub base_fee: &'a str,
    /// What a kWh cost in the mean, where prices of the day are paid.
    pub price: &'a str,
    /// Energy of which no price is known.
    pub unpriced: &'a str,
}

/// A column: its heading, its width in digits and how its numbers are shown.
pub(super) type Column = (String, u16, Format);

/// How hard it is packed, of 9. A year of minutes takes a third less time than at the usual 6, for a
/// quarter more bytes: nobody gets the first of them before the last row is written.
pub(super) const PACKED: u8 = 3;

/// The first day of 1970, as workbooks count days.
const EPOCH: f64 = 25_569.0;

/// Writes rows into a file without a name, and goes back to its beginning. Blocks. `read` hands
/// over the next rows and what is left; its error ends the writing.
pub fn workbook<E: From<WorkbookError>>(
    mut rows: Rows,
    words: &WorkbookWords<'_>,
    mut read: impl FnMut(Rows) -> Result<(Option<Vec<Row>>, Rows), E>,
) -> Result<File, E> {
    let mut workbook = Workbook::new();
    workbook.set_zip_compression_level(PACKED);
    workbook.set_properties(&DocProperties::new().set_title(&rows.meter.name));
    let columns = columns(&rows, words);
    let sheet = workbook.add_worksheet_with_constant_memory().map_err(WorkbookError::from)?;
    head(sheet, &columns, words.quantity).map_err(WorkbookError::from)?;
    let mut line = 1;
    loop {
        let (piece, rest) = read(rows)?;
        rows = rest;
        let Some(piece) = piece else { break };
        for row in piece {
            write_row(sheet, line, figures(&row, &rows.zone), &columns).map_err(WorkbookError::from)?;
            line += 1;
        }
    }
    Ok(saved(workbook)?)
}

pub(super) fn saved(mut workbook: Workbook) -> Result<File, WorkbookError> {
    let mut file = tempfile::tempfile()?;
    workbook.save_to_writer(BufWriter::new(&file))?;
    file.rewind()?;
    Ok(file)
}

fn write_row(
    sheet: &mut Worksheet,
    line: u32,
    figures: [Option<f64>; 12],
    columns: &[Column],
) -> Result<(), XlsxError> {
    for ((column, figure), (_, _, format)) in (0..).zip(figures).zip(columns) {
        if let Some(figure) = figure {
            sheet.write_number_with_format(line, column, figure, format)?;
        }
    }
    Ok(())
}

fn columns(rows: &Rows, words: &WorkbookWords<'_>) -> Vec<Column> {
    let number = |format: &str| Format::new().set_num_format(format);
    let column = |name: &str, unit: &str, format: &str| (format!("{name} ({unit})"), 16, number(format));
    let zone = rows.zone.iana_name().unwrap_or("UTC");
    let time = |zone: &str| (format!("{} ({zone})", words.begin), 22, number("yyyy-mm-dd hh:mm"));
    let unit = rows.meter.medium.unit();
    let mut columns = vec![
        time(zone),
        time("UTC"),
        column(words.recorded, "min", "0"),
        column(words.watched, "s", "0"),
        (words.pulses.to_owned(), 10, number("0")),
        column(words.quantity, unit.symbol(), "0.000"),
        column(words.mean_rate, unit.of_rate(), "0"),
    ];
    if !rows.tariffs.is_empty() {
        let currency = rows.tariffs.currency();
        columns.push(column(words.cost, currency, "0.0000"));
        columns.push(column(words.base_fee, currency, "0.0000"));
        columns.push(column("CO₂", "g", "0"));
        if rows.tariffs.follow_day_prices() {
            columns.push(column(words.price, &format!("{currency}/kWh"), "0.0000"));
            columns.push(column(words.unpriced, "kWh", "0.000"));
        }
    }
    columns
}

pub(super) fn head(sheet: &mut Worksheet, columns: &[Column], name: &str) -> Result<(), XlsxError> {
    sheet.set_name(name)?.set_freeze_panes(1, 0)?;
    let bold = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top);
    for (column, (heading, width, _)) in (0..).zip(columns) {
        sheet.set_column_width(column, *width)?;
        sheet.write_string_with_format(0, column, heading, &bold)?;
    }
    Ok(())
}

/// A row's numbers; none for a cost that is not known.
fn figures(row: &Row, zone: &TimeZone) -> [Option<f64>; 12] {
    let at = row.start.timestamp();
    let days = |offset: Offset| workbook_days(at, offset);
    let sum = &row.sum;
    [
        Some(days(zone.to_offset(at))),
        Some(days(Offset::UTC)),
        Some(sum.minutes as f64),
        Some(sum.watched_s as f64),
        Some(sum.pulses as f64),
        sum.quantity(),
        sum.mean_rate(),
        row.cost.and_then(|cost| cost.known_total()),
        row.cost.map(|cost| cost.fee),
        row.cost.map(|cost| cost.co2_g),
        row.cost.and_then(|cost| cost.mean_price()),
        row.cost.map(|cost| cost.unpriced),
    ]
}

/// What a clock of that offset shows, as workbooks count time: in days.
pub(super) fn workbook_days(at: Timestamp, offset: Offset) -> f64 {
    (at.as_second() + i64::from(offset.seconds())) as f64 / 86_400.0 + EPOCH
}
