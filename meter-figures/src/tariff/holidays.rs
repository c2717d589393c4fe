//! A site's holidays. Pure.

use std::fmt;

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;

use super::billing::is_date;

/// A holiday, once or every year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Holiday {
    /// `2026-10-31`
    Once(Date),
    /// `12-25`: month and day.
    EveryYear(i8, i8),
    /// `easter`, `easter+1` or `easter-2`: so many days after Easter Sunday, the western churches'.
    Easter(i16),
}

impl TryFrom<String> for Holiday {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let holiday = if let Some(days) = text.strip_prefix("easter") {
            let days = if days.is_empty() { Some(0) } else { days.parse().ok() };
            let has_sign = text.len() == 6 || text[6..].starts_with(['+', '-']);
            days.filter(|days: &i16| has_sign && days.unsigned_abs() <= 100).map(Self::Easter)
        } else if text.len() == 5 && !text.contains('+') {
            let day =
                text.split_once('-').and_then(|(month, day)| Some((month.parse().ok()?, day.parse().ok()?)));
            day.filter(|(month, day)| is_date(*month, *day)).map(|(month, day)| Self::EveryYear(month, day))
        } else {
            text.parse().ok().map(Self::Once)
        };
        holiday.ok_or_else(|| {
            format!("\"{text}\" is no holiday; write it like \"2026-10-31\", \"12-25\" or \"easter+1\"")
        })
    }
}

/// As it is written.
impl fmt::Display for Holiday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once(day) => write!(f, "{day}"),
            Self::EveryYear(month, day) => write!(f, "{month:02}-{day:02}"),
            Self::Easter(0) => f.write_str("easter"),
            Self::Easter(days) => write!(f, "easter{days:+}"),
        }
    }
}

impl Holiday {
    /// Whether it is on that day.
    pub(super) fn is_on(self, date: Date) -> bool {
        match self {
            Self::Once(day) => day == date,
            Self::EveryYear(month, day) => (month, day) == (date.month(), date.day()),
            Self::Easter(days) => easter_sunday(date.year())
                .is_some_and(|easter| easter.saturating_add(i64::from(days).days()) == date),
        }
    }
}

/// By the Gregorian calendar's rule, as Meeus and others write it.
fn easter_sunday(year: i16) -> Option<Date> {
    let (golden, century, of_century) = (year % 19, year / 100, year % 100);
    let corrected = century - century / 4 - (century - (century + 8) / 25 + 1) / 3 + 15;
    let full_moon = (19 * golden + corrected) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (of_century / 4) - full_moon - of_century % 4) % 7;
    let late = (golden + 11 * full_moon + 22 * weekday) / 451;
    let days = full_moon + weekday - 7 * late + 114;
    Date::new(year, i8::try_from(days / 31).ok()?, i8::try_from(days % 31 + 1).ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["2026-10-31", "12-25", "easter", "easter+1", "easter-2"] {
            assert_eq!(Holiday::try_from(text.to_owned()).unwrap().to_string(), text);
        }
    }

    #[test]
    fn easter_is_when_the_almanac_says() {
        for (year, day) in [
            (1818, "1818-03-22"),
            (1943, "1943-04-25"),
            (1954, "1954-04-18"),
            (2000, "2000-04-23"),
            (2024, "2024-03-31"),
            (2025, "2025-04-20"),
            (2026, "2026-04-05"),
            (2027, "2027-03-28"),
            (2038, "2038-04-25"),
            (2049, "2049-04-18"),
        ] {
            assert_eq!(easter_sunday(year).unwrap().to_string(), day);
        }
        // In any year there is.
        assert!((1..=9999).all(|year| easter_sunday(year).is_some()));
    }

    #[test]
    fn holidays_are_dates_days_of_the_year_or_days_around_easter() {
        let is_on = |holiday: &str, day: &str| {
            Holiday::try_from(holiday.to_owned()).unwrap().is_on(day.parse().unwrap())
        };
        assert!(is_on("2026-10-30", "2026-10-30") && !is_on("2026-10-30", "2027-10-30"));
        assert!(is_on("12-25", "2031-12-25") && !is_on("12-25", "2031-12-24"));
        assert!(is_on("easter-2", "2026-04-03"), "Good Friday");
        assert!(is_on("easter", "2026-04-05"));
        assert!(is_on("easter+50", "2026-05-25"), "Whit Monday");
        for bad in [
            "",
            "easter1",
            "easter+",
            "easter+101",
            "easter-32768",
            "02-30",
            "13-01",
            "1-1",
            "2026-02-30",
            "xmas",
            "ä-01",
        ] {
            let error = Holiday::try_from(bad.to_owned()).unwrap_err();
            assert!(error.contains("write it like"), "{error}");
        }
    }
}
