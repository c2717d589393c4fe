//! Volkszähler: a dump of its database by `mysqldump`, or what its middleware answers as CSV or JSON.

use std::path::Path;

use anyhow::{Context, bail};
use foreign_text::foreign;
use serde::Deserialize;

use super::amounts::{Meaning, Readings};
use super::lines::Lines;
use super::series::{Series, Values, name_of};
use super::sql_dump::{Row, for_each_row};
use super::unit::Unit;

/// Reads a channel. `unit` of what the middleware answers is W.
pub(super) fn read(path: &Path, channel: Option<&str>, unit: Option<Unit>) -> anyhow::Result<Series> {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "json" => answered(path, json(path)?, unit),
        "csv" | "txt" => answered(path, csv(path)?, unit),
        _ => dump(path, channel, unit),
    }
}

fn answered(path: &Path, mut readings: Readings, unit: Option<Unit>) -> anyhow::Result<Series> {
    let unit = unit.unwrap_or(Unit::Watt);
    let meaning = match unit {
        _ if unit.is_rate() => Meaning::RateSince,
        Unit::Pulses => Meaning::Since,
        _ => Meaning::Total,
    };
    readings.sort();
    let source = format!("Volkszähler {}", name_of(path));
    Ok(Series { source, unit, values: Values::Readings(readings, meaning) })
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    tuples: Vec<Tuple>,
}

/// When in ms since 1970, how much, and of how many readings.
type Tuple = (i64, f64, serde::de::IgnoredAny);

fn json(path: &Path) -> anyhow::Result<Readings> {
    let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let answer: Answer = serde_json::from_reader(std::io::BufReader::new(file))
        .with_context(|| format!("{} is no answer of one channel by the middleware", path.display()))?;
    let mut readings = Readings::default();
    answer.data.tuples.iter().try_for_each(|(at, value, _)| readings.add(*at, *value))?;
    Ok(readings)
}

fn csv(path: &Path) -> anyhow::Result<Readings> {
    let (mut readings, mut lines) = (Readings::default(), Lines::open(path)?);
    while let Some((number, line)) = lines.next_line()? {
        let line = String::from_utf8_lossy(line);
        let mut fields = line.trim().split([';', '\t', ',']);
        let Some(first) = fields.next().filter(|first| !first.is_empty() && !first.starts_with('#')) else {
            continue;
        };
        let pair = first.trim().parse().ok().zip(fields.next().and_then(|value| value.trim().parse().ok()));
        match pair {
            Some((at, value)) => readings.add(at, value)?,
            None if readings.len() == 0 => {}
            None => bail!("line {number} is not a time in ms and a number"),
        }
    }
    Ok(readings)
}

/// A channel of a dump.
#[derive(Debug, Clone, Default)]
struct Channel {
    id: i64,
    uuid: String,
    kind: String,
    title: String,
    resolution: Option<f64>,
}

fn dump(path: &Path, wanted: Option<&str>, unit: Option<Unit>) -> anyhow::Result<Series> {
    let channels = channels(path)?;
    let told =
        |it: &Channel| format!("{} (\"{}\", {})", foreign(&it.uuid), foreign(&it.title), foreign(&it.kind));
    let all = channels.iter().map(told).collect::<Vec<_>>().join("; ");
    let fits = |it: &&Channel| wanted.is_none_or(|name| it.uuid.starts_with(name) || it.title == name);
    let fitting: Vec<&Channel> = channels.iter().filter(fits).collect();
    let [channel] = fitting[..] else {
        bail!("say by --channel which one (the beginning of its UUID, or its title): {all}");
    };
    // A resolution is pulses per kWh, or what a total is to be divided by.
    let (meaning, of_kind) = match channel.kind.as_str() {
        "powersensor" => (Meaning::RateSince, Unit::Watt),
        "power" | "gas" | "water" => (Meaning::Since, Unit::Pulses),
        "electric meter" => (Meaning::Total, Unit::Kwh),
        "gas meter" | "water meter" => (Meaning::Total, Unit::CubicMetre),
        other => match unit {
            Some(unit) if unit.is_rate() => (Meaning::RateSince, unit),
            Some(Unit::Pulses) => (Meaning::Since, Unit::Pulses),
            Some(unit) => (Meaning::Total, unit),
            None => bail!(
                "a channel of the kind \"{}\" is not known; say by --unit what its numbers are",
                foreign(other)
            ),
        },
    };
    let unit = unit.unwrap_or(of_kind);
    let (divisor, unit) = match (meaning, channel.resolution) {
        (Meaning::Since, Some(resolution)) => {
            (resolution, if unit == Unit::Pulses { Unit::Kwh } else { unit })
        }
        (Meaning::Total, Some(resolution)) => (resolution, unit),
        _ => (1.0, unit),
    };
    let mut readings = Readings::default();
    for_each_row(path, &["data"], |_, row| {
        let (Some(id), Some(at), Some(value)) =
            (row.number("channel_id"), row.number("timestamp"), row.number("value"))
        else {
            return Ok(());
        };
        if id as i64 == channel.id { readings.add(at as i64, value / divisor) } else { Ok(()) }
    })?;
    readings.sort();
    let source = format!("Volkszähler {}", told(channel));
    Ok(Series { source, unit, values: Values::Readings(readings, meaning) })
}

fn channels(path: &Path) -> anyhow::Result<Vec<Channel>> {
    let mut channels: Vec<Channel> = Vec::new();
    let mut properties: Vec<(i64, String, String)> = Vec::new();
    for_each_row(path, &["entities", "properties"], |table, row: &Row<'_>| {
        let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
        if channels.len() + properties.len() > 100_000 {
            bail!("it has more channels than a household has");
        }
        match table {
            "entities" if !matches!(row.text("type"), Some("group" | "user")) => {
                let id = row.number("id").unwrap_or_default() as i64;
                channels.push(Channel { id, uuid: text("uuid"), kind: text("type"), ..Channel::default() });
            }
            "properties" if matches!(row.text("pkey"), Some("title" | "resolution")) => {
                properties.push((
                    row.number("entity_id").unwrap_or_default() as i64,
                    text("pkey"),
                    text("value"),
                ));
            }
            _ => {}
        }
        Ok(())
    })?;
    for (of, key, value) in properties {
        let Some(channel) = channels.iter_mut().find(|channel| channel.id == of) else { continue };
        match key.as_str() {
            "title" => channel.title = value,
            _ => channel.resolution = value.parse().ok().filter(|it: &f64| it.is_finite() && *it > 0.0),
        }
    }
    if channels.is_empty() {
        bail!("{} holds no channels: is it a dump of Volkszähler's whole database?", path.display());
    }
    Ok(channels)
}
