//! Periods by their names in addresses. Pure.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::{Offset, TimeZone};
use meter_messages::{Minute, PeriodKind};

use crate::local_time::{local, minute_of};
use crate::period::Period;

impl Period {
    /// The one with a name like `2026-11-24T17`, `2026-11-24`, `2026-W48`,
    /// `2026-11` or `2026`, according to its kind.
    pub fn parse(kind: PeriodKind, name: &str, zone: &TimeZone) -> Option<Self> {
        let day = match kind {
            PeriodKind::Hour => {
                let at = hour(name, zone)?;
                return Some(Self::containing(kind, at, zone)).filter(Self::is_dated);
            }
            PeriodKind::Day => date(name)?,
            PeriodKind::Week => {
                let (year, week) = name.split_once("-W")?;
                let week = i8::try_from(number(week, 2)?).ok()?;
                ISOWeekDate::new(number(year, 4)?, week, Weekday::Monday).ok()?.date()
            }
            PeriodKind::Month => {
                let (year, month) = name.split_once('-')?;
                Date::new(number(year, 4)?, i8::try_from(number(month, 2)?).ok()?, 1).ok()?
            }
            PeriodKind::Year => Date::new(number(name, 4)?, 1, 1).ok()?,
        };
        Some(Self::with_day(kind, day, zone)).filter(Self::is_dated)
    }

    /// Whether it lies within the years in which minutes can be recorded.
    fn is_dated(&self) -> bool {
        self.span.start > Minute::nearest(i64::MIN) && self.span.end < Minute::nearest(i64::MAX)
    }

    /// Its name in addresses.
    pub fn name(&self, zone: &TimeZone) -> String {
        let start = local(self.span.start, zone);
        let date = start.date();
        match self.kind {
            PeriodKind::Hour => {
                let name = format!("{date}T{:02}", start.hour());
                // The hour that the clock shows a second time.
                let first = minute_of(start.datetime(), zone);
                let hours = start.offset().seconds() / 3600;
                if first == self.span.start { name } else { format!("{name}{hours:+03}") }
            }
            PeriodKind::Day => date.to_string(),
            PeriodKind::Week => {
                let week = date.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            PeriodKind::Month => format!("{:04}-{:02}", date.year(), date.month()),
            PeriodKind::Year => format!("{:04}", date.year()),
        }
    }
}

/// `2026-11-24T17`, or `2026-10-25T02+01` where the clock shows that hour twice.
fn hour(name: &str, zone: &TimeZone) -> Option<Minute> {
    let (day, hour) = name.split_once('T')?;
    let (hour, offset) = hour.split_at(hour.find(['+', '-']).unwrap_or(hour.len()));
    let hour = i8::try_from(number(hour, 2)?).ok().filter(|hour| *hour < 24)?;
    let local = date(day)?.at(hour, 0, 0, 0);
    let Some(sign) = offset.chars().next() else { return Some(minute_of(local, zone)) };
    let hours = i8::try_from(number(&offset[1..], 2)?).ok()?;
    let offset = Offset::from_hours(if sign == '-' { -hours } else { hours }).ok()?;
    Minute::containing(offset.to_timestamp(local).ok()?.as_second()).ok()
}

fn date(text: &str) -> Option<Date> {
    Some(text).filter(|text| text.len() == 10)?.parse().ok()
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i16> {
    let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn period(kind: PeriodKind, name: &str) -> Period {
        Period::parse(kind, name, &berlin()).unwrap_or_else(|| panic!("{name}"))
    }

    #[test]
    fn a_name_leads_to_the_period_and_back() {
        for (kind, name, length) in [
            (PeriodKind::Hour, "2026-11-24T17", 60),
            (PeriodKind::Hour, "2026-10-25T02", 60),
            (PeriodKind::Hour, "2026-10-25T02+01", 60),
            (PeriodKind::Day, "2026-03-29", 23 * 60),
            (PeriodKind::Day, "2026-10-25", 25 * 60),
            (PeriodKind::Day, "2028-02-29", 24 * 60),
            (PeriodKind::Week, "2026-W53", 7 * 1440),
            (PeriodKind::Month, "2028-02", 29 * 1440),
            (PeriodKind::Year, "2028", 366 * 1440),
        ] {
            let period = period(kind, name);
            assert_eq!((period.name(&berlin()).as_str(), period.minutes()), (name, length));
            assert_eq!(period.next(&berlin()).previous(&berlin()), period, "{name}");
        }
    }

    #[test]
    fn names_of_nothing_are_refused() {
        for (kind, name) in [
            (PeriodKind::Hour, "2026-11-24T24"),
            (PeriodKind::Hour, "2026-11-24"),
            (PeriodKind::Hour, "2026-11-24T02+é"),
            (PeriodKind::Day, "2026-02-29"),
            (PeriodKind::Day, "1026-02-28"),
            (PeriodKind::Day, "2026-11-24T00:00"),
            (PeriodKind::Week, "2026-W54"),
            (PeriodKind::Week, "2025-W53"),
            (PeriodKind::Month, "2026-13"),
            (PeriodKind::Month, "2026-1"),
            (PeriodKind::Year, "99999"),
            (PeriodKind::Year, "+202"),
            (PeriodKind::Year, "9999"),
            (PeriodKind::Year, ""),
        ] {
            assert_eq!(Period::parse(kind, name, &berlin()), None, "{name}");
        }
    }
}
