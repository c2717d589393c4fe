//! A CSV file as a table of text, whatever separates its columns. Pure.

use anyhow::bail;
use foreign_text::foreign;

/// What may separate columns.
const SEPARATORS: [u8; 3] = [b';', b'\t', b','];

/// The first lines, by which it is decided what separates columns.
const LOOKED_AT: usize = 50;

/// Rows of text; each with the number of its line.
pub(super) struct Table {
    /// The names of the columns, as they may be shown; of the place where there is none.
    pub(super) names: Vec<String>,
    /// What stands below them.
    pub(super) rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// A file without a line of names, or with nothing below it.
    pub(super) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // What stands in most columns; of the same, the first.
        let fields =
            |separator: &u8| rows(bytes, *separator).take(LOOKED_AT).map(|(_, row)| row.len()).sum::<usize>();
        let most = SEPARATORS.iter().map(fields).max();
        let separator = SEPARATORS.iter().find(|separator| Some(fields(separator)) == most).unwrap_or(&b';');
        let mut rows = rows(bytes, *separator);
        let Some((_, names)) = rows.next() else { bail!("there is nothing in the file") };
        let name = |(at, name): (usize, String)| match name.trim() {
            "" => format!("column {}", at + 1),
            name => foreign(name).to_string(),
        };
        let table = Self { names: names.into_iter().enumerate().map(name).collect(), rows: rows.collect() };
        if table.rows.is_empty() {
            bail!("the file has no rows below its line of column names");
        }
        Ok(table)
    }

    /// What stands in a column.
    pub(super) fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |(_, row)| row.get(column).map_or("", String::as_str))
    }
}

/// The lines that have something in them.
fn rows(bytes: &[u8], separator: u8) -> impl Iterator<Item = (u64, Vec<String>)> {
    let reader =
        csv::ReaderBuilder::new().delimiter(separator).has_headers(false).flexible(true).from_reader(bytes);
    // Reading from memory does not fail, and any bytes are a record.
    let records = reader.into_byte_records().map_while(Result::ok);
    let row = |record: csv::ByteRecord| {
        let line = record.position().map_or(0, csv::Position::line);
        (line, record.iter().map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect())
    };
    records.map(row).filter(|(_, row): &(u64, Vec<String>)| row.iter().any(|field| !field.is_empty()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_whatever_separates_them() {
        for text in ["\u{feff}a;b, c\n1;2,5\n\n", "a\tb, c\n1\t2,5\r\n", "a,\"b, c\"\n1,\"2,5\"\n"] {
            let table = Table::read(text.as_bytes()).unwrap();
            assert_eq!(table.names, ["a", "b, c"], "{text}");
            assert_eq!(table.rows, [(2, vec!["1".to_owned(), "2,5".to_owned()])], "{text}");
        }
        assert!(Table::read(b"").is_err() && Table::read(b"time;price\n").is_err());
        // Any bytes are read.
        assert_eq!(Table::read(b"Zeit;Preis \xe4\n1;2").unwrap().names[1], "Preis \u{fffd}");
    }
}
