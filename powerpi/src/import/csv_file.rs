//! CSV files of any program: which columns are times and values is guessed, and shown before anything else.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use foreign_text::foreign;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::amounts::{Meaning, Readings};
use super::lines::Lines;
use super::series::{Series, Values, name_of};
use super::unit::{Numbers, Unit};
use crate::prices::numbers::number;
use crate::prices::times::instant;
use crate::prices::when::{When, clock};

/// The lines by which columns are guessed.
const LOOKED_AT: usize = 200;

/// What is said of a file.
pub(super) struct Wanted<'a> {
    pub(super) time: Option<&'a str>,
    pub(super) value: Option<&'a str>,
    pub(super) unit: Option<Unit>,
    pub(super) meaning: Option<Numbers>,
    pub(super) times_end: bool,
    pub(super) zone: &'a TimeZone,
}

/// What was understood of its head.
struct Layout {
    separator: u8,
    has_names: bool,
    names: Vec<String>,
    time: usize,
    clock: Option<usize>,
    value: usize,
    is_ascending: bool,
    grows: bool,
}

/// Reads a column.
pub(super) fn read(path: &Path, wanted: &Wanted<'_>) -> anyhow::Result<Series> {
    let layout = Layout::find(path, wanted)?;
    let name = &layout.names[layout.value];
    let Some(unit) = wanted.unit.or_else(|| unit_in(name)) else {
        bail!("the column \"{name}\" does not say its unit; add --unit kWh, --unit W or another one");
    };
    let meaning = match (unit.is_rate(), wanted.meaning, wanted.times_end) {
        (true, _, true) => Meaning::RateSince,
        (true, _, false) => Meaning::RateFrom,
        (false, Some(Numbers::Totals), _) => Meaning::Total,
        (false, None, _) if layout.grows => Meaning::Total,
        (false, _, true) => Meaning::Since,
        (false, _, false) => Meaning::From,
    };
    let mut readings = layout.readings(path, wanted.zone)?;
    readings.sort();
    let how = match meaning {
        Meaning::Total => "totals",
        Meaning::Since | Meaning::RateSince => "each for the time before it",
        Meaning::From | Meaning::RateFrom => "each for the time after it",
    };
    println!("Times: column \"{}\"; values: column \"{name}\" in {unit}, {how}.", layout.names[layout.time]);
    let source = format!("CSV {} {name}", name_of(path));
    Ok(Series { source, unit, values: Values::Readings(readings, meaning) })
}

impl Layout {
    fn find(path: &Path, wanted: &Wanted<'_>) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        let mut lines = Lines::open(path)?;
        while head.len() < LOOKED_AT {
            let Some((_, line)) = lines.next_line()? else { break };
            let line = String::from_utf8_lossy(line).trim().to_owned();
            if !line.is_empty() && !line.starts_with('#') {
                head.push(line);
            }
        }
        let fields = |separator: &u8| head.iter().map(|line| split(line, *separator).len()).sum::<usize>();
        let most = b";\t,".iter().map(fields).max();
        let separator =
            b";\t,".iter().copied().find(|separator| Some(fields(separator)) == most).unwrap_or(b';');
        let rows: Vec<Vec<String>> = head.iter().map(|line| split(line, separator)).collect();
        let Some(first) = rows.first() else { bail!("there is nothing in {}", path.display()) };
        let has_names = !first.iter().any(|field| when(field).is_some());
        let names: Vec<String> = first
            .iter()
            .enumerate()
            .map(|(at, name)| match has_names && !name.is_empty() {
                true => foreign(name).to_string(),
                false => (at + 1).to_string(),
            })
            .collect();
        let rows = &rows[usize::from(has_names)..];
        let all = names.join("\", \"");
        let named = |name: &str| {
            let at = names.iter().position(|known| known == name);
            at.with_context(|| format!("no column is called \"{}\"; there are \"{all}\"", foreign(name)))
        };
        let mostly = |column: usize, is: &dyn Fn(&str) -> bool| {
            let fitting = rows.iter().filter(|row| row.get(column).is_some_and(|field| is(field))).count();
            2 * fitting > rows.len()
        };
        let is_time = |column: &usize| mostly(*column, &|text| when(text).is_some());
        let time = match wanted.time {
            Some(name) => named(name)?,
            None => (0..names.len()).find(is_time).with_context(|| {
                format!("no column looks like times; name it by --time-column (there are \"{all}\")")
            })?,
        };
        let is_value = |column: &usize| {
            *column != time && mostly(*column, &|text| number(text).is_some() && clock(text).is_none())
        };
        let values: Vec<usize> = (0..names.len()).filter(is_value).collect();
        let value = match wanted.value {
            Some(name) => named(name)?,
            None => *values
                .iter()
                .find(|at| unit_in(&names[**at]).is_some())
                .or(values.first())
                .with_context(|| {
                    format!("no column looks like values; name it by --value-column (there are \"{all}\")")
                })?,
        };
        let is_date = mostly(time, &|text| matches!(When::parse(text), Some(When::Date(_))));
        let clock = (0..names.len()).find(|at| is_date && mostly(*at, &|text| clock(text).is_some()));
        let of = |column: usize| rows.iter().filter_map(move |row| row.get(column));
        let numbers: Vec<f64> = of(value).filter_map(|text| number(text)).collect();
        let times: Vec<i64> = of(time).filter_map(|text| order(when(text)?)).collect();
        let is_ascending = times.first() <= times.last();
        let grows = numbers.len() > 2
            && numbers.windows(2).all(|two| if is_ascending { two[0] <= two[1] } else { two[0] >= two[1] })
            && numbers.first() != numbers.last();
        Ok(Self { separator, has_names, names, time, clock, value, is_ascending, grows })
    }

    fn readings(&self, path: &Path, zone: &TimeZone) -> anyhow::Result<Readings> {
        let (mut readings, mut lines, mut before) = (Readings::default(), Lines::open(path)?, None);
        let mut is_first = true;
        while let Some((at, line)) = lines.next_line()? {
            let line = String::from_utf8_lossy(line);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || (std::mem::take(&mut is_first) && self.has_names) {
                continue;
            }
            let row = split(line, self.separator);
            let field = |column: usize| row.get(column).map_or("", String::as_str);
            let Some(value) = number(field(self.value)) else { continue };
            let time = match (when(field(self.time)), self.clock) {
                (Some(Written::When(When::Date(date))), Some(of_day)) => {
                    clock(field(of_day)).map(|time| Written::When(When::Local(date.to_datetime(time))))
                }
                (time, _) => time,
            };
            let time =
                time.with_context(|| format!("line {at}: \"{}\" is no time", foreign(field(self.time))))?;
            let time = self.ms(time, &mut before, zone).map_err(|error| anyhow!("line {at}: {error}"))?;
            readings.add(time, value)?;
        }
        Ok(readings)
    }

    /// An hour that the clock shows twice is the first of the two, unless that is not after the line before it.
    fn ms(&self, written: Written, before: &mut Option<Timestamp>, zone: &TimeZone) -> anyhow::Result<i64> {
        let local = match written {
            Written::Ms(ms) => return Ok(ms),
            Written::When(When::At(at)) => return Ok(at.as_millisecond()),
            Written::When(When::Local(local)) => local,
            Written::When(When::Date(date)) => date.to_datetime(jiff::civil::Time::midnight()),
        };
        let at = if self.is_ascending {
            instant(local, *before, zone)
        } else {
            // From the newest on, the second of the two comes first.
            let ambiguous = zone.to_ambiguous_timestamp(local);
            let later = ambiguous.later().ok();
            later.filter(|later| before.is_none_or(|before| *later < before)).or(ambiguous.earlier().ok())
        };
        let at = at.with_context(|| format!("the clock never shows {local} in this time zone"))?;
        *before = Some(at);
        Ok(at.as_millisecond())
    }
}

/// A time, as a file has it.
#[derive(Clone, Copy)]
enum Written {
    Ms(i64),
    When(When),
}

fn when(text: &str) -> Option<Written> {
    if let Some(found) = When::parse(text) {
        return Some(Written::When(found));
    }
    // Seconds or ms since 1970, from 2001 on.
    match text.parse::<f64>().ok()? {
        s if (1e9..5e9).contains(&s) => Some(Written::Ms((s * 1000.0) as i64)),
        ms if (1e12..5e12).contains(&ms) => Some(Written::Ms(ms as i64)),
        _ => None,
    }
}

fn order(written: Written) -> Option<i64> {
    let of = |local: jiff::civil::DateTime| Some(TimeZone::UTC.to_timestamp(local).ok()?.as_millisecond());
    match written {
        Written::Ms(ms) => Some(ms),
        Written::When(When::At(at)) => Some(at.as_millisecond()),
        Written::When(When::Local(local)) => of(local),
        Written::When(When::Date(date)) => of(date.to_datetime(jiff::civil::Time::midnight())),
    }
}

/// `Verbrauch [kWh]`, `power_W`, `Leistung in kW`.
fn unit_in(name: &str) -> Option<Unit> {
    name.split(|letter: char| !letter.is_alphanumeric() && !"/³".contains(letter))
        .find_map(|word| word.parse().ok())
}

/// The fields of a line; those in quotes may have the separator in them.
fn split(line: &str, separator: u8) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            _ if letter == char::from(separator) && !is_quoted => fields.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    fields.push(field);
    fields.iter().map(|field| field.trim().to_owned()).collect()
}
