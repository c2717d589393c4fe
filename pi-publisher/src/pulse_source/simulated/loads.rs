//! The power of a household by the clock on its wall. Pure.
//!
//! People live by that clock, so time is counted in *wall minutes*: 1440 to
//! every local day since 1970-01-01. On the 23-hour day an hour of them is
//! left out, on the 25-hour day an hour is lived twice, and nothing else has
//! to know about either.

use std::ops::{Range, RangeInclusive};

use jiff::civil::Date;
use jiff::{ToSpan, civil};

pub(super) use super::appliances::Draw;
use super::appliances::HABITS;
use super::load_profile::{PROFILE_KWH, ProfileDay};
use super::random::{Occasion, SeededRandom};

/// The home for which the appliances are laid out, in kWh a year.
const TABLE_KWH: f64 = 3500.0;
pub(super) const MINUTES_OF_DAY: i64 = 1440;
/// Router, clocks and everything that says it is off, in W.
const STANDBY_W: f64 = 40.0;
const FRIDGE: Compressor =
    Compressor { occasion: Occasion::Fridge, watts: 82.0, cycle: 44, on: (11.0, 18.0), spread: 12.0 };
const FREEZER: Compressor =
    Compressor { occasion: Occasion::Freezer, watts: 68.0, cycle: 71, on: (24.0, 34.0), spread: 18.0 };
/// What stands day and night takes on average, in W.
const STANDING_W: f64 = STANDBY_W + FRIDGE.mean_w() + FREEZER.mean_w();
/// The part of the profile above the standing loads that the appliances of the
/// table leave over, so that a year comes to what was asked for.
const SMALL_LOADS: f64 = 0.54;

/// A compressor that comes on once in each cycle of some wall minutes, earlier
/// or later, for a shorter or longer while.
#[derive(Debug, Clone, Copy)]
struct Compressor {
    occasion: Occasion,
    watts: f64,
    cycle: i64,
    on: (f64, f64),
    spread: f64,
}

impl Compressor {
    const fn mean_w(&self) -> f64 {
        self.watts * (self.on.0 + self.on.1) / 2.0 / self.cycle as f64
    }

    fn add_to(&self, power: &mut Power, seed: u64, size: f64) {
        let (first, last) =
            (power.range.start.div_euclid(self.cycle), power.range.end.div_euclid(self.cycle));
        for cycle in first..=last {
            let mut random = SeededRandom::new(seed, self.occasion, cycle);
            let from = random.between(0.0, self.spread);
            let to = from + random.between(self.on.0, self.on.1);
            power.add(cycle * self.cycle, Draw { from, to, watts: self.watts * size });
        }
    }
}

/// Power by wall minute, in W.
pub(super) struct Power {
    range: Range<i64>,
    watts: Vec<f64>,
}

impl Power {
    /// The same in each minute.
    pub(super) fn new(range: Range<i64>, watts: f64) -> Self {
        Self { watts: vec![watts; (range.end - range.start) as usize], range }
    }

    /// The days that it lies in, and the one before: what begins there may run past midnight.
    pub(super) fn days(&self) -> RangeInclusive<i64> {
        self.range.start.div_euclid(MINUTES_OF_DAY) - 1..=(self.range.end - 1).div_euclid(MINUTES_OF_DAY)
    }

    pub(super) fn into_watts(self) -> Vec<f64> {
        self.watts
    }

    /// Adds what is drawn, counted in minutes from `origin`, as far as it lies
    /// in the range; a minute that it covers in part gets that part.
    pub(super) fn add(&mut self, origin: i64, draw: Draw) {
        let (first, last) = (origin + draw.from as i64, origin + draw.to as i64);
        for minute in first.max(self.range.start)..=last.min(self.range.end - 1) {
            let start = (minute - origin) as f64;
            let covered = draw.to.min(start + 1.0) - draw.from.max(start);
            self.watts[(minute - self.range.start) as usize] += draw.watts * covered;
        }
    }
}

/// One household's loads, fixed by its seed and size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loads {
    seed: u64,
    /// 1 is [`TABLE_KWH`].
    size: f64,
}

impl Loads {
    pub(super) fn new(seed: u64, kwh_per_year: f64) -> Self {
        Self { seed, size: kwh_per_year / TABLE_KWH }
    }

    /// The mean power in each of these wall minutes, in W.
    pub(super) fn power_w(&self, range: Range<i64>) -> Vec<f64> {
        let standby = STANDBY_W * self.size;
        let mut power = Power::new(range, standby);
        FRIDGE.add_to(&mut power, self.seed, self.size);
        FREEZER.add_to(&mut power, self.seed, self.size);
        for day in power.days() {
            let date = date_of(day);
            if !self.away(date) {
                self.add_day(&mut power, day, &ProfileDay::of(date));
            }
        }
        power.watts
    }

    fn add_day(&self, power: &mut Power, day: i64, profile: &ProfileDay) {
        let midnight = day * MINUTES_OF_DAY;
        for (place, habit) in HABITS.iter().enumerate() {
            let random = SeededRandom::new(self.seed, Occasion::Habit(place), day);
            for draw in habit.draws(profile, self.size, random) {
                power.add(midnight, draw);
            }
        }
        if midnight + MINUTES_OF_DAY > power.range.start {
            self.add_small_loads(
                power,
                midnight,
                profile,
                SeededRandom::new(self.seed, Occasion::SmallLoads, day),
            );
        }
    }

    /// All that is too small to be told apart: it follows the profile, changes
    /// every few minutes, and trembles.
    fn add_small_loads(
        &self,
        power: &mut Power,
        midnight: i64,
        profile: &ProfileDay,
        mut random: SeededRandom,
    ) {
        let (mut level, mut change_at) = (1.0, 0.0);
        for minute in 0..MINUTES_OF_DAY {
            let from = minute as f64;
            if from >= change_at {
                level = random.between(0.45, 1.55);
                change_at = from + random.between(3.0, 25.0);
            }
            let mean = profile.power_w(minute as usize) * (TABLE_KWH / PROFILE_KWH);
            let above = (mean - STANDING_W).max(0.0) * SMALL_LOADS * self.size;
            let watts = above * level * random.between(0.92, 1.08);
            power.add(midnight, Draw { from, to: from + 1.0, watts });
        }
    }

    /// Nobody is at home: one to two weeks in summer, and a few days in autumn.
    fn away(&self, date: Date) -> bool {
        let mut random = SeededRandom::new(self.seed, Occasion::Travel, i64::from(date.year()));
        let today = f64::from(date.day_of_year());
        let mut travels = |earliest: f64, latest: f64, shortest: f64, longest: f64| {
            let leaves = random.between(earliest, latest);
            let returns = leaves + random.between(shortest, longest);
            (leaves..returns).contains(&today)
        };
        let summer = travels(183.0, 228.0, 8.0, 14.0);
        let autumn = travels(285.0, 300.0, 3.0, 5.0);
        summer || autumn
    }
}

pub(super) fn date_of(day: i64) -> Date {
    // Days come from minutes of 2000 to 2099, which a date holds.
    civil::date(1970, 1, 1).saturating_add(day.days())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 in days since 1970.
    const NEW_YEAR: i64 = 20_454;

    fn loads() -> Loads {
        Loads::new(1, TABLE_KWH)
    }

    fn day_of(loads: &Loads, day: i64) -> Vec<f64> {
        loads.power_w(day * MINUTES_OF_DAY..(day + 1) * MINUTES_OF_DAY)
    }

    fn days_away(seed: u64) -> Vec<i64> {
        (NEW_YEAR..NEW_YEAR + 365).filter(|day| Loads::new(seed, TABLE_KWH).away(date_of(*day))).collect()
    }

    #[test]
    fn any_piece_of_the_curve_is_the_same() {
        let first = NEW_YEAR * MINUTES_OF_DAY;
        let whole = loads().power_w(first..first + 3 * MINUTES_OF_DAY);
        for (from, to) in [(0, 60), (700, 701), (1380, 1500), (2000, 4320)] {
            let piece = loads().power_w(first + from..first + to);
            assert_eq!(piece, whole[from as usize..to as usize], "{from} to {to}");
        }
    }

    #[test]
    fn a_draw_covers_the_minutes_it_lies_in() {
        let mut power = Power { range: 100..104, watts: vec![10.0; 4] };
        power.add(90, Draw { from: 10.25, to: 12.5, watts: 100.0 });
        power.add(90, Draw { from: 0.0, to: 10.5, watts: 1000.0 });
        power.add(90, Draw { from: 13.75, to: 99.0, watts: 40.0 });
        assert_eq!(power.watts, [585.0, 110.0, 60.0, 20.0]);
    }

    #[test]
    fn a_household_travels_twice_a_year_and_others_at_other_times() {
        for seed in 0..20 {
            let days = days_away(seed);
            assert!((10..=20).contains(&days.len()), "{} days", days.len());
            let journeys = 1 + days.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
            assert_eq!(journeys, 2);
        }
        assert_ne!(days_away(1), days_away(2));
    }

    #[test]
    fn with_nobody_at_home_the_fridge_and_the_freezer_come_and_go() {
        let day = day_of(&loads(), days_away(1)[3]);
        let highest = STANDBY_W + FRIDGE.watts + FREEZER.watts;
        assert!(day.iter().all(|watts| (STANDBY_W..=highest + 0.01).contains(watts)));
        let cools = |watts: f64| watts >= FRIDGE.watts + STANDBY_W - 0.01;
        let starts = day.windows(2).filter(|pair| !cools(pair[0]) && cools(pair[1])).count();
        assert!((28..=36).contains(&starts), "{starts} starts of the fridge in {} minutes", day.len());
        let mean = day.iter().sum::<f64>() / day.len() as f64;
        assert!((mean - STANDING_W).abs() < 5.0, "{mean} W");
    }

    #[test]
    fn a_run_goes_on_past_midnight() {
        // Nothing that heats begins between midnight and six.
        let heats = |day: &i64| {
            let midnight = day * MINUTES_OF_DAY;
            loads().power_w(midnight..midnight + 30).iter().any(|watts| *watts > 1500.0)
        };
        let nights = (NEW_YEAR..NEW_YEAR + 1000).filter(heats).count();
        assert!((1..50).contains(&nights), "the dishwasher in {nights} of 1000 nights");
    }

    #[test]
    fn twice_the_energy_is_twice_the_standing_load() {
        let day = days_away(1)[3];
        let double = day_of(&Loads::new(1, 2.0 * TABLE_KWH), day);
        let single = day_of(&loads(), day);
        assert!(single.iter().zip(double).all(|(one, two)| (two - 2.0 * one).abs() < 1e-6));
    }
}
