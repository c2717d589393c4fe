//! The months and years of a bill. Pure.

use std::fmt;
use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_messages::{Minute, PeriodKind};
use serde::Deserialize;

use crate::local_time::midnight;

/// The day with which the months and the years of bills begin. Where a month has no such day, its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BillingDay {
    month: i8,
    day: i8,
}

impl Default for BillingDay {
    /// The calendar's.
    fn default() -> Self {
        Self { month: 1, day: 1 }
    }
}

impl TryFrom<String> for BillingDay {
    type Error = &'static str;

    /// Reads `17`, or `05-17` with the month in which a year begins.
    fn try_from(text: String) -> Result<Self, &'static str> {
        let (month, day) = text.split_once('-').unwrap_or(("01", &text));
        let is_plain = |part: &str| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = |part: &str| part.parse().ok().filter(|_| is_plain(part));
        let day = part(month).zip(part(day)).filter(|(month, day)| is_date(*month, *day));
        let (month, day) = day.ok_or("write the first day of a bill like \"17\" or \"05-17\"")?;
        Ok(Self { month, day })
    }
}

/// As it is written.
impl fmt::Display for BillingDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.month {
            1 => write!(f, "{}", self.day),
            month => write!(f, "{month:02}-{:02}", self.day),
        }
    }
}

/// Whether there is such a day in a leap year.
pub(super) fn is_date(month: i8, day: i8) -> bool {
    Date::new(2024, month, day).is_ok()
}

impl BillingDay {
    /// Whether months begin with the calendar's.
    pub(super) fn is_first_of_month(self) -> bool {
        self.day == 1
    }

    /// The day, the month or the year in which a day lies.
    pub(super) fn period(self, kind: PeriodKind, date: Date, zone: &TimeZone) -> Range<Minute> {
        let (first, next) = match kind {
            PeriodKind::Year => self.year(date),
            PeriodKind::Month => self.month(date),
            _ => (date, date.saturating_add(1.day())),
        };
        midnight(first, zone)..midnight(next, zone)
    }

    fn month(self, date: Date) -> (Date, Date) {
        let first =
            |month: Date| month.with().day(self.day.min(month.days_in_month())).build().unwrap_or(month);
        let this = date.first_of_month();
        let next = |month: Date| first(month.saturating_add(1.month()));
        match first(this) <= date {
            true => (first(this), next(this)),
            false => (first(this.saturating_sub(1.month())), first(this)),
        }
    }

    fn year(self, date: Date) -> (Date, Date) {
        let months = i64::from(self.month) - 1;
        let first = |year: Date| {
            let month = year.first_of_year().saturating_add(months.months());
            month.with().day(self.day.min(month.days_in_month())).build().unwrap_or(month)
        };
        let this = first(date);
        match this <= date {
            true => (this, first(date.first_of_year().saturating_add(1.year()))),
            false => (first(date.first_of_year().saturating_sub(1.year())), this),
        }
    }
}
