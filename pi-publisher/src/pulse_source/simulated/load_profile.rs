//! The shape of the standard load profile H0: what households use on average.
//!
//! Germany's energy suppliers (VDEW, now BDEW) publish how a customer without
//! a load meter uses energy in the course of a day, a week and a year. The
//! figures here are the hourly means of H0's quarter-hours, rounded to whole
//! watts and joined by straight lines, and only holidays of a fixed date are
//! known: the shape of H0, good for a picture, not the table for accounts.

use jiff::civil::{Date, Weekday};

/// The mean energy in a year of which the profile speaks, in kWh.
pub(super) const PROFILE_KWH: f64 = 1000.0;

/// How households divide the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayType {
    Workday,
    Saturday,
    Sunday,
}

impl DayType {
    fn of(date: Date) -> Self {
        match (date.month(), date.day(), date.weekday()) {
            (1, 1, _) | (12, 25 | 26, _) | (_, _, Weekday::Sunday) => Self::Sunday,
            (12, 24 | 31, _) | (_, _, Weekday::Saturday) => Self::Saturday,
            _ => Self::Workday,
        }
    }
}

/// The profile's three seasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Season {
    Winter,
    Transition,
    Summer,
}

impl Season {
    fn of(date: Date) -> Self {
        match (date.month(), date.day()) {
            (11 | 12 | 1 | 2, _) | (3, ..=20) => Self::Winter,
            (5, 15..) | (6..=8, _) | (9, ..=14) => Self::Summer,
            _ => Self::Transition,
        }
    }
}

/// Watts of each hour at 1000 kWh a year: by season, by type of day.
const HOURS: [[[u8; 24]; 3]; 3] = [
    [
        [
            58, 43, 40, 39, 39, 47, 90, 129, 133, 123, 116, 118, 131, 129, 115, 105, 105, 129, 166, 187, 168,
            141, 117, 86,
        ],
        [
            67, 53, 42, 40, 38, 40, 53, 82, 120, 142, 148, 155, 167, 166, 153, 144, 145, 180, 209, 210, 172,
            134, 122, 104,
        ],
        [
            78, 56, 45, 41, 39, 39, 41, 50, 89, 138, 174, 203, 207, 173, 136, 117, 107, 126, 156, 176, 160,
            136, 115, 85,
        ],
    ],
    [
        [
            67, 49, 44, 43, 44, 53, 93, 130, 137, 136, 132, 133, 150, 146, 127, 113, 106, 116, 145, 172, 168,
            156, 136, 100,
        ],
        [
            73, 56, 46, 44, 43, 45, 59, 93, 130, 150, 163, 172, 181, 177, 161, 149, 147, 159, 183, 198, 180,
            147, 139, 117,
        ],
        [
            84, 62, 49, 44, 43, 43, 46, 66, 111, 160, 185, 205, 208, 169, 136, 121, 107, 112, 138, 161, 155,
            144, 128, 94,
        ],
    ],
    [
        [
            74, 55, 50, 47, 49, 59, 98, 130, 142, 144, 139, 142, 158, 153, 132, 119, 115, 122, 142, 165, 167,
            158, 145, 112,
        ],
        [
            83, 64, 52, 50, 50, 52, 64, 93, 128, 156, 165, 171, 182, 176, 157, 148, 145, 149, 166, 180, 173,
            154, 149, 125,
        ],
        [
            90, 67, 54, 51, 50, 49, 51, 69, 112, 160, 187, 206, 209, 175, 144, 124, 108, 110, 127, 152, 159,
            151, 140, 108,
        ],
    ],
];

/// The profile of one day.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProfileDay {
    pub(super) day_type: DayType,
    hours: &'static [u8; 24],
    dynamisation: f64,
}

impl ProfileDay {
    pub(super) fn of(date: Date) -> Self {
        let day_type = DayType::of(date);
        Self {
            day_type,
            hours: &HOURS[Season::of(date) as usize][day_type as usize],
            dynamisation: dynamisation(f64::from(date.day_of_year())),
        }
    }

    /// Mean power in W of a household of [`PROFILE_KWH`] a year.
    pub(super) fn power_w(&self, minute_of_day: usize) -> f64 {
        // An hour's mean is what its middle has.
        let since_first_middle = minute_of_day.saturating_sub(30);
        let hour = (since_first_middle / 60).min(23);
        let watts = |hour: usize| f64::from(self.hours[hour.min(23)]);
        let way = (since_first_middle % 60) as f64 / 60.0;
        (watts(hour) * (1.0 - way) + watts(hour + 1) * way) * self.dynamisation
    }

    /// 1 in the middle of winter, about -0.8 in the middle of summer.
    pub(super) fn winter(&self) -> f64 {
        (self.dynamisation - 1.0) / 0.25
    }
}

/// H0 is the only profile that also varies over the year, by this polynomial of
/// the day of the year.
fn dynamisation(day_of_year: f64) -> f64 {
    // From the highest power down; no powi, whose last bits are the platform's.
    [-3.92e-10, 3.2e-7, -7.02e-5, 2.1e-3, 1.24].iter().fold(0.0, |sum, factor| sum * day_of_year + factor)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_year_of_it_is_a_thousand_kwh() {
        let year = date(2026, 1, 1).series(1.day()).take(365);
        let kwh: f64 = year
            .map(|date| {
                let day = ProfileDay::of(date);
                (0..1440).map(|minute| day.power_w(minute)).sum::<f64>() / 60_000.0
            })
            .sum();
        assert!((kwh - PROFILE_KWH).abs() < 10.0, "{kwh} kWh");
    }

    #[test]
    fn seasons_begin_and_end_on_their_dates() {
        use Season::{Summer, Transition, Winter};
        for (month, day, season) in [
            (1, 1, Winter),
            (3, 20, Winter),
            (3, 21, Transition),
            (5, 14, Transition),
            (5, 15, Summer),
            (9, 14, Summer),
            (9, 15, Transition),
            (10, 31, Transition),
            (11, 1, Winter),
        ] {
            assert_eq!(Season::of(date(2026, month, day)), season, "{day}.{month}.");
        }
    }

    #[test]
    fn feasts_are_sundays_and_their_eves_saturdays() {
        assert_eq!(DayType::of(date(2026, 12, 25)), DayType::Sunday, "a Friday");
        assert_eq!(DayType::of(date(2026, 12, 24)), DayType::Saturday, "a Thursday");
        assert_eq!(DayType::of(date(2023, 12, 24)), DayType::Sunday, "a Sunday it stays");
        assert_eq!(DayType::of(date(2026, 10, 5)), DayType::Workday);
    }

    #[test]
    fn the_middle_of_an_hour_has_its_value() {
        let monday = ProfileDay::of(date(2026, 1, 12));
        let at = |hour: usize, minute: usize| monday.power_w(hour * 60 + minute) / monday.dynamisation;
        assert!((at(19, 30) - 187.0).abs() < 1e-9);
        assert!((at(3, 30) - 39.0).abs() < 1e-9);
        assert!((at(20, 0) - 177.5).abs() < 1e-9, "half way to 168");
    }
}
