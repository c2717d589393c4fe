//! The length of a row: a minute, or a period. Pure.

use std::ops::Range;

use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};

use crate::local_time::{Moment, local, midnight};
use crate::period::{Period, end};

/// The length of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A minute.
    Minute,
    /// A period of the site's clock.
    Period(PeriodKind),
}

/// Why a time is none that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Its end lies before its beginning.
    #[error("must not be before from")]
    EndsBeforeItBegins,
    /// It is longer than so many days.
    #[error("must be at most {0} days before to")]
    TooLong(i64),
    /// It is longer than so many days, which is too long for rows of this length.
    #[error("must be at most {0} days before to for this step")]
    TooLongForStep(i64),
}

impl Step {
    /// An hour.
    pub const HOUR: Self = Self::Period(PeriodKind::Hour);
    /// A local day.
    pub const DAY: Self = Self::Period(PeriodKind::Day);
    /// A calendar month.
    pub const MONTH: Self = Self::Period(PeriodKind::Month);
    /// Those that can be asked for, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::HOUR, Self::DAY, Self::MONTH];

    /// Its name in addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Period(kind) => kind.name(),
        }
    }

    /// The longest time that may be asked for, in days.
    pub fn most_days(self) -> i64 {
        match self {
            Self::Minute => 366,
            Self::HOUR => 10 * 366,
            Self::Period(_) => 100 * 366,
        }
    }

    /// The beginning of the step in which `minute` lies.
    pub fn beginning(self, minute: Minute, zone: &TimeZone) -> Minute {
        match self {
            Self::Minute => minute,
            Self::Period(kind) => Period::containing(kind, minute, zone).span.start,
        }
    }

    /// The beginning of the step after the one that begins with `minute`.
    pub fn next(self, minute: Minute, zone: &TimeZone) -> Minute {
        match self {
            Self::Minute => Minute::nearest(minute.epoch_minutes() + 1),
            Self::Period(kind) => end(kind, minute, zone),
        }
    }

    /// The whole steps of the time that is asked for: from today's beginning up to `now`, the
    /// minute in progress, where it is not said.
    pub fn span(
        self,
        (from, to): (Option<Moment>, Option<Moment>),
        now: Minute,
        zone: &TimeZone,
    ) -> Result<Range<Minute>, SpanError> {
        let from = from.map_or_else(|| midnight(local(now, zone).date(), zone), |from| from.minute(zone));
        let to = to.map_or(now, |to| to.minute(zone));
        if to < from {
            return Err(SpanError::EndsBeforeItBegins);
        }
        let days = self.most_days();
        if to.epoch_minutes() - from.epoch_minutes() > (days + 1) * 1440 {
            return Err(SpanError::TooLongForStep(days));
        }
        let begun = self.beginning(to, zone);
        let end = if begun == to { to } else { self.next(begun, zone) };
        Ok(self.beginning(from, zone)..end)
    }
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

    #[test]
    fn steps_join_without_gap_or_overlap() {
        for zone in ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago"] {
            let zone = TimeZone::get(zone).unwrap();
            for step in [Step::HOUR, Step::DAY, Step::MONTH] {
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
        while at < Step::DAY.next(minute("2026-10-24T22:00:00Z"), &berlin()) {
            at = Step::HOUR.next(at, &berlin());
            hours += 1;
        }
        assert_eq!(hours, 25);
    }

    fn asked(from: &str, to: &str, step: Step) -> Result<(String, String), SpanError> {
        let moment = |text: &str| {
            let at = text.parse().map(Moment::At);
            Some(at.unwrap_or_else(|_| Moment::Day(text.parse().unwrap())))
        };
        let span = step.span((moment(from), moment(to)), minute("2026-11-23T17:23:00Z"), &berlin())?;
        Ok((span.start.to_string(), span.end.to_string()))
    }

    #[test]
    fn a_time_is_widened_to_whole_local_steps() {
        let widened = |step| asked("2026-10-25T00:10:00Z", "2026-10-25T01:20:30Z", step).unwrap();
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(widened(Step::Minute), pair("2026-10-25T00:10:00Z", "2026-10-25T01:21:00Z"));
        assert_eq!(widened(Step::HOUR), pair("2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"));
        assert_eq!(widened(Step::DAY), pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
        assert_eq!(widened(Step::MONTH), pair("2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"));
        assert_eq!(
            asked("2026-10-25", "2026-10-26", Step::DAY).unwrap(),
            pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
        );
    }

    #[test]
    fn impossible_times_are_refused() {
        let refused = |from, to, step| asked(from, to, step).unwrap_err();
        assert_eq!(refused("2026-10-03", "2026-10-02", Step::DAY), SpanError::EndsBeforeItBegins);
        assert_eq!(refused("2020-01-01", "2026-01-01", Step::Minute), SpanError::TooLongForStep(366));
        assert!(asked("2020-01-01", "2026-01-01", Step::HOUR).is_ok());
        assert!(asked("0001-01-01", "9999-01-01", Step::MONTH).is_ok(), "held within the years there are");
    }
}
