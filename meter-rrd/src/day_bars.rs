//! The energy of local days, in a form that librrd can draw as bars.
//!
//! librrd can only add up days of UTC. So the sums of local days (of 23, 24 or
//! 25 hours) are made here and written to a scratch file of half hours, in which
//! each day is one long flat piece.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use meter_messages::Minute;
use rrd::ConsolidationFn;
use rrd::ops::create::{Archive, DataSource, DataSourceName, create};
use rrd::ops::update::{BatchTime, Datum, Options, update_all};

use crate::database::MeterDatabase;
use crate::error::DatabaseError;

/// The scratch file's step in seconds: finer than a pixel of a month.
pub(crate) const STEP_S: u32 = 1800;

/// The scratch file's data sources.
pub(crate) const COMPLETE: &str = "day";
pub(crate) const UNFINISHED: &str = "today";
pub(crate) const TREND: &str = "trend";
/// Has a value wherever nothing is missing.
pub(crate) const WATCHED: &str = "watched";

/// How many days the trend looks back.
const TREND_DAYS: u16 = 14;

/// The energy of one local day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DayBar {
    /// Its start and end as Unix time.
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) date: Date,
    /// Pulses by the current constant; `None` if no minute of it was recorded.
    pub(crate) pulses: Option<f64>,
    /// The mean of the typical ones among the last 14 days with it; `None`
    /// where these are fewer than half.
    trend: Option<f64>,
    /// Whether nearly all of it was recorded, so that it counts for the trend.
    typical: bool,
}

/// The last `days` local days up to the one in which `now` lies. `worth` tells how
/// many pulses of the current constant one of a minute is worth.
pub(crate) fn day_bars(
    database: &MeterDatabase,
    zone: &TimeZone,
    days: u16,
    now: Minute,
    worth: impl Fn(Minute) -> f64,
) -> Result<Vec<DayBar>, DatabaseError> {
    let mut bars = empty_days(zone, days + TREND_DAYS - 1, now);
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Ok(bars) };
    let minutes = database.fetch(minute_at(first.start)..minute_at(last.end))?;
    let mut minutes = minutes.iter().peekable();
    for bar in &mut bars {
        let mut recorded = 0;
        while let Some((minute, pulses)) = minutes.next_if(|(minute, _)| minute.start() < bar.end) {
            bar.pulses = Some(bar.pulses.unwrap_or_default() + pulses * worth(*minute));
            recorded += Minute::SECONDS;
        }
        bar.typical = recorded * 10 >= (bar.end - bar.start) * 9;
    }
    let trends: Vec<_> = bars.windows(TREND_DAYS.into()).map(trend).collect();
    let mut bars = bars.split_off(bars.len().saturating_sub(trends.len()));
    bars.iter_mut().zip(trends).for_each(|(bar, trend)| bar.trend = trend);
    Ok(bars)
}

/// How many local days lie between two midnights.
pub(crate) fn local_days(start: Minute, end: Minute, zone: &TimeZone) -> u16 {
    let date = |at: Minute| at.timestamp().to_zoned_datetime(zone.clone()).date();
    let days = date(start).until(date(end)).map_or(1, |span| span.get_days());
    u16::try_from(days).unwrap_or(1).clamp(1, 366)
}

fn trend(window: &[DayBar]) -> Option<f64> {
    let typical: Vec<f64> = window.iter().filter(|bar| bar.typical).filter_map(|bar| bar.pulses).collect();
    let enough = typical.len() * 2 >= window.len();
    enough.then(|| typical.iter().sum::<f64>() / typical.len() as f64)
}

fn empty_days(zone: &TimeZone, days: u16, now: Minute) -> Vec<DayBar> {
    let today = now.timestamp().to_zoned_datetime(zone.clone()).date();
    let midnight = |date: Date| zone.to_timestamp(date.at(0, 0, 0, 0)).map(Timestamp::as_second).ok();
    (0..i64::from(days))
        .rev()
        .filter_map(|ago| {
            let date = today.checked_sub(ago.days()).ok()?;
            let (start, end) = (midnight(date)?, midnight(date.tomorrow().ok()?)?);
            Some(DayBar { start, end, date, pulses: None, trend: None, typical: false })
        })
        .collect()
}

fn minute_at(unix_seconds: i64) -> Minute {
    Minute::nearest(unix_seconds.div_euclid(Minute::SECONDS))
}

/// Writes the scratch file. `space` is how much of a day's width stays free, in
/// percent; a day that ends after `now` is the current one.
pub(crate) fn write(path: &Path, bars: &[DayBar], space: i64, now: Minute) -> Result<(), DatabaseError> {
    let Some(first) = bars.first() else { return Ok(()) };
    create_file(path, first.start, bars.len())?;
    // Nothing is missing before a meter's first day.
    let begun = bars.iter().position(|bar| bar.pulses.is_some()).unwrap_or(bars.len());
    let mut samples = Vec::new();
    for (index, bar) in bars.iter().enumerate() {
        let over = bar.end <= now.start();
        let watched = bar.pulses.is_some() || index < begun || !over;
        let edge = bar.end - (bar.end - bar.start) * space / 100;
        samples.push((stamp(edge), sample(bar, over, watched)));
        if edge < bar.end {
            let between = DayBar { pulses: None, ..*bar };
            samples.push((stamp(bar.end), sample(&between, over, watched)));
        }
    }
    update_all(path, Options::default(), samples).map_err(DatabaseError::librrd(path))
}

/// The data sources' values. The trend has none for the current day.
fn sample(bar: &DayBar, over: bool, watched: bool) -> [Datum; 4] {
    let values = [
        bar.pulses.filter(|_| over),
        bar.pulses.filter(|_| !over),
        bar.trend.filter(|_| over),
        watched.then_some(1.0),
    ];
    values.map(|value| value.map_or(Datum::Unspecified, Datum::Float))
}

fn create_file(path: &Path, start: i64, days: usize) -> Result<(), DatabaseError> {
    // Longer than any day: each sample covers all the time since the previous one.
    let heartbeat = 2 * 86_400;
    let sources = [COMPLETE, UNFINISHED, TREND, WATCHED]
        .map(|name| DataSourceName::new(name).map(|name| DataSource::gauge(&name, heartbeat, None, None)));
    let sources =
        sources.into_iter().collect::<Result<Vec<_>, _>>().map_err(DatabaseError::argument(path))?;
    let rows = (days as u32 + 2) * (86_400 / STEP_S);
    let archive = Archive::new(ConsolidationFn::Avg, 0.5, 1, rows).map_err(DatabaseError::argument(path))?;
    let start = UNIX_EPOCH + Duration::from_secs(start.max(0) as u64);
    let step = Duration::from_secs(STEP_S.into());
    create(path, start, step, false, None, &[], &sources, [&archive]).map_err(DatabaseError::librrd(path))
}

fn stamp(seconds: i64) -> BatchTime {
    (UNIX_EPOCH + Duration::from_secs(seconds.max(0) as u64)).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Meter;
    use tempfile::TempDir;

    use super::*;

    /// A pulse a minute from `first` up to `end`.
    fn database(dir: &TempDir, first: &str, end: &str) -> (MeterDatabase, Minute) {
        let meter: Meter = "hq/main".parse().unwrap();
        let (first, end): (Minute, Minute) = (first.parse().unwrap(), end.parse().unwrap());
        let minutes = (first.epoch_minutes()..end.epoch_minutes()).map(Minute::nearest);
        (MeterDatabase::rebuild(dir.path(), &meter, first, minutes.map(|at| (at, 1))).unwrap(), end)
    }

    fn pulses(first: &str, end: &str, days: u16) -> Vec<Option<f64>> {
        let dir = TempDir::new().unwrap();
        let (database, now) = database(&dir, first, end);
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let bars = day_bars(&database, &zone, days, now, |_| 1.0).unwrap();
        bars.iter().map(|bar| bar.pulses).collect()
    }

    #[test]
    fn days_are_local_with_23_and_25_hours() {
        let spring = pulses("2026-03-27T23:00:00Z", "2026-03-30T06:00:00Z", 4);
        assert_eq!(spring, [None, Some(24.0 * 60.0), Some(23.0 * 60.0), Some(8.0 * 60.0)]);
        let autumn = pulses("2026-10-23T22:00:00Z", "2026-10-26T00:30:00Z", 3);
        assert_eq!(autumn, [Some(24.0 * 60.0), Some(25.0 * 60.0), Some(90.0)]);
    }

    #[test]
    fn the_trend_wants_a_week_of_whole_days() {
        let dir = TempDir::new().unwrap();
        let (database, now) = database(&dir, "2026-06-01T22:00:00Z", "2026-06-12T10:00:00Z");
        let bars = day_bars(&database, &TimeZone::get("Europe/Berlin").unwrap(), 12, now, |_| 1.0).unwrap();
        let known: Vec<_> = bars.iter().map(|bar| (bar.date.day(), bar.trend)).collect();
        for (day, trend) in known {
            let expected = if day >= 8 { Some(1440.0) } else { None };
            assert_eq!(trend, expected, "{day} June");
        }
    }

    #[test]
    fn a_file_of_days_is_as_librrd_reads_it() {
        let dir = TempDir::new().unwrap();
        let (database, now) = database(&dir, "2026-06-01T22:00:00Z", "2026-06-04T10:00:00Z");
        let bars = day_bars(&database, &TimeZone::get("Europe/Berlin").unwrap(), 4, now, |_| 1.0).unwrap();
        let path = dir.path().join("days.rrd");
        write(&path, &bars, 0, now).unwrap();
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds as u64);
        let (start, end) = (at(bars[0].start), at(bars[3].end));
        let step = Duration::from_secs(STEP_S.into());
        let read = rrd::ops::fetch::fetch(&path, ConsolidationFn::Avg, start, end, step).unwrap();
        let known = |source: usize| {
            read.rows().iter().filter(|row| !row[source].is_nan()).map(|row| row[source]).collect::<Vec<_>>()
        };
        assert_eq!(known(0), [1440.0; 2 * 48], "two days are over");
        assert_eq!(known(1), [720.0; 48], "one is not");
    }
}
