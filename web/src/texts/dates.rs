//! Dates as people are used to them.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use meter_figures::Period;
use meter_messages::PeriodKind;

use super::Texts;
use super::patterns::hour;

impl Texts {
    /// A month's short name; January is 1.
    pub(crate) fn short_month(&self, month: i8) -> &'static str {
        self.months[(month - 1).clamp(0, 11) as usize].1
    }

    /// The months' short names, with spaces between them.
    pub(crate) fn short_months(&self) -> String {
        self.months.map(|(_, short)| short).join(" ")
    }

    /// The short name of a date's day of the week.
    pub(crate) fn short_weekday(&self, date: Date) -> &'static str {
        self.weekdays[date.weekday().to_monday_zero_offset().clamp(0, 6) as usize].1
    }

    /// A period's title.
    pub(crate) fn title(&self, period: &Period, zone: &TimeZone) -> String {
        let date = period.first_day(zone);
        match period.kind {
            PeriodKind::Hour => format!("{}, {}", self.date(self.patterns.day, date), hour(period, zone)),
            PeriodKind::Day => self.date(self.patterns.day, date),
            PeriodKind::Week => self.date(self.patterns.week, date),
            PeriodKind::Month => self.date(self.patterns.month, date),
            PeriodKind::Year => format!("{:04}", date.year()),
        }
    }

    /// A day with its weekday.
    pub(crate) fn long_day(&self, date: Date) -> String {
        self.date(self.patterns.day, date)
    }

    /// A day in few letters.
    pub(crate) fn short_day(&self, date: Date) -> String {
        self.date(self.patterns.short_day, date)
    }

    /// A day of any year, without its weekday.
    pub(crate) fn short_date(&self, date: Date) -> String {
        self.date(self.patterns.date, date)
    }

    /// From one day to another, or the only one.
    pub(crate) fn days(&self, first: Date, last: Date) -> String {
        match first == last {
            true => self.short_date(first),
            false => format!("{} – {}", self.short_date(first), self.short_date(last)),
        }
    }

    fn date(&self, pattern: &str, date: Date) -> String {
        let month = self.months[(date.month() - 1).clamp(0, 11) as usize];
        let weekday = self.weekdays[date.weekday().to_monday_zero_offset().clamp(0, 6) as usize];
        let mut text = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let (letter, after) = after.split_once('}').unwrap_or((after, ""));
            text.push_str(&match letter {
                "W" => weekday.0.to_owned(),
                "w" => weekday.1.to_owned(),
                "M" => month.0.to_owned(),
                "m" => month.1.to_owned(),
                "d" => date.day().to_string(),
                "n" => date.month().to_string(),
                "y" => date.year().to_string(),
                "k" => date.iso_week_date().week().to_string(),
                _ => String::new(),
            });
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::texts::{english, german};

    #[test]
    fn dates_are_written_as_people_are_used_to() {
        let zone = TimeZone::get("Australia/Lord_Howe").unwrap();
        for (kind, name, english, german) in [
            (
                PeriodKind::Hour,
                "2026-11-24T17",
                "Tuesday, 24 November 2026, 17:00",
                "Dienstag, 24. November 2026, 17:00",
            ),
            (
                PeriodKind::Hour,
                "2026-04-05T01",
                "Sunday, 5 April 2026, 01:00",
                "Sonntag, 5. April 2026, 01:00",
            ),
            (
                PeriodKind::Hour,
                "2026-04-05T01+1030",
                "Sunday, 5 April 2026, 01:30 (+10:30)",
                "Sonntag, 5. April 2026, 01:30 (+10:30)",
            ),
            (PeriodKind::Day, "2026-11-24", "Tuesday, 24 November 2026", "Dienstag, 24. November 2026"),
            (
                PeriodKind::Week,
                "2026-W48",
                "Week 48, from 23 November 2026",
                "Woche 48, ab 23. November 2026",
            ),
            (PeriodKind::Month, "2026-11", "November 2026", "November 2026"),
            (PeriodKind::Year, "2026", "2026", "2026"),
        ] {
            let period = Period::parse(kind, name, &zone).unwrap();
            assert_eq!(english::TEXTS.title(&period, &zone), english);
            assert_eq!(german::TEXTS.title(&period, &zone), german);
        }
        let at = jiff::civil::datetime(2026, 11, 24, 17, 0, 0, 0);
        assert_eq!(english::TEXTS.short_day(at.date()), "24 Nov");
        assert_eq!(german::TEXTS.short_day(at.date()), "24.11.");
        assert_eq!(german::TEXTS.short_month(3), "Mär");
    }
}
