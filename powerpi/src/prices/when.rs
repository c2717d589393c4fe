//! Times as files have them. Pure.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;

/// How dates are written; times stand behind them.
const DATES: [&str; 4] = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d"];
const TIMES: [&str; 2] = ["%H:%M:%S", "%H:%M"];

/// A time as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// With its offset from UTC.
    At(Timestamp),
    /// What a clock shows.
    Local(DateTime),
    /// Without the time of day.
    Date(Date),
}

impl When {
    /// Reads a time; of two, as in `01.01.2026 00:00 - 01.01.2026 01:00`, the first.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.split(" - ").next().unwrap_or(text).trim();
        if let Ok(at) = text.parse() {
            return Some(Self::At(at));
        }
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (date, Some(time.trim())),
            None => (text, None),
        };
        let date = DATES.iter().find_map(|format| Date::strptime(format, date).ok())?;
        match time {
            Some(time) => clock(time).map(|time| Self::Local(date.to_datetime(time))),
            None => Some(Self::Date(date)),
        }
    }
}

/// Reads a time of day; of two, as in `00:00-01:00`, the first.
pub(crate) fn clock(text: &str) -> Option<Time> {
    let text = text.split('-').next().unwrap_or(text).trim();
    TIMES.iter().find_map(|format| strtime::parse(format, text).ok()?.to_time().ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_files_have_them() {
        let local = |text: &str| Some(When::Local(text.parse().unwrap()));
        for (text, expected) in [
            ("2026-01-31T12:15:00Z", Some(When::At("2026-01-31T12:15:00Z".parse().unwrap()))),
            ("2026-01-31 12:15", local("2026-01-31T12:15")),
            ("31.01.2026 12:15:00", local("2026-01-31T12:15")),
            ("31.01.2026 12:15 - 31.01.2026 12:30", local("2026-01-31T12:15")),
            ("31/01/2026 12:15", local("2026-01-31T12:15")),
            ("31.01.2026", Some(When::Date("2026-01-31".parse().unwrap()))),
            ("31.13.2026 12:15", None),
            ("31.01.2026 noon", None),
            ("12.5", None),
            ("", None),
        ] {
            assert_eq!(When::parse(text), expected, "{text}");
        }
        assert_eq!(clock("00:15-00:30"), Some(Time::constant(0, 15, 0, 0)));
        assert_eq!(clock("84,32"), None);
    }
}
