//! Other prices at some times of some days of the year. Pure.

use jiff::civil::Date;

use super::billing::is_date;
use super::settings::TimeSettings;

const MINUTES_OF_DAY: u16 = 24 * 60;

/// The names of days in settings, Monday first; the last is any holiday.
const DAYS: [&str; 8] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"];

/// Which of [`DAYS`] holidays are.
const HOLIDAY: usize = 7;

/// A day as prices see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PricedDay {
    /// Which of [`DAYS`].
    day: usize,
    /// Month and day.
    of_year: (i8, i8),
}

impl PricedDay {
    /// A holiday is no day of the week, where holidays matter.
    pub(super) fn new(date: Date, is_holiday: bool) -> Self {
        let of_week = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or_default();
        Self { day: if is_holiday { HOLIDAY } else { of_week }, of_year: (date.month(), date.day()) }
    }
}

/// When another price holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Time {
    /// From one minute of the day to another, which may lie before it: then over midnight. All of the day where they
    /// are the same.
    from: u16,
    to: u16,
    days: [bool; 8],
    /// Whether the days are said, and holidays among them.
    pub(super) names_holidays: bool,
    /// Months and days, both included; over the turn of the year where the second is the earlier one.
    season: Option<[(i8, i8); 2]>,
}

impl Time {
    /// What the settings say, or what they should.
    pub(super) fn new(settings: &TimeSettings) -> Result<Self, &'static str> {
        let (from, to) = times_of_day(settings.hours.as_deref())
            .ok_or("hours must be two times of day, like \"22-6\" or \"00:30-07:30\"")?;
        let days = days(settings.days.as_deref())
            .ok_or("days must be like \"mon-fri\", \"sat,sun\" or \"sun,holiday\"")?;
        let season = settings.season.as_deref().map(|text| {
            season(text).ok_or("season must be two days of the year, month first, like \"11-01 to 03-31\"")
        });
        let names_holidays = settings.days.is_some() && days[HOLIDAY];
        Ok(Self { from, to, days, names_holidays, season: season.transpose()? })
    }

    pub(super) fn contains(&self, day: PricedDay, minute: u16) -> bool {
        let by_clock = match self.from < self.to {
            true => (self.from..self.to).contains(&minute),
            false => minute >= self.from || minute < self.to,
        };
        let in_season = self.season.is_none_or(|[first, last]| match first <= last {
            true => (first..=last).contains(&day.of_year),
            false => day.of_year >= first || day.of_year <= last,
        });
        by_clock && in_season && self.days[day.day]
    }

    /// The minutes of the day with which it begins and ends.
    pub(super) fn bounds(&self) -> [u16; 2] {
        [self.from, self.to]
    }

    /// Whether it never holds, because of those that stand before it.
    pub(super) fn is_hidden_by(&self, before: &[Self]) -> bool {
        let all = || before.iter().chain(std::iter::once(self));
        // Where nothing begins or ends, nothing changes.
        let minutes = || all().flat_map(Self::bounds).chain([0]);
        let seasons = all().filter_map(|time| time.season).flat_map(|[first, last]| [first, after(last)]);
        let mut of_year = seasons.chain([(1, 1)]);
        let holds = |day: PricedDay, minute: u16| {
            self.contains(day, minute) && !before.iter().any(|time| time.contains(day, minute))
        };
        let any = |of_year: (i8, i8)| {
            let days = (0..DAYS.len()).map(|day| PricedDay { day, of_year });
            days.flat_map(|day| minutes().map(move |minute| (day, minute)))
                .any(|(day, minute)| holds(day, minute))
        };
        !of_year.any(any)
    }
}

/// The day of the year after one.
fn after((month, day): (i8, i8)) -> (i8, i8) {
    let next = Date::new(2024, month, day).ok().and_then(|date| date.tomorrow().ok());
    next.map_or((1, 1), |next| (next.month(), next.day()))
}

/// Two minutes of the day, both below 24 hours.
fn times_of_day(text: Option<&str>) -> Option<(u16, u16)> {
    let Some(text) = text else { return Some((0, 0)) };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (time_of_day(from.trim())?, time_of_day(to.trim())?);
    Some((from % MINUTES_OF_DAY, to % MINUTES_OF_DAY))
}

/// `6`, `06:00` or `24`, in minutes.
fn time_of_day(text: &str) -> Option<u16> {
    let (hour, minute) = match text.split_once(':') {
        Some((hour, minute)) => (number(hour)?, number(minute).filter(|_| minute.len() == 2)?),
        None => (number(text)?, 0),
    };
    let (hour, minute) = (u16::from(hour), u16::from(minute));
    Some(hour * 60 + minute).filter(|at| minute < 60 && *at <= MINUTES_OF_DAY)
}

/// One or two digits.
fn number(text: &str) -> Option<u8> {
    let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn days(text: Option<&str>) -> Option<[bool; 8]> {
    let Some(text) = text else { return Some([true; 8]) };
    let day = |text: &str| DAYS.iter().position(|name| *name == text.trim().to_lowercase());
    let mut days = [false; 8];
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => {
                (day(from).filter(|day| *day < HOLIDAY)?, day(to).filter(|day| *day < HOLIDAY)?)
            }
            None => (day(part)?, day(part)?),
        };
        let mut at = from;
        days[at] = true;
        while at != to {
            at = (at + 1) % HOLIDAY;
            days[at] = true;
        }
    }
    Some(days)
}

fn season(text: &str) -> Option<[(i8, i8); 2]> {
    let day = |text: &str| {
        let (month, day) = text.trim().split_once('-')?;
        let day = (i8::try_from(number(month)?).ok()?, i8::try_from(number(day)?).ok()?);
        Some(day).filter(|(month, day)| is_date(*month, *day))
    };
    let (first, last) = text.split_once(" to ")?;
    Some([day(first)?, day(last)?])
}
