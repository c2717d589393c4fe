//! The hours, days, weeks, months and years of the site's clock. Pure.
//!
//! A period is a span of minutes, and its neighbours are found by its edges, so days of 23 and 25 hours, of
//! 23½ and 24½, and the hour that is there twice come out right.
//!
//! A day begins when the clock first shows its date. If it is set back over midnight a little later, it shows the
//! date before once more: that time belongs to the day that has begun.

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

use crate::clock_hour::{hour_around, steady_until};
use crate::local_time::{local, midnight, minute_of};

/// One hour, day, week, month or year.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Period {
    /// How long.
    pub kind: PeriodKind,
    /// Its minutes.
    pub span: Range<Minute>,
}

/// The period that begins with the first day of its kind that is not after `date`.
fn of_date(kind: PeriodKind, date: Date, zone: &TimeZone) -> Range<Minute> {
    let first = match kind {
        PeriodKind::Hour | PeriodKind::Day => date,
        PeriodKind::Week => monday(date),
        PeriodKind::Month => date.first_of_month(),
        PeriodKind::Year => date.first_of_year(),
    };
    let start = midnight(first, zone);
    start..end(kind, start, zone)
}

/// The end of the period that begins with `start`.
pub(crate) fn end(kind: PeriodKind, start: Minute, zone: &TimeZone) -> Minute {
    let length = match kind {
        PeriodKind::Hour => return hour_around(start, zone).end,
        PeriodKind::Day => 1.day(),
        PeriodKind::Week => 7.days(),
        PeriodKind::Month => 1.month(),
        PeriodKind::Year => 1.year(),
    };
    midnight(local(start, zone).date().saturating_add(length), zone)
}

fn monday(date: Date) -> Date {
    date.saturating_sub(i64::from(date.weekday().to_monday_zero_offset()).days())
}

impl Period {
    /// The one in which a minute lies.
    pub fn containing(kind: PeriodKind, at: Minute, zone: &TimeZone) -> Self {
        if kind == PeriodKind::Hour {
            return Self { kind, span: hour_around(at, zone) };
        }
        let mut span = of_date(kind, local(at, zone).date(), zone);
        // The clock was set back to a date that was over.
        while at >= span.end && span.start < span.end {
            span = span.end..end(kind, span.end, zone);
        }
        Self { kind, span }
    }

    /// The one in which a day begins.
    pub fn with_day(kind: PeriodKind, date: Date, zone: &TimeZone) -> Self {
        Self::containing(kind, midnight(date, zone), zone)
    }

    /// The one of that kind in which a day begins; of hours, the one that the clock shows then at the same time of
    /// day.
    pub fn on_day(&self, date: Date, zone: &TimeZone) -> Self {
        match self.kind {
            PeriodKind::Hour => {
                let at = date.to_datetime(local(self.span.start, zone).time());
                Self::containing(self.kind, minute_of(at, zone), zone)
            }
            kind => Self::with_day(kind, date, zone),
        }
    }

    /// Its length in minutes.
    pub fn minutes(&self) -> i64 {
        self.span.end.epoch_minutes() - self.span.start.epoch_minutes()
    }

    /// Its first local day.
    pub fn first_day(&self, zone: &TimeZone) -> Date {
        local(self.span.start, zone).date()
    }

    /// The one before.
    pub fn previous(&self, zone: &TimeZone) -> Self {
        Self::containing(self.kind, Minute::nearest(self.span.start.epoch_minutes() - 1), zone)
    }

    /// The one after.
    pub fn next(&self, zone: &TimeZone) -> Self {
        Self::containing(self.kind, self.span.end, zone)
    }

    /// The same day, week or month a year before (of an hour: a day, of a day: a
    /// week before), to be compared with.
    pub fn counterpart(&self, zone: &TimeZone) -> Option<Self> {
        let date = self.first_day(zone);
        let earlier = match self.kind {
            PeriodKind::Hour => date.saturating_sub(1.day()),
            PeriodKind::Day => date.saturating_sub(7.days()),
            // 52 weeks: its Monday is a Monday there as well.
            PeriodKind::Week => date.saturating_sub((52 * 7).days()),
            PeriodKind::Month => date.saturating_sub(1.year()),
            PeriodKind::Year => return None,
        };
        Some(self.on_day(earlier, zone))
    }

    /// The part of `self` that has passed by the time that `other` reached at
    /// `now`: what is to be compared with a period in progress.
    pub fn by_the_time_of(&self, other: &Self, now: Minute, zone: &TimeZone) -> Range<Minute> {
        if now >= other.span.end {
            return self.span.clone();
        }
        let (here, there) = (local(self.span.start, zone), local(other.span.start, zone));
        let end = match self.kind {
            PeriodKind::Hour => {
                self.span.start.epoch_minutes() + now.epoch_minutes() - other.span.start.epoch_minutes()
            }
            _ => {
                let now = local(now, zone);
                let days = now.date().since(there.date()).map_or(0, |span| i64::from(span.get_days()));
                let day = match self.kind {
                    PeriodKind::Year => Date::new(here.year(), now.month(), now.day().min(28))
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
    pub fn parts(&self, zone: &TimeZone) -> Vec<Self> {
        let kind = match self.kind {
            PeriodKind::Hour => return Vec::new(),
            PeriodKind::Day => PeriodKind::Hour,
            PeriodKind::Week | PeriodKind::Month => PeriodKind::Day,
            PeriodKind::Year => PeriodKind::Month,
        };
        pieces(kind, &self.span, zone)
    }
}

/// The periods of a kind that lie in a span which begins with one.
pub fn pieces(kind: PeriodKind, span: &Range<Minute>, zone: &TimeZone) -> Vec<Period> {
    let mut parts = Vec::new();
    let mut at = span.start;
    let mut steady = at;
    while at < span.end {
        let an_hour_later = Minute::nearest(at.epoch_minutes() + 60);
        let is_steady = kind == PeriodKind::Hour && an_hour_later <= steady;
        let end = if is_steady { an_hour_later } else { end(kind, at, zone) };
        if kind == PeriodKind::Hour && !is_steady {
            steady = steady_until(&(at..end), zone);
        }
        // There are no more minutes.
        if end <= at {
            break;
        }
        parts.push(Period { kind, span: at..end });
        at = end;
    }
    parts
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
    fn the_hour_that_is_there_twice_is_two_hours() {
        let day = period(PeriodKind::Day, "2026-10-25");
        let hours = day.parts(&berlin());
        assert_eq!(hours.len(), 25);
        assert_eq!(hours[2].name(&berlin()), "2026-10-25T02");
        assert_eq!(hours[3].name(&berlin()), "2026-10-25T02+01");
        assert_eq!(period(PeriodKind::Day, "2026-03-29").parts(&berlin()).len(), 23);
        assert_eq!(period(PeriodKind::Year, "2026").parts(&berlin()).len(), 12);
    }

    #[test]
    fn parts_cover_the_whole_without_a_gap() {
        for (kind, name) in [
            (PeriodKind::Day, "2026-10-25"),
            (PeriodKind::Week, "2026-W13"),
            (PeriodKind::Month, "2028-02"),
            (PeriodKind::Year, "2028"),
        ] {
            let whole = period(kind, name);
            let parts = whole.parts(&berlin());
            assert_eq!(parts.first().unwrap().span.start, whole.span.start);
            assert_eq!(parts.last().unwrap().span.end, whole.span.end);
            assert!(parts.windows(2).all(|two| two[0].span.end == two[1].span.start));
        }
    }

    #[test]
    fn where_a_clock_goes_back_by_half_an_hour_no_hour_is_missing() {
        let zone = TimeZone::get("Australia/Lord_Howe").unwrap();
        let day = Period::parse(PeriodKind::Day, "2026-04-05", &zone).unwrap();
        let hours = day.parts(&zone);
        let lengths: Vec<i64> = hours.iter().map(Period::minutes).collect();
        assert_eq!((day.minutes(), lengths), (24 * 60 + 30, [&[60, 60, 30], &[60; 22][..]].concat()));
        assert_eq!(hours.last().unwrap().span.end, day.span.end);
        let autumn = Period::parse(PeriodKind::Day, "2026-10-04", &zone).unwrap();
        let lengths: Vec<i64> = autumn.parts(&zone).iter().map(Period::minutes).collect();
        assert_eq!((autumn.minutes(), lengths), (23 * 60 + 30, [&[60, 60, 30], &[60; 21][..]].concat()));
    }

    #[test]
    fn a_period_in_progress_is_compared_with_as_much_of_another() {
        let by = |kind, this: &str, other: &str, now: &str| {
            let span =
                period(kind, other).by_the_time_of(&period(kind, this), now.parse().unwrap(), &berlin());
            span.end.to_string()
        };
        assert_eq!(
            by(PeriodKind::Month, "2026-03", "2026-02", "2026-03-30T10:00:00Z"),
            "2026-02-28T23:00:00Z"
        );
        assert_eq!(
            by(PeriodKind::Month, "2026-04", "2026-03", "2026-04-10T10:00:00Z"),
            "2026-03-10T11:00:00Z"
        );
        assert_eq!(by(PeriodKind::Year, "2028", "2027", "2028-02-29T11:00:00Z"), "2027-03-01T11:00:00Z");
        assert_eq!(by(PeriodKind::Year, "2027", "2028", "2027-03-01T11:00:00Z"), "2028-03-01T11:00:00Z");
        assert_eq!(
            by(PeriodKind::Week, "2026-W48", "2026-W47", "2026-11-25T11:00:00Z"),
            "2026-11-18T11:00:00Z"
        );
        assert_eq!(
            by(PeriodKind::Day, "2026-10-26", "2026-10-25", "2026-10-26T11:00:00Z"),
            "2026-10-25T11:00:00Z"
        );
        // Over: the whole of it.
        assert_eq!(
            by(PeriodKind::Day, "2026-10-24", "2026-10-25", "2026-11-26T11:00:00Z"),
            "2026-10-25T23:00:00Z"
        );
    }

    #[test]
    fn counterparts_are_of_the_same_kind() {
        let of = |kind, name: &str| period(kind, name).counterpart(&berlin()).map(|it| it.name(&berlin()));
        assert_eq!(of(PeriodKind::Week, "2026-W48").as_deref(), Some("2025-W48"));
        assert_eq!(of(PeriodKind::Month, "2028-02").as_deref(), Some("2027-02"));
        assert_eq!(of(PeriodKind::Day, "2026-11-24").as_deref(), Some("2026-11-17"));
        assert_eq!(of(PeriodKind::Hour, "2026-03-30T02").as_deref(), Some("2026-03-29T03"));
        assert_eq!(of(PeriodKind::Year, "2026"), None);
    }
}
