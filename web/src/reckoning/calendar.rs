//! The times that have a page of their own: an hour, a day, a week, a month, a
//! year of the site's clock, or everything. Pure.
//!
//! A period is a span of minutes, and its neighbours are found by its edges, so
//! days of 23 and 25 hours and the hour that is there twice come out right.

use std::ops::Range;

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{ToSpan, ZonedDateTime};
use meter_messages::Minute;

use crate::reckoning::periods::{midnight, minute_of};
use crate::route::Step;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// An hour.
    Hour,
    /// A local day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// One hour, day, week, month or year.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Period {
    /// How long.
    pub(crate) kind: Kind,
    /// Its minutes.
    pub(crate) span: Range<Minute>,
}

impl Kind {
    /// All of them, the shortest first.
    pub(crate) const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// Its name in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The kind of that name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    fn beginning(self, at: Minute, zone: &TimeZone) -> Minute {
        let date = local(at, zone).date();
        match self {
            Self::Hour => Step::Hour.beginning(at, zone),
            Self::Day => midnight(date, zone),
            Self::Week => midnight(monday(date), zone),
            Self::Month => midnight(date.first_of_month(), zone),
            Self::Year => midnight(date.first_of_year(), zone),
        }
    }

    fn end(self, beginning: Minute, zone: &TimeZone) -> Minute {
        let date = local(beginning, zone).date();
        let at = |date: Date| midnight(date, zone);
        match self {
            Self::Hour => Step::Hour.next(beginning, zone),
            Self::Day => at(date.saturating_add(1.day())),
            Self::Week => at(date.saturating_add(7.days())),
            Self::Month => at(date.saturating_add(1.month())),
            Self::Year => at(date.saturating_add(1.year())),
        }
    }
}

fn local(at: Minute, zone: &TimeZone) -> ZonedDateTime {
    at.timestamp().to_zoned_datetime(zone.clone())
}

fn monday(date: Date) -> Date {
    date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
}

impl Period {
    /// The one in which a minute lies.
    pub(crate) fn containing(kind: Kind, at: Minute, zone: &TimeZone) -> Self {
        let start = kind.beginning(at, zone);
        Self { kind, span: start..kind.end(start, zone) }
    }

    /// The one in which a day begins.
    pub(crate) fn with_day(kind: Kind, date: Date, zone: &TimeZone) -> Self {
        Self::containing(kind, midnight(date, zone), zone)
    }

    /// The one with a name like `2026-11-24T17`, `2026-11-24`, `2026-W48`,
    /// `2026-11` or `2026`, according to its kind.
    pub(crate) fn parse(kind: Kind, name: &str, zone: &TimeZone) -> Option<Self> {
        let number = |text: &str, digits: usize| -> Option<i16> {
            let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten()
        };
        let date = |text: &str| Some(text).filter(|text| text.len() == 10)?.parse::<Date>().ok();
        let day = match kind {
            Kind::Hour => {
                let (day, hour) = name.split_once('T')?;
                let (hour, offset) = match hour.find(['+', '-']) {
                    Some(at) => (&hour[..at], Some(number(&hour[at + 1..], 2)? * sign(&hour[at..]))),
                    None => (hour, None),
                };
                let local =
                    date(day)?.at(i8::try_from(number(hour, 2)?).ok().filter(|hour| *hour < 24)?, 0, 0, 0);
                let at = match offset {
                    Some(hours) => {
                        let at =
                            Offset::from_hours(i8::try_from(hours).ok()?).ok()?.to_timestamp(local).ok()?;
                        Minute::containing(at.as_second()).ok()?
                    }
                    None => minute_of(local, zone),
                };
                return Some(Self::containing(kind, at, zone)).filter(|period| period.is_dated());
            }
            Kind::Day => date(name)?,
            Kind::Week => {
                let (year, week) = name.split_once("-W")?;
                let week = i8::try_from(number(week, 2)?).ok()?;
                ISOWeekDate::new(number(year, 4)?, week, Weekday::Monday).ok()?.date()
            }
            Kind::Month => {
                let (year, month) = name.split_once('-')?;
                Date::new(number(year, 4)?, i8::try_from(number(month, 2)?).ok()?, 1).ok()?
            }
            Kind::Year => Date::new(number(name, 4)?, 1, 1).ok()?,
        };
        Some(Self::with_day(kind, day, zone)).filter(|period| period.is_dated())
    }

    /// Whether it lies within the years in which minutes can be recorded.
    fn is_dated(&self) -> bool {
        self.span.start > Minute::nearest(i64::MIN) && self.span.end < Minute::nearest(i64::MAX)
    }

    /// Its name in addresses.
    pub(crate) fn name(&self, zone: &TimeZone) -> String {
        let start = local(self.span.start, zone);
        let date = start.date();
        match self.kind {
            Kind::Hour => {
                let name = format!("{date}T{:02}", start.hour());
                // The hour that the clock shows a second time.
                let first = minute_of(start.datetime(), zone);
                let hours = start.offset().seconds() / 3600;
                if first == self.span.start { name } else { format!("{name}{hours:+03}") }
            }
            Kind::Day => date.to_string(),
            Kind::Week => {
                let week = date.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            Kind::Month => format!("{:04}-{:02}", date.year(), date.month()),
            Kind::Year => format!("{:04}", date.year()),
        }
    }

    /// Its first local day.
    pub(crate) fn first_day(&self, zone: &TimeZone) -> Date {
        local(self.span.start, zone).date()
    }

    /// The one before.
    pub(crate) fn previous(&self, zone: &TimeZone) -> Self {
        Self::containing(self.kind, Minute::nearest(self.span.start.epoch_minutes() - 1), zone)
    }

    /// The one after.
    pub(crate) fn next(&self, zone: &TimeZone) -> Self {
        Self::containing(self.kind, self.span.end, zone)
    }

    /// The same day, week or month a year before (of an hour: a day, of a day: a
    /// week before), to be compared with.
    pub(crate) fn counterpart(&self, zone: &TimeZone) -> Option<Self> {
        let date = self.first_day(zone);
        let earlier = match self.kind {
            Kind::Hour => {
                let at = local(self.span.start, zone).datetime().saturating_sub(1.day());
                return Some(Self::containing(self.kind, minute_of(at, zone), zone));
            }
            Kind::Day => date.saturating_sub(7.days()),
            // 52 weeks: its Monday is a Monday there as well.
            Kind::Week => date.saturating_sub((52 * 7).days()),
            Kind::Month => date.saturating_sub(1.year()),
            Kind::Year => return None,
        };
        Some(Self::with_day(self.kind, earlier, zone))
    }

    /// The part of `self` that has passed by the time that `other` reached at
    /// `now`: what is to be compared with a period in progress.
    pub(crate) fn by_the_time_of(&self, other: &Self, now: Minute, zone: &TimeZone) -> Range<Minute> {
        if now >= other.span.end {
            return self.span.clone();
        }
        let (here, there) = (local(self.span.start, zone), local(other.span.start, zone));
        let end = match self.kind {
            Kind::Hour => {
                self.span.start.epoch_minutes() + now.epoch_minutes() - other.span.start.epoch_minutes()
            }
            _ => {
                let now = local(now, zone);
                let days = now.date().since(there.date()).map_or(0, |span| i64::from(span.get_days()));
                let day = match self.kind {
                    Kind::Year => Date::new(here.year(), now.month(), now.day().min(28))
                        .map(|date| date.saturating_add(i64::from(now.day() - now.day().min(28)).days()))
                        .unwrap_or(here.date()),
                    _ => here.date().saturating_add(days.days()),
                };
                minute_of(day.to_datetime(now.time()), zone).epoch_minutes()
            }
        };
        let end = Minute::nearest(end).clamp(self.span.start, self.span.end);
        self.span.start..end
    }

    /// The periods that it consists of; none for an hour.
    pub(crate) fn parts(&self, zone: &TimeZone) -> Vec<Self> {
        let kind = match self.kind {
            Kind::Hour => return Vec::new(),
            Kind::Day => Kind::Hour,
            Kind::Week | Kind::Month => Kind::Day,
            Kind::Year => Kind::Month,
        };
        pieces(kind, &self.span, zone)
    }
}

/// The periods of a kind that lie in a span which begins with one.
pub(crate) fn pieces(kind: Kind, span: &Range<Minute>, zone: &TimeZone) -> Vec<Period> {
    let mut parts = Vec::new();
    let mut at = span.start;
    while at < span.end {
        let part = Period::containing(kind, at, zone);
        if part.span.end <= at {
            break;
        }
        at = part.span.end;
        parts.push(part);
    }
    parts
}

fn sign(text: &str) -> i16 {
    if text.starts_with('-') { -1 } else { 1 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn period(kind: Kind, name: &str) -> Period {
        Period::parse(kind, name, &berlin()).unwrap_or_else(|| panic!("{name}"))
    }

    fn minutes(span: &Range<Minute>) -> i64 {
        span.end.epoch_minutes() - span.start.epoch_minutes()
    }

    #[test]
    fn a_name_leads_to_the_period_and_back() {
        for (kind, name, length) in [
            (Kind::Hour, "2026-11-24T17", 60),
            (Kind::Hour, "2026-10-25T02", 60),
            (Kind::Hour, "2026-10-25T02+01", 60),
            (Kind::Day, "2026-03-29", 23 * 60),
            (Kind::Day, "2026-10-25", 25 * 60),
            (Kind::Day, "2028-02-29", 24 * 60),
            (Kind::Week, "2026-W53", 7 * 1440),
            (Kind::Month, "2028-02", 29 * 1440),
            (Kind::Year, "2028", 366 * 1440),
        ] {
            let period = period(kind, name);
            assert_eq!((period.name(&berlin()).as_str(), minutes(&period.span)), (name, length));
            assert_eq!(period.next(&berlin()).previous(&berlin()), period, "{name}");
        }
    }

    #[test]
    fn names_of_nothing_are_refused() {
        for (kind, name) in [
            (Kind::Hour, "2026-11-24T24"),
            (Kind::Hour, "2026-11-24"),
            (Kind::Hour, "2026-11-24T02+é"),
            (Kind::Day, "2026-02-29"),
            (Kind::Day, "1026-02-28"),
            (Kind::Day, "2026-11-24T00:00"),
            (Kind::Week, "2026-W54"),
            (Kind::Week, "2025-W53"),
            (Kind::Month, "2026-13"),
            (Kind::Month, "2026-1"),
            (Kind::Year, "99999"),
            (Kind::Year, "+202"),
            (Kind::Year, "9999"),
            (Kind::Year, ""),
        ] {
            assert_eq!(Period::parse(kind, name, &berlin()), None, "{name}");
        }
    }

    #[test]
    fn the_hour_that_is_there_twice_is_two_hours() {
        let day = period(Kind::Day, "2026-10-25");
        let hours = day.parts(&berlin());
        assert_eq!(hours.len(), 25);
        assert_eq!(hours[2].name(&berlin()), "2026-10-25T02");
        assert_eq!(hours[3].name(&berlin()), "2026-10-25T02+01");
        assert_eq!(period(Kind::Day, "2026-03-29").parts(&berlin()).len(), 23);
        assert_eq!(period(Kind::Year, "2026").parts(&berlin()).len(), 12);
    }

    #[test]
    fn parts_cover_the_whole_without_a_gap() {
        for (kind, name) in [
            (Kind::Day, "2026-10-25"),
            (Kind::Week, "2026-W13"),
            (Kind::Month, "2028-02"),
            (Kind::Year, "2028"),
        ] {
            let whole = period(kind, name);
            let parts = whole.parts(&berlin());
            assert_eq!(parts.first().unwrap().span.start, whole.span.start);
            assert_eq!(parts.last().unwrap().span.end, whole.span.end);
            assert!(parts.windows(2).all(|two| two[0].span.end == two[1].span.start));
        }
    }

    #[test]
    fn a_period_in_progress_is_compared_with_as_much_of_another() {
        let by = |kind, this: &str, other: &str, now: &str| {
            let span =
                period(kind, other).by_the_time_of(&period(kind, this), now.parse().unwrap(), &berlin());
            span.end.to_string()
        };
        assert_eq!(by(Kind::Month, "2026-03", "2026-02", "2026-03-30T10:00:00Z"), "2026-02-28T23:00:00Z");
        assert_eq!(by(Kind::Month, "2026-04", "2026-03", "2026-04-10T10:00:00Z"), "2026-03-10T11:00:00Z");
        assert_eq!(by(Kind::Year, "2028", "2027", "2028-02-29T11:00:00Z"), "2027-03-01T11:00:00Z");
        assert_eq!(by(Kind::Year, "2027", "2028", "2027-03-01T11:00:00Z"), "2028-03-01T11:00:00Z");
        assert_eq!(by(Kind::Week, "2026-W48", "2026-W47", "2026-11-25T11:00:00Z"), "2026-11-18T11:00:00Z");
        assert_eq!(by(Kind::Day, "2026-10-26", "2026-10-25", "2026-10-26T11:00:00Z"), "2026-10-25T11:00:00Z");
        // Over: the whole of it.
        assert_eq!(by(Kind::Day, "2026-10-24", "2026-10-25", "2026-11-26T11:00:00Z"), "2026-10-25T23:00:00Z");
    }

    #[test]
    fn counterparts_are_of_the_same_kind() {
        let of = |kind, name: &str| period(kind, name).counterpart(&berlin()).map(|it| it.name(&berlin()));
        assert_eq!(of(Kind::Week, "2026-W48").as_deref(), Some("2025-W48"));
        assert_eq!(of(Kind::Month, "2028-02").as_deref(), Some("2027-02"));
        assert_eq!(of(Kind::Day, "2026-11-24").as_deref(), Some("2026-11-17"));
        assert_eq!(of(Kind::Hour, "2026-03-30T02").as_deref(), Some("2026-03-29T03"));
        assert_eq!(of(Kind::Year, "2026"), None);
    }
}
