//! Periods by their names in addresses. Pure.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::{Offset, TimeZone};
use meter_messages::{Minute, PeriodKind};

use crate::clock_hour::hour_by_offset;
use crate::local_time::{local, minute_of};
use crate::period::Period;

impl Period {
    /// The one with a name like `2026-11-24T17`, `2026-11-24`, `2026-W48`,
    /// `2026-11` or `2026`, according to its kind.
    pub fn parse(kind: PeriodKind, name: &str, zone: &TimeZone) -> Option<Self> {
        let day = match kind {
            PeriodKind::Hour => return hour(name, zone).filter(Self::is_dated),
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
        // A few days were left out where a place moved to the other side of the date line.
        let is_there = |period: &Self| kind != PeriodKind::Day || period.first_day(zone) == day;
        Some(Self::with_day(kind, day, zone)).filter(|period| period.is_dated() && is_there(period))
    }

    /// Whether it lies within the years in which minutes can be recorded.
    fn is_dated(&self) -> bool {
        self.span.start > Minute::nearest(i64::MIN) && self.span.end < Minute::nearest(i64::MAX)
    }

    /// Its name in addresses.
    pub fn name(&self, zone: &TimeZone) -> String {
        let date = self.first_day(zone);
        match self.kind {
            PeriodKind::Hour => {
                let name = plain_hour(self.span.start, zone);
                self.needed_offset(zone)
                    .map_or(name.clone(), |offset| format!("{name}{}", in_address(offset)))
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

    /// The offset from UTC of an hour that the clock shows a second time, by which alone it can be told from
    /// the first.
    pub fn needed_offset(&self, zone: &TimeZone) -> Option<Offset> {
        let is_told = || hour(&plain_hour(self.span.start, zone), zone).is_some_and(|told| told == *self);
        let is_needed = self.kind == PeriodKind::Hour && !is_told();
        is_needed.then(|| zone.to_offset(self.span.start.timestamp()))
    }
}

/// `2026-11-24T17`
fn plain_hour(start: Minute, zone: &TimeZone) -> String {
    let start = local(start, zone);
    format!("{}T{:02}", start.date(), start.hour())
}

/// `+01`, or `-0330` where it has no full hours.
fn in_address(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
    match minutes % 60 {
        0 => format!("{sign}{:02}", minutes / 60),
        rest => format!("{sign}{:02}{rest:02}", minutes / 60),
    }
}

/// `2026-11-24T17`, or `2026-10-25T02+01` and `2026-11-01T01-0330` where the clock shows that hour twice.
fn hour(name: &str, zone: &TimeZone) -> Option<Period> {
    let (day, hour) = name.split_once('T')?;
    let (hour, offset) = hour.split_at(hour.find(['+', '-']).unwrap_or(hour.len()));
    let hour = i8::try_from(number(hour, 2)?).ok().filter(|hour| *hour < 24)?;
    let local = date(day)?.at(hour, 0, 0, 0);
    let Some(sign) = offset.chars().next() else {
        return Some(Period::containing(PeriodKind::Hour, minute_of(local, zone), zone));
    };
    let sign = if sign == '-' { -1 } else { 1 };
    let digits = &offset[1..];
    let span = if digits.len() == 2 {
        let hours = sign * i32::from(number(digits, 2)?);
        let exactly = hour_by_offset(local, |offset| offset.seconds() == hours * 3600, zone);
        // Addresses used to leave a part of an hour out.
        exactly.or_else(|| hour_by_offset(local, |offset| offset.seconds() / 3600 == hours, zone))
    } else {
        let digits = i32::from(number(digits, 4)?);
        let seconds = sign * (digits / 100 * 3600 + digits % 100 * 60);
        hour_by_offset(local, |offset| offset.seconds() == seconds, zone)
    };
    Some(Period { kind: PeriodKind::Hour, span: span? })
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
    fn an_hour_that_is_there_twice_has_two_names() {
        for (zone, names) in [
            ("Europe/Berlin", ["2026-10-25T02", "2026-10-25T02+01"]),
            ("America/St_Johns", ["2026-11-01T01", "2026-11-01T01-0330"]),
            ("Australia/Lord_Howe", ["2026-04-05T01", "2026-04-05T01+1030"]),
            // Set back from 00:01 to 23:01 of the day before.
            ("America/St_Johns", ["2010-11-06T23", "2010-11-06T23-0330"]),
            ("America/St_Johns", ["2010-11-07T00", "2010-11-07T00-0330"]),
            ("Pacific/Norfolk", ["2015-10-04T01", "2015-10-04T01+11"]),
            // From 00:30 to 00:00: the first of the two has half an hour.
            ("Asia/Colombo", ["2006-04-15T00", "2006-04-15T00+0530"]),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let hours = names.map(|name| Period::parse(PeriodKind::Hour, name, &zone).unwrap());
            assert_eq!(hours.clone().map(|hour| hour.name(&zone)), names);
            assert!(hours[0].span.end <= hours[1].span.start, "{names:?}");
            assert_eq!(hours.map(|hour| hour.needed_offset(&zone).is_some()), [false, true]);
        }
        let st_johns = TimeZone::get("America/St_Johns").unwrap();
        let hour = |name: &str| Period::parse(PeriodKind::Hour, name, &st_johns);
        // As addresses were before, and with an offset where none is needed.
        assert_eq!(hour("2026-11-01T01-03"), hour("2026-11-01T01-0330"));
        assert_eq!(hour("2026-11-01T05-0330"), hour("2026-11-01T05"));
        for nowhere in ["2026-11-01T01-04", "2026-11-01T01-0331", "2026-11-01T01+0330", "2026-11-01T01-033"] {
            assert_eq!(hour(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn a_day_that_was_left_out_has_no_name() {
        let zone = TimeZone::get("Pacific/Apia").unwrap();
        let day = |name: &str| Period::parse(PeriodKind::Day, name, &zone);
        assert_eq!(day("2011-12-30"), None);
        assert_eq!(day("2011-12-29").unwrap().next(&zone), day("2011-12-31").unwrap());
        assert_eq!(Period::parse(PeriodKind::Month, "2011-12", &zone).unwrap().parts(&zone).len(), 30);
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
