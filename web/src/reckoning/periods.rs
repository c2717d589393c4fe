//! The site's local days, months and hours, as spans of minutes. Pure.

use std::ops::Range;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, ZonedDateTime};
use meter_messages::Minute;
use meter_rrd::Span;

use crate::route::{Moment, Step};

/// The spans in which a page counts, seen from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Periods {
    /// From the local midnight up to the moment.
    pub(crate) today: Range<Minute>,
    /// The whole local day before.
    pub(crate) yesterday: Range<Minute>,
    /// The local day before up to the same time of day.
    pub(crate) yesterday_by_now: Range<Minute>,
    /// From the local month's first midnight up to the moment.
    pub(crate) month: Range<Minute>,
    /// What each picture shows, from hour to year.
    pub(crate) pictures: [Range<Minute>; 5],
}

impl Periods {
    /// The spans that end with `until`, a whole minute.
    pub(crate) fn until(until: Minute, zone: &TimeZone) -> Self {
        let now = until.timestamp().to_zoned_datetime(zone.clone());
        let today = midnight(now.date(), zone);
        let before = now.date().yesterday().unwrap_or(now.date());
        let by_now = minute_of(before.to_datetime(now.time()), zone);
        Self {
            today: today..until,
            yesterday: midnight(before, zone)..today,
            yesterday_by_now: midnight(before, zone)..by_now.min(today),
            month: midnight(now.date().first_of_month(), zone)..until,
            pictures: Span::ALL.map(|span| picture(span, until, &now)..until),
        }
    }
}

/// Where a picture begins that ends with `until`.
fn picture(span: Span, until: Minute, now: &ZonedDateTime) -> Minute {
    let back = |minutes: i64| Minute::nearest(until.epoch_minutes() - minutes);
    match (span, span.local_days()) {
        (_, Some(days)) => {
            let first = now.date().saturating_sub((i64::from(days) - 1).days());
            midnight(first, now.time_zone())
        }
        (Span::Hour, _) => back(60),
        (Span::Day, _) => back(24 * 60),
        _ => back(7 * 24 * 60),
    }
}

/// The first minute of a local day.
pub(crate) fn midnight(date: Date, zone: &TimeZone) -> Minute {
    minute_of(date.at(0, 0, 0, 0), zone)
}

/// The minute in which the site's clock says so; where it says so twice the
/// first, where it never does (it jumped) the one it jumped to.
pub(crate) fn minute_of(local: DateTime, zone: &TimeZone) -> Minute {
    // The ends of the calendar are held within the minutes there are.
    let end = if local.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
    let at = zone.to_timestamp(local).unwrap_or(end);
    Minute::nearest(at.as_second().div_euclid(Minute::SECONDS))
}

impl Moment {
    /// The first minute at or after it.
    pub(crate) fn minute(self, zone: &TimeZone) -> Minute {
        match self {
            Self::At(at) => Minute::nearest((at.as_second() + 59).div_euclid(Minute::SECONDS)),
            Self::Day(date) => midnight(date, zone),
        }
    }
}

impl Step {
    /// The beginning of the step in which `minute` lies.
    pub(crate) fn beginning(self, minute: Minute, zone: &TimeZone) -> Minute {
        let local = minute.timestamp().to_zoned_datetime(zone.clone());
        match self {
            Self::Minute => minute,
            // Subtracted, not set: an hour that the clock shows twice stays two.
            Self::Hour => Minute::nearest(minute.epoch_minutes() - i64::from(local.minute())),
            Self::Day => midnight(local.date(), zone),
            Self::Month => midnight(local.date().first_of_month(), zone),
        }
    }

    /// The beginning of the step after the one that begins with `minute`.
    pub(crate) fn next(self, minute: Minute, zone: &TimeZone) -> Minute {
        let later = |minutes: i64| Minute::nearest(minute.epoch_minutes() + minutes);
        let date = || minute.timestamp().to_zoned_datetime(zone.clone()).date();
        match self {
            Self::Minute => later(1),
            // Some clocks shift by half an hour.
            Self::Hour => {
                Some(self.beginning(later(60), zone)).filter(|&next| next > minute).unwrap_or(later(60))
            }
            Self::Day => midnight(date().tomorrow().unwrap_or(Date::MAX), zone),
            Self::Month => midnight(date().first_of_month().saturating_add(1.month()), zone),
        }
    }
}

/// The local time of a moment, with its offset from UTC.
pub(crate) fn local(at: Timestamp, zone: &TimeZone) -> impl std::fmt::Display {
    at.display_with_offset(zone.to_offset(at))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn minute(text: &str) -> Minute {
        text.parse().unwrap()
    }

    fn length(span: &Range<Minute>) -> i64 {
        span.end.epoch_minutes() - span.start.epoch_minutes()
    }

    #[test]
    fn days_begin_at_local_midnight_and_have_23_or_25_hours() {
        let spring = Periods::until(minute("2026-03-30T10:00:00Z"), &berlin());
        assert_eq!(length(&spring.today), 12 * 60);
        assert_eq!(length(&spring.yesterday), 23 * 60);
        assert_eq!(length(&spring.yesterday_by_now), 11 * 60);
        let autumn = Periods::until(minute("2026-10-26T11:00:00Z"), &berlin());
        assert_eq!(length(&autumn.today), 12 * 60);
        assert_eq!(length(&autumn.yesterday), 25 * 60);
        assert_eq!(length(&autumn.yesterday_by_now), 13 * 60);
        assert_eq!(autumn.month.start, minute("2026-09-30T22:00:00Z"));
    }

    #[test]
    fn yesterday_by_now_never_reaches_into_today() {
        // Today has 25 hours; its last one did not exist yesterday.
        let last = Periods::until(minute("2026-10-25T22:59:00Z"), &berlin());
        assert_eq!(length(&last.today), 25 * 60 - 1);
        assert_eq!(length(&last.yesterday_by_now), 24 * 60 - 1);
        let midnight = Periods::until(minute("2026-06-09T22:00:00Z"), &berlin());
        assert_eq!((length(&midnight.today), length(&midnight.yesterday_by_now)), (0, 0));
    }

    #[test]
    fn pictures_of_days_begin_at_midnight() {
        let periods = Periods::until(minute("2026-11-23T17:23:00Z"), &berlin());
        let starts = periods.pictures.map(|span| span.start.to_string());
        assert_eq!(
            starts,
            [
                "2026-11-23T16:23:00Z",
                "2026-11-22T17:23:00Z",
                "2026-11-16T17:23:00Z",
                "2026-10-24T22:00:00Z",
                "2025-11-23T23:00:00Z",
            ]
        );
    }

    #[test]
    fn steps_join_without_gap_or_overlap() {
        for zone in ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"] {
            let zone = TimeZone::get(zone).unwrap();
            for step in [Step::Hour, Step::Day, Step::Month] {
                let mut at = step.beginning(minute("2026-01-01T00:00:00Z"), &zone);
                while at < minute("2027-01-02T00:00:00Z") {
                    let next = step.next(at, &zone);
                    assert!(next > at);
                    assert_eq!(
                        step.beginning(Minute::nearest(next.epoch_minutes() - 1), &zone),
                        at,
                        "{step:?}"
                    );
                    at = next;
                }
            }
        }
    }

    #[test]
    fn the_25_hour_day_has_25_hours() {
        let (mut hours, mut at) = (0, minute("2026-10-24T22:00:00Z"));
        while at < Step::Day.next(minute("2026-10-24T22:00:00Z"), &berlin()) {
            at = Step::Hour.next(at, &berlin());
            hours += 1;
        }
        assert_eq!(hours, 25);
    }
}
