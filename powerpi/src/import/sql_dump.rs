//! Rows of a dump as `mysqldump` writes it: columns in the order of `CREATE TABLE`, or as the `INSERT` names them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;

use super::lines::Lines;

/// A row.
pub(super) struct Row<'row> {
    columns: &'row [String],
    values: &'row [Option<String>],
}

impl Row<'_> {
    /// What stands in a column.
    pub(super) fn text(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|known| known == column)?;
        self.values.get(at)?.as_deref()
    }

    /// The same as a number.
    pub(super) fn number(&self, column: &str) -> Option<f64> {
        self.text(column)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// A row has at most so many bytes, and columns.
const LONGEST: usize = 1 << 16;
const MOST_COLUMNS: usize = 100;

/// Calls `each` with the rows of some tables, in order.
pub(super) fn for_each_row(
    path: &Path,
    tables: &[&str],
    mut each: impl FnMut(&str, &Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut lines = Lines::open(path)?;
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut created, mut inserting): (Option<String>, Option<Inserting>) = (None, None);
    while let Some((number, line)) = lines.next_line()? {
        if let Some(into) = inserting.take() {
            inserting = into.go_on(line, number, &mut each)?;
            continue;
        }
        let start =
            String::from_utf8_lossy(line.get(..line.len().min(2000)).unwrap_or_default()).into_owned();
        let start = start.trim_start();
        if let Some(rest) = start.strip_prefix("CREATE TABLE ") {
            let name = quoted(rest).filter(|name| tables.contains(name));
            created = name.map(str::to_owned);
            name.map(|name| columns.insert(name.to_owned(), Vec::new()));
        } else if let (Some(table), true) = (&created, start.starts_with('`')) {
            let known = columns.entry(table.clone()).or_default();
            if known.len() < MOST_COLUMNS {
                known.extend(quoted(start).map(str::to_owned));
            }
        } else if start.starts_with(')') {
            created = None;
        } else if let Some(rest) =
            start.strip_prefix("INSERT INTO ").or(start.strip_prefix("INSERT IGNORE INTO "))
        {
            let Some(table) = quoted(rest).filter(|name| tables.contains(name)) else {
                // Rows of other tables may go on in further lines, which begin with a bracket.
                continue;
            };
            let into = Inserting::begin(table, rest, columns.get(table))?;
            let values = line.windows(6).position(|word| word.eq_ignore_ascii_case(b"VALUES"));
            let values = values.map_or(&[][..], |at| &line[at + 6..]);
            inserting = into.go_on(values, number, &mut each)?;
        }
    }
    Ok(())
}

/// The first name in backticks.
fn quoted(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

/// The rows of an `INSERT`.
struct Inserting {
    table: String,
    columns: Vec<String>,
    values: Vec<Option<String>>,
    value: Vec<u8>,
    state: State,
    was_quoted: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Row,
    Quoted,
    Escaped,
}

impl Inserting {
    fn begin(table: &str, rest: &str, known: Option<&Vec<String>>) -> anyhow::Result<Self> {
        let head = rest.to_ascii_uppercase().find("VALUES").map_or(rest, |at| &rest[..at]);
        let named: Vec<String> = head.split('`').skip(3).step_by(2).map(str::to_owned).collect();
        let columns = if named.is_empty() { known.cloned().unwrap_or_default() } else { named };
        if columns.is_empty() {
            bail!("the dump does not say which columns the table \"{table}\" has");
        }
        let (values, value) = (Vec::new(), Vec::new());
        Ok(Self { table: table.to_owned(), columns, values, value, state: State::Between, was_quoted: false })
    }

    /// Takes a line; returns itself unless the statement is over.
    fn go_on(
        mut self,
        line: &[u8],
        number: u64,
        each: &mut impl FnMut(&str, &Row<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Option<Self>> {
        for byte in line {
            if self.value.len() > LONGEST || self.values.len() > MOST_COLUMNS {
                bail!("line {number}: a row that is too long");
            }
            match (self.state, byte) {
                (State::Between, b'(') => self.state = State::Row,
                (State::Between, b';') => return Ok(None),
                (State::Between, _) => {}
                (State::Row, b'\'') => (self.state, self.was_quoted) = (State::Quoted, true),
                (State::Row, b',') => self.end_value(),
                (State::Row, b')') => {
                    self.end_value();
                    let Self { table, columns, values, .. } = &self;
                    each(table, &Row { columns, values })?;
                    self.values.clear();
                    self.state = State::Between;
                }
                (State::Row, byte) if byte.is_ascii_whitespace() => {}
                (State::Quoted, b'\\') => self.state = State::Escaped,
                (State::Quoted, b'\'') => self.state = State::Row,
                (State::Row | State::Quoted, byte) => self.value.push(*byte),
                (State::Escaped, byte) => {
                    self.value.push(*byte);
                    self.state = State::Quoted;
                }
            }
        }
        Ok(Some(self))
    }

    fn end_value(&mut self) {
        let text = String::from_utf8_lossy(&self.value).into_owned();
        self.value.clear();
        let is_null = !std::mem::take(&mut self.was_quoted) && text == "NULL";
        self.values.push((!is_null).then_some(text));
    }
}
