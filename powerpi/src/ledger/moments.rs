//! Minutes as people write them, and as they are told.

use anyhow::{Context, bail};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use meter_messages::Minute;

/// What a span of minutes is given by.
#[derive(clap::Args)]
pub(super) struct Span {
    /// Its first minute: 2026-11-24T17:23, or 2026-11-24 for the day's first minute; by the clock of
    /// --time-zone, or with an offset as in 2026-11-24T17:23+01:00
    #[arg(value_name = "FROM")]
    from: String,
    /// The first minute after it, written like FROM
    #[arg(value_name = "TO")]
    to: String,
}

/// Whose clock it is by.
#[derive(clap::Args)]
pub(super) struct Clock {
    /// The zone of times without an offset, like Europe/Berlin [default: this machine's]
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<TimeZone>,
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such zone is known".to_owned())
}

impl Span {
    pub(super) fn new(from: &str, to: &str) -> Self {
        Self { from: from.to_owned(), to: to.to_owned() }
    }

    /// The minutes.
    pub(super) fn minutes(&self, clock: &Clock) -> anyhow::Result<std::ops::Range<Minute>> {
        let zone = clock.zone();
        Ok(minute(&self.from, &zone)?..minute(&self.to, &zone)?)
    }
}

impl Clock {
    pub(super) fn zone(&self) -> TimeZone {
        self.time_zone.clone().unwrap_or_else(TimeZone::system)
    }
}

fn minute(text: &str, zone: &TimeZone) -> anyhow::Result<Minute> {
    let at = instant(text, zone).with_context(|| format!("\"{}\"", text.escape_debug()))?;
    let whole = at.as_second().rem_euclid(Minute::SECONDS) == 0 && at.subsec_nanosecond() == 0;
    if !whole {
        bail!("\"{}\": minutes begin with second 0", text.escape_debug());
    }
    Ok(Minute::containing(at.as_second())?)
}

fn instant(text: &str, zone: &TimeZone) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    // A day begins at midnight or, where there is none, with its first minute.
    if let (10, Ok(date)) = (text.len(), text.parse::<Date>()) {
        return Ok(zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))?);
    }
    let Ok(local) = text.parse::<DateTime>() else {
        bail!("is not a time like 2026-11-24T17:23 or 2026-11-24")
    };
    let at = zone.to_ambiguous_timestamp(local).unambiguous().ok();
    at.context(
        "is there twice or not at all by that clock; write it with its offset, as in 2026-10-25T02:30+01:00",
    )
}

/// A minute by the clock of a zone, as it can be written again.
pub(super) fn told(at: Minute, zone: &TimeZone) -> String {
    at.timestamp().to_zoned_datetime(zone.clone()).strftime("%Y-%m-%dT%H:%M%:z").to_string()
}

/// The first minute of the day after the one that a minute is in.
pub(super) fn next_day(at: Minute, zone: &TimeZone) -> Minute {
    let day = at.timestamp().to_zoned_datetime(zone.clone()).date().saturating_add(1.day());
    let next = zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    Minute::nearest(next.map_or(i64::MAX, |next| next.as_second().div_euclid(Minute::SECONDS)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_read_by_a_clock_or_with_their_offset() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let read = |text: &str| minute(text, &zone).map(|minute| minute.to_string());
        for (text, at) in [
            ("2026-11-24T17:23", "2026-11-24T16:23:00Z"),
            ("2026-11-24 17:23", "2026-11-24T16:23:00Z"),
            ("2026-07-01", "2026-06-30T22:00:00Z"),
            ("2026-11-24T16:23Z", "2026-11-24T16:23:00Z"),
            ("2026-11-24T16:23:00Z", "2026-11-24T16:23:00Z"),
            ("2026-10-25T02:30+01:00", "2026-10-25T01:30:00Z"),
        ] {
            assert_eq!(read(text).unwrap(), at, "{text}");
            let at = minute(text, &zone).unwrap();
            assert_eq!(minute(&told(at, &zone), &zone).unwrap(), at, "{}", told(at, &zone));
        }
        for text in
            ["", "now", "17:23", "2026-13-01", "2026-11-24T17:23:01", "2026-03-29T02:30", "1999-01-01"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        let twice = format!("{:#}", minute("2026-10-25T02:30", &zone).unwrap_err());
        assert!(twice.contains("twice"), "{twice}");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let next = next_day("2026-10-25T10:00:00Z".parse().unwrap(), &berlin);
        assert_eq!(next.to_string(), "2026-10-25T23:00:00Z");
    }
}
