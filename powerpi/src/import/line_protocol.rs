//! InfluxDB's line protocol, as `influx_inspect export -lponly` and vzlogger write it:
//! `measurement,tag=value field=1.5,other=2i 1465839830100400200`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use foreign_text::foreign;

use super::amounts::{Meaning, Readings};
use super::lines::Lines;
use super::series::{Series, Values, name_of};
use super::unit::Unit;

/// So many series are named if more than one fits.
const NAMED: usize = 20;

/// What is read of a file.
pub(super) struct Wanted<'a> {
    pub(super) measurement: Option<&'a str>,
    pub(super) field: Option<&'a str>,
    pub(super) tags: &'a [String],
}

/// Reads one series.
pub(super) fn read(path: &Path, wanted: &Wanted<'_>, unit: Unit, is_total: bool) -> anyhow::Result<Series> {
    let meaning = match (unit.is_rate(), is_total) {
        (true, _) => Meaning::RateFrom,
        (false, true) => Meaning::Total,
        (false, false) => Meaning::Since,
    };
    let (mut readings, mut series) = (Readings::default(), BTreeSet::new());
    let mut lines = Lines::open(path)?;
    while let Some((number, line)) = lines.next_line()? {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("CREATE ") {
            continue;
        }
        let parsed = Point::parse(line).with_context(|| format!("line {number} is no line protocol"))?;
        for (field, value) in parsed.fields() {
            if !wanted.fits(&parsed, field) {
                continue;
            }
            let Some(value) = number_of(value) else { continue };
            let name = format!("{} {field}", parsed.key);
            if !series.contains(&name) && series.len() < NAMED {
                series.insert(name);
            }
            if series.len() == 1 {
                readings.add(ms(parsed.time), value)?;
            }
        }
    }
    let names = || series.iter().map(|name| foreign(name).to_string()).collect::<Vec<_>>().join("; ");
    match series.len() {
        0 => bail!("no number in the file fits; look at --measurement, --field and --tag"),
        1 => {}
        _ => bail!("more than one series fits; say which by --measurement, --field or --tag: {}", names()),
    }
    readings.sort();
    let source = format!("line protocol {} {}", name_of(path), names());
    Ok(Series { source, unit, values: Values::Readings(readings, meaning) })
}

impl Wanted<'_> {
    fn fits(&self, point: &Point<'_>, field: &str) -> bool {
        let (measurement, tags) = point.key.split_once(',').unwrap_or((point.key, ""));
        self.measurement.is_none_or(|wanted| wanted == measurement)
            && self.field.is_none_or(|wanted| wanted == field)
            && self.tags.iter().all(|wanted| tags.split(',').any(|tag| tag == wanted))
    }
}

/// A line.
struct Point<'line> {
    key: &'line str,
    fields: &'line str,
    time: i64,
}

impl<'line> Point<'line> {
    fn parse(line: &'line str) -> Option<Self> {
        let (key, rest) = split_at_plain(line, ' ')?;
        let (fields, time) = split_at_plain(rest.trim_start(), ' ')?;
        Some(Self { key, fields, time: time.trim().parse().ok()? })
    }

    fn fields(&self) -> impl Iterator<Item = (&'line str, &'line str)> {
        let mut rest = Some(self.fields);
        std::iter::from_fn(move || {
            let (field, others) = match split_at_plain(rest?, ',') {
                Some((field, others)) => (field, Some(others)),
                None => (rest?, None),
            };
            rest = others;
            Some(split_at_plain(field, '=').unwrap_or((field, "")))
        })
    }
}

/// At the first such letter that stands neither behind a backslash nor in quotes.
fn split_at_plain(text: &str, letter: char) -> Option<(&str, &str)> {
    let (mut is_escaped, mut is_quoted) = (false, false);
    let at = text.char_indices().find(|(_, it)| {
        let is_plain = !is_escaped && !is_quoted && *it == letter;
        if *it == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = *it == '\\' && !is_escaped;
        is_plain
    });
    at.map(|(at, _)| (&text[..at], &text[at + letter.len_utf8()..]))
}

/// `1.5`, `2i`, `3u`; texts and truths are no numbers.
fn number_of(value: &str) -> Option<f64> {
    value.trim_end_matches(['i', 'u']).parse().ok().filter(|number: &f64| number.is_finite())
}

/// From s, ms, µs or ns since 1970: what is a year from 2001 to 2286.
fn ms(time: i64) -> i64 {
    match time.unsigned_abs() {
        0..10_000_000_000 => time * 1000,
        10_000_000_000..10_000_000_000_000 => time,
        10_000_000_000_000..10_000_000_000_000_000 => time / 1000,
        _ => time / 1_000_000,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_written() {
        let line = r#"vz\ logger,uuid=ab\,c,title=x\ y note="a, b=c 1",value=12.5,n=3i 1465839830100400200"#;
        let point = Point::parse(line).unwrap();
        assert_eq!((point.key, point.time), (r"vz\ logger,uuid=ab\,c,title=x\ y", 1_465_839_830_100_400_200));
        let fields: Vec<_> = point.fields().collect();
        assert_eq!(fields, [("note", "\"a, b=c 1\""), ("value", "12.5"), ("n", "3i")]);
        assert_eq!(
            (number_of("3i"), number_of("12.5"), number_of("true"), number_of("\"a\"")),
            (Some(3.0), Some(12.5), None, None)
        );
        for time in [1_465_839_830, 1_465_839_830_000, 1_465_839_830_000_000, 1_465_839_830_000_000_000] {
            assert_eq!(ms(time), 1_465_839_830_000);
        }
        for broken in ["", "a", "a b", "a b=1", "a b=1 soon"] {
            assert!(Point::parse(broken).is_none(), "{broken}");
        }
    }
}
