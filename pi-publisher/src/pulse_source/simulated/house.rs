//! A simulated house of several meters: what each of them measures. Pure.
//!
//! All of it follows from the same seed, so that the meters of a house fit together: what is made and not used goes
//! out, and what is used and not made comes in. Rates are in W, or in litres an hour.

use std::ops::Range;

use serde::Deserialize;

use super::appliances::{COOKER, Habit, KILN, LASER, TAPS, WORKSHOP_LIGHT};
use super::load_profile::ProfileDay;
use super::loads::{Draw, Loads, MINUTES_OF_DAY, Power, date_of};
use super::random::{Occasion, SeededRandom};

/// What a meter of the house measures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MeterOf {
    /// What people use at home: all there is if it is the only meter.
    #[default]
    Household,
    /// What comes in from the grid: the household, the heat pump and the workshop, less what is made at the same time.
    Import,
    /// What goes out to the grid.
    Export,
    /// What the panels on the roof make.
    Production,
    /// The heat pump.
    HeatPump,
    /// A workshop with two machines.
    Workshop,
    /// One of them: a laser cutter.
    Laser,
    /// The other one: a kiln.
    Kiln,
    /// Gas for cooking.
    Gas,
    /// Water.
    Water,
    /// A meter that was never wired.
    Nothing,
}

impl MeterOf {
    /// As it stands in the settings.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Household => "household",
            Self::Import => "import",
            Self::Export => "export",
            Self::Production => "production",
            Self::HeatPump => "heat-pump",
            Self::Workshop => "workshop",
            Self::Laser => "laser",
            Self::Kiln => "kiln",
            Self::Gas => "gas",
            Self::Water => "water",
            Self::Nothing => "nothing",
        }
    }
}

/// The heat pump runs once in each cycle of so many minutes, the longer the colder it is.
const HEAT_PUMP_CYCLE: i64 = 80;
const HEAT_PUMP_W: f64 = 1900.0;

/// What the panels make at noon in the middle of summer, in W.
const PANELS_W: f64 = 4200.0;

/// What the workshop takes when nobody is there, in W.
const WORKSHOP_STANDBY_W: f64 = 12.0;

/// The house behind the meters.
#[derive(Debug, Clone, Copy)]
pub(super) struct House {
    seed: u64,
    household: Loads,
}

impl House {
    pub(super) fn new(seed: u64, household_kwh_per_year: f64) -> Self {
        Self { seed, household: Loads::new(seed, household_kwh_per_year) }
    }

    /// The mean rate at a meter in each of these wall minutes.
    pub(super) fn rate(&self, meter: MeterOf, range: Range<i64>) -> Vec<f64> {
        let habits = |habits, base| self.habits(habits, base, range.clone());
        match meter {
            MeterOf::Household => self.household.power_w(range),
            MeterOf::Import => self.balance(range).map(|watts| watts.max(0.0)).collect(),
            MeterOf::Export => self.balance(range).map(|watts| (-watts).max(0.0)).collect(),
            MeterOf::Production => self.production(range),
            MeterOf::HeatPump => self.heat_pump(range),
            MeterOf::Workshop => {
                let parts =
                    [habits(WORKSHOP_LIGHT, WORKSHOP_STANDBY_W), habits(LASER, 0.0), habits(KILN, 0.0)];
                sums(&parts).collect()
            }
            MeterOf::Laser => habits(LASER, 0.0),
            MeterOf::Kiln => habits(KILN, 0.0),
            MeterOf::Gas => habits(COOKER, 0.0),
            MeterOf::Water => habits(TAPS, 0.0),
            MeterOf::Nothing => vec![0.0; range.count()],
        }
    }

    /// What is used, less what is made.
    fn balance(&self, range: Range<i64>) -> impl Iterator<Item = f64> {
        let of = |meter| self.rate(meter, range.clone());
        let used = [of(MeterOf::Household), of(MeterOf::HeatPump), of(MeterOf::Workshop)];
        let used: Vec<f64> = sums(&used).collect();
        used.into_iter().zip(of(MeterOf::Production)).map(|(used, made)| used - made)
    }

    fn habits(&self, habits: &[Habit], base: f64, range: Range<i64>) -> Vec<f64> {
        let mut power = Power::new(range, base);
        for day in power.days() {
            let profile = ProfileDay::of(date_of(day));
            for (place, habit) in habits.iter().enumerate() {
                let random = SeededRandom::new(self.seed, habit.occasion(place), day);
                for draw in habit.draws(&profile, 1.0, random) {
                    power.add(day * MINUTES_OF_DAY, draw);
                }
            }
        }
        power.into_watts()
    }

    fn heat_pump(&self, range: Range<i64>) -> Vec<f64> {
        let cycles = range.start.div_euclid(HEAT_PUMP_CYCLE)..=range.end.div_euclid(HEAT_PUMP_CYCLE);
        let mut power = Power::new(range, 0.0);
        for cycle in cycles {
            let begin = cycle * HEAT_PUMP_CYCLE;
            let cold = ProfileDay::of(date_of(begin.div_euclid(MINUTES_OF_DAY))).winter();
            let mut random = SeededRandom::new(self.seed, Occasion::HeatPump, cycle);
            let share = (0.3 + 0.26 * cold + random.between(-0.05, 0.05)).clamp(0.04, 0.8);
            let watts = HEAT_PUMP_W * random.between(0.94, 1.06);
            power.add(begin, Draw { from: 2.0, to: 2.0 + share * HEAT_PUMP_CYCLE as f64, watts });
        }
        power.into_watts()
    }

    /// The sun by a parabola, and clouds.
    fn production(&self, range: Range<i64>) -> Vec<f64> {
        let mut power = Power::new(range, 0.0);
        for day in power.days() {
            let winter = ProfileDay::of(date_of(day)).winter();
            let mut random = SeededRandom::new(self.seed, Occasion::Clouds, day);
            let (length, noon) = ((12.0 - 4.0 * winter) * 60.0, (12.7 - 0.5 * winter) * 60.0);
            let clear = random.between(0.25, 1.0);
            let most = PANELS_W * (0.62 - 0.38 * winter) * clear;
            let (mut shade, mut change_at) = (1.0, 0.0);
            for minute in 0..MINUTES_OF_DAY {
                let from = minute as f64;
                if from >= change_at {
                    shade = 1.0 - (1.0 - clear) * random.fraction();
                    change_at = from + random.between(4.0, 20.0);
                }
                let way = (from - noon + length / 2.0) / length;
                let height = (4.0 * way * (1.0 - way)).max(0.0);
                let watts = most * height * (0.6 + 0.4 * height) * shade;
                power.add(day * MINUTES_OF_DAY, Draw { from, to: from + 1.0, watts });
            }
        }
        power.into_watts()
    }
}

fn sums(parts: &[Vec<f64>]) -> impl Iterator<Item = f64> {
    let minutes = parts.first().map_or(0, Vec::len);
    (0..minutes).map(|minute| parts.iter().map(|part| part[minute]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 in wall minutes.
    const NEW_YEAR: i64 = 20_454 * MINUTES_OF_DAY;

    fn kwh(meter: MeterOf, days: Range<i64>) -> f64 {
        let range = NEW_YEAR + days.start * MINUTES_OF_DAY..NEW_YEAR + days.end * MINUTES_OF_DAY;
        House::new(1, 3500.0).rate(meter, range).iter().sum::<f64>() / 60_000.0
    }

    #[test]
    fn what_is_used_and_made_comes_in_and_goes_out() {
        let all = |meter| kwh(meter, 0..365);
        let used = all(MeterOf::Household) + all(MeterOf::HeatPump) + all(MeterOf::Workshop);
        let balance = all(MeterOf::Import) + all(MeterOf::Production) - all(MeterOf::Export);
        assert!((used - balance).abs() < 1e-6, "{used} kWh used, {balance} kWh by the balance");
        for (meter, expected) in [
            (MeterOf::HeatPump, 3000.0..7000.0),
            (MeterOf::Production, 3000.0..7000.0),
            (MeterOf::Export, 1000.0..5000.0),
            (MeterOf::Workshop, 400.0..3000.0),
            (MeterOf::Gas, 30.0..400.0),
            (MeterOf::Water, 30.0..200.0),
            (MeterOf::Nothing, 0.0..0.1),
        ] {
            assert!(expected.contains(&all(meter)), "{meter:?}: {} a year", all(meter));
        }
        assert!(all(MeterOf::Laser) + all(MeterOf::Kiln) < all(MeterOf::Workshop));
    }

    #[test]
    fn winter_heats_and_summer_shines() {
        let (january, july) = (0..31, 181..212);
        assert!(kwh(MeterOf::HeatPump, january.clone()) > 3.0 * kwh(MeterOf::HeatPump, july.clone()));
        assert!(kwh(MeterOf::Production, july) > 2.0 * kwh(MeterOf::Production, january));
    }

    #[test]
    fn any_piece_is_the_same() {
        let house = House::new(1, 3500.0);
        for meter in [MeterOf::Import, MeterOf::Export, MeterOf::Workshop, MeterOf::Water] {
            let whole = house.rate(meter, NEW_YEAR..NEW_YEAR + 2 * MINUTES_OF_DAY);
            let piece = house.rate(meter, NEW_YEAR + 1300..NEW_YEAR + 1600);
            assert_eq!(piece, whole[1300..1600], "{meter:?}");
        }
    }
}
