//! Files of emonCMS feeds: PHPFina (`N.meta` and `N.dat`: a number of four bytes at each step) and PHPTimeSeries
//! (`feed_N.MYD`: nine bytes a reading, a flag, the second and the number).

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, bail};

use super::amounts::{Meaning, Readings};
use super::series::{Series, Values, name_of};
use super::unit::Unit;

/// Reads a feed.
pub(super) fn read(path: &Path, unit: Unit) -> anyhow::Result<Series> {
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let meaning = if unit.is_rate() { Meaning::RateFrom } else { Meaning::Total };
    let (readings, engine) = match extension {
        "dat" | "meta" => (fina(path, meaning)?, "PHPFina"),
        "MYD" => (time_series(path, meaning)?, "PHPTimeSeries"),
        _ => bail!("{} is no feed: PHPFina has N.dat and N.meta, PHPTimeSeries feed_N.MYD", path.display()),
    };
    let source = format!("emonCMS {engine} {}", name_of(&path.with_extension("")));
    Ok(Series { source, unit, values: Values::Readings(readings, meaning) })
}

fn fina(path: &Path, meaning: Meaning) -> anyhow::Result<Readings> {
    let (meta, data) = (path.with_extension("meta"), path.with_extension("dat"));
    let head = std::fs::read(&meta).with_context(|| format!("reading {}", meta.display()))?;
    let word = |at: usize| Some(i64::from(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?)));
    let known = word(8).zip(word(12)).filter(|(step, start)| (1..=86_400 * 366).contains(step) && *start > 0);
    let (step, start) = known.with_context(|| format!("{} says no step and no start", meta.display()))?;
    let mut readings = Readings::default();
    let mut at = start;
    for_each(&data, 4, |bytes| {
        let value = float(bytes);
        let added = add(&mut readings, meaning, at, value);
        at += step;
        added
    })?;
    Ok(readings)
}

fn time_series(path: &Path, meaning: Meaning) -> anyhow::Result<Readings> {
    let mut readings = Readings::default();
    for_each(path, 9, |bytes| {
        let at = bytes[1..5].try_into().map_or(0, u32::from_le_bytes);
        add(&mut readings, meaning, at.into(), float(&bytes[5..]))
    })?;
    readings.sort();
    Ok(readings)
}

/// A total that is missing is known from the next one; of a rate nobody knows until then.
fn add(readings: &mut Readings, meaning: Meaning, at: i64, value: f64) -> anyhow::Result<()> {
    if value.is_nan() && meaning == Meaning::Total { Ok(()) } else { readings.add(at * 1000, value) }
}

fn float(bytes: &[u8]) -> f64 {
    let value = bytes.try_into().map_or(f32::NAN, f32::from_le_bytes);
    // By way of its digits: 12.3 is meant, not 12.300000190734863.
    if value.is_finite() { value.to_string().parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

fn for_each(
    path: &Path,
    length: usize,
    mut each: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let reading = || format!("reading {}", path.display());
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).with_context(reading)?);
    let mut bytes = vec![0; length];
    loop {
        match file.read_exact(&mut bytes) {
            Ok(()) => each(&bytes)?,
            // One that is being written may end in the midst of a number.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error).with_context(reading),
        }
    }
}
