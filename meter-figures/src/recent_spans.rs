//! The spans of minutes in which a page counts what happened lately. Pure.

use std::ops::Range;

use jiff::ToSpan;
use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

use crate::local_time::midnight;
use crate::period::Period;

/// The spans in which a page counts, seen from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentSpans {
    /// From the local midnight up to the moment.
    pub today: Range<Minute>,
    /// The whole local day before.
    pub yesterday: Range<Minute>,
    /// The local day before up to the same time of day.
    pub yesterday_by_now: Range<Minute>,
    /// From the local month's first midnight up to the moment.
    pub month: Range<Minute>,
}

impl RecentSpans {
    /// The spans that end with `until`, a whole minute.
    pub fn until(until: Minute, zone: &TimeZone) -> Self {
        let today = Period::containing(PeriodKind::Day, until, zone);
        let yesterday = today.previous(zone);
        Self {
            yesterday_by_now: yesterday.by_the_time_of(&today, until, zone),
            yesterday: yesterday.span,
            today: today.span.start..until,
            month: Period::containing(PeriodKind::Month, until, zone).span.start..until,
        }
    }
}

/// What a picture of such a time shows that ends with `until`.
pub fn shown_until(kind: PeriodKind, until: Minute, zone: &TimeZone) -> Range<Minute> {
    let back = |minutes: i64| Minute::nearest(until.epoch_minutes() - minutes);
    let start = match (kind, kind.days_up_to_now()) {
        (_, Some(days)) => {
            let today = Period::containing(PeriodKind::Day, until, zone).first_day(zone);
            midnight(today.saturating_sub((i64::from(days) - 1).days()), zone)
        }
        (PeriodKind::Hour, _) => back(60),
        (PeriodKind::Day, _) => back(24 * 60),
        _ => back(7 * 24 * 60),
    };
    start..until
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
        let spring = RecentSpans::until(minute("2026-03-30T10:00:00Z"), &berlin());
        assert_eq!(length(&spring.today), 12 * 60);
        assert_eq!(length(&spring.yesterday), 23 * 60);
        assert_eq!(length(&spring.yesterday_by_now), 11 * 60);
        let autumn = RecentSpans::until(minute("2026-10-26T11:00:00Z"), &berlin());
        assert_eq!(length(&autumn.today), 12 * 60);
        assert_eq!(length(&autumn.yesterday), 25 * 60);
        assert_eq!(length(&autumn.yesterday_by_now), 13 * 60);
        assert_eq!(autumn.month.start, minute("2026-09-30T22:00:00Z"));
    }

    #[test]
    fn yesterday_by_now_never_reaches_into_today() {
        // Today has 25 hours; its last one did not exist yesterday.
        let last = RecentSpans::until(minute("2026-10-25T22:59:00Z"), &berlin());
        assert_eq!(length(&last.today), 25 * 60 - 1);
        assert_eq!(length(&last.yesterday_by_now), 24 * 60 - 1);
        let midnight = RecentSpans::until(minute("2026-06-09T22:00:00Z"), &berlin());
        assert_eq!((length(&midnight.today), length(&midnight.yesterday_by_now)), (0, 0));
    }

    #[test]
    fn pictures_of_days_begin_at_midnight() {
        let until = minute("2026-11-23T17:23:00Z");
        let starts = PeriodKind::ALL.map(|kind| shown_until(kind, until, &berlin()).start.to_string());
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
}
