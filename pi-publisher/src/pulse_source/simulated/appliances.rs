//! What is switched on, for how long, how often: a home of 3500 kWh a year.

use super::load_profile::ProfileDay;
use super::random::{Occasion, SeededRandom};

/// A piece of a programme: heating, turning, drying.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    watts: f64,
    /// Shortest and longest, in minutes.
    minutes: (f64, f64),
    /// A thermostat's minutes on and off; none runs through.
    thermostat: Option<(f64, f64)>,
}

/// Something people do with an appliance at about a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habit {
    programme: &'static [Phase],
    /// Earliest and latest start, in hours of the day; the middle is likeliest.
    hours: (f64, f64),
    /// Times on a workday, a Saturday, a Sunday.
    per_day: [f64; 3],
    /// How much more in the middle of winter: 0.5 is half as much again, and
    /// in summer about as much less.
    winter: f64,
    /// Of which machine of the house it is a habit, apart from the household's.
    machine: Option<usize>,
}

/// An appliance drawing power for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Draw {
    /// Minutes since the day began, with fractions; may lie in the next day.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) watts: f64,
}

const KETTLE: &[Phase] = &[steady(2200.0, 1.8, 3.6)];
const TOASTER: &[Phase] = &[steady(900.0, 2.0, 4.0)];
const HAIR_DRYER: &[Phase] = &[steady(1500.0, 3.0, 7.0)];
const MICROWAVE: &[Phase] = &[steady(1250.0, 2.0, 6.0)];
const ONE_PLATE: &[Phase] = &[steady(1800.0, 5.0, 9.0), cycling(1400.0, 10.0, 20.0, 1.0, 2.0)];
const WHOLE_MEAL: &[Phase] = &[
    steady(1800.0, 4.0, 6.0),
    steady(3200.0, 6.0, 10.0),
    cycling(1800.0, 10.0, 20.0, 2.0, 2.0),
    cycling(900.0, 8.0, 15.0, 1.0, 2.0),
];
const OVEN: &[Phase] = &[steady(2500.0, 9.0, 13.0), cycling(2400.0, 25.0, 50.0, 2.0, 4.0)];
const DISHWASHER: &[Phase] = &[
    steady(60.0, 8.0, 12.0),
    steady(2050.0, 12.0, 16.0),
    steady(80.0, 25.0, 35.0),
    steady(2050.0, 9.0, 13.0),
    steady(45.0, 15.0, 25.0),
];
const WASH: &[Phase] = &[
    steady(120.0, 4.0, 6.0),
    steady(2050.0, 10.0, 18.0),
    cycling(260.0, 35.0, 50.0, 2.0, 1.0),
    steady(480.0, 6.0, 9.0),
];
const WASH_AND_DRY: &[Phase] = &[
    steady(120.0, 4.0, 6.0),
    steady(2050.0, 10.0, 18.0),
    cycling(260.0, 35.0, 50.0, 2.0, 1.0),
    steady(480.0, 6.0, 9.0),
    steady(0.0, 5.0, 40.0),
    cycling(2300.0, 50.0, 75.0, 7.0, 2.0),
    steady(180.0, 5.0, 9.0),
];
const VACUUM: &[Phase] = &[steady(850.0, 8.0, 14.0), steady(0.0, 1.0, 4.0), steady(850.0, 4.0, 10.0)];
const IRON: &[Phase] = &[steady(2000.0, 2.0, 3.0), cycling(2000.0, 20.0, 40.0, 0.6, 2.0)];
const TELEVISION: &[Phase] = &[steady(110.0, 90.0, 210.0)];
const COMPUTER: &[Phase] = &[steady(95.0, 50.0, 200.0)];
const EVENING_LIGHT: &[Phase] = &[steady(60.0, 30.0, 70.0), steady(130.0, 150.0, 240.0)];
const LATE_LIGHT: &[Phase] = &[steady(90.0, 50.0, 110.0)];
const MORNING_LIGHT: &[Phase] = &[steady(110.0, 35.0, 75.0)];

/// All of them. A habit's place is its name ([`super::random::Occasion`]):
/// add new ones at the end, or every simulated year changes.
pub(super) const HABITS: &[Habit] = &[
    habit(KETTLE, (6.2, 8.2), [1.2, 0.4, 0.3], 0.2),
    habit(KETTLE, (8.0, 11.0), [0.3, 1.4, 1.5], 0.2),
    habit(KETTLE, (14.0, 18.5), [0.6, 1.0, 1.1], 0.3),
    habit(KETTLE, (19.5, 22.5), [0.4, 0.4, 0.4], 0.6),
    habit(TOASTER, (6.4, 8.0), [0.6, 0.1, 0.1], 0.0),
    habit(TOASTER, (8.5, 10.5), [0.0, 0.8, 0.9], 0.0),
    habit(HAIR_DRYER, (6.3, 7.8), [0.5, 0.0, 0.0], 0.2),
    habit(HAIR_DRYER, (8.5, 11.5), [0.0, 0.5, 0.5], 0.2),
    habit(MICROWAVE, (11.8, 13.8), [0.5, 0.2, 0.1], 0.0),
    habit(MICROWAVE, (17.5, 20.5), [0.3, 0.3, 0.2], 0.0),
    habit(ONE_PLATE, (11.4, 13.0), [0.3, 0.4, 0.2], 0.1),
    habit(WHOLE_MEAL, (11.0, 12.6), [0.1, 0.4, 0.7], 0.1),
    habit(ONE_PLATE, (16.9, 20.0), [0.4, 0.3, 0.4], 0.1),
    habit(WHOLE_MEAL, (17.0, 20.2), [0.35, 0.35, 0.15], 0.1),
    habit(OVEN, (10.5, 12.0), [0.0, 0.1, 0.3], 0.3),
    habit(OVEN, (16.0, 19.6), [0.1, 0.3, 0.15], 0.4),
    habit(DISHWASHER, (12.8, 14.5), [0.1, 0.2, 0.4], 0.05),
    habit(DISHWASHER, (19.4, 23.4), [0.5, 0.5, 0.5], 0.05),
    habit(WASH, (8.5, 11.5), [0.15, 0.4, 0.1], -0.1),
    habit(WASH, (14.5, 20.0), [0.25, 0.2, 0.1], -0.1),
    habit(WASH_AND_DRY, (9.5, 13.5), [0.04, 0.4, 0.05], 0.8),
    habit(WASH_AND_DRY, (13.5, 18.5), [0.1, 0.05, 0.02], 0.8),
    habit(VACUUM, (9.5, 12.5), [0.02, 0.6, 0.05], 0.0),
    habit(VACUUM, (14.5, 18.0), [0.08, 0.2, 0.02], 0.0),
    habit(IRON, (14.0, 20.5), [0.1, 0.15, 0.15], 0.0),
    habit(TELEVISION, (18.8, 20.8), [0.9, 0.95, 0.95], 0.1),
    habit(TELEVISION, (9.0, 16.0), [0.1, 0.4, 0.5], 0.4),
    habit(COMPUTER, (8.5, 14.0), [0.4, 0.4, 0.4], 0.1),
    habit(COMPUTER, (15.5, 21.0), [0.7, 0.6, 0.6], 0.1),
    habit(EVENING_LIGHT, (15.8, 18.2), [0.55, 0.55, 0.55], 1.1),
    habit(LATE_LIGHT, (20.3, 22.3), [0.9, 0.95, 0.9], 0.0),
    habit(MORNING_LIGHT, (5.9, 7.2), [0.5, 0.1, 0.05], 1.0),
];

/// People in the workshop, who switch the light on.
pub(super) const WORKSHOP_LIGHT: &[Habit] = &[
    of(0, habit(&[steady(190.0, 60.0, 240.0)], (16.5, 20.5), [0.8, 0.9, 0.5], 0.2)),
    of(0, habit(&[steady(150.0, 60.0, 180.0)], (10.0, 15.0), [0.1, 0.8, 0.4], 0.2)),
];

/// A laser cutter with its exhaust.
pub(super) const LASER: &[Habit] = &[of(
    1,
    habit(
        &[steady(250.0, 3.0, 8.0), cycling(1250.0, 25.0, 90.0, 6.0, 3.0)],
        (17.0, 21.0),
        [0.6, 0.9, 0.3],
        0.0,
    ),
)];

/// A kiln: it heats up for hours, and holds its temperature.
pub(super) const KILN: &[Habit] = &[of(
    2,
    habit(
        &[steady(3400.0, 130.0, 200.0), cycling(3300.0, 180.0, 320.0, 4.0, 4.0)],
        (9.0, 13.0),
        [0.12, 0.35, 0.05],
        0.0,
    ),
)];

/// Gas for cooking, in litres an hour.
pub(super) const COOKER: &[Habit] = &[
    of(3, habit(&[steady(180.0, 3.0, 8.0)], (6.5, 8.5), [0.7, 0.8, 0.8], 0.2)),
    of(3, habit(&[steady(420.0, 8.0, 15.0), steady(160.0, 10.0, 35.0)], (17.5, 20.0), [0.8, 0.8, 0.8], 0.2)),
];

/// Water, in litres an hour.
pub(super) const TAPS: &[Habit] = &[
    of(4, habit(&[steady(540.0, 4.0, 9.0)], (6.0, 8.5), [1.6, 1.2, 1.0], 0.0)),
    of(4, habit(&[steady(400.0, 0.4, 2.0)], (6.0, 23.0), [14.0, 16.0, 16.0], 0.0)),
    of(4, habit(&[steady(700.0, 4.0, 7.0)], (9.0, 20.0), [0.3, 0.6, 0.2], 0.0)),
];

const fn steady(watts: f64, shortest: f64, longest: f64) -> Phase {
    Phase { watts, minutes: (shortest, longest), thermostat: None }
}

const fn cycling(watts: f64, shortest: f64, longest: f64, on: f64, off: f64) -> Phase {
    Phase { watts, minutes: (shortest, longest), thermostat: Some((on, off)) }
}

const fn habit(programme: &'static [Phase], hours: (f64, f64), per_day: [f64; 3], winter: f64) -> Habit {
    Habit { programme, hours, per_day, winter, machine: None }
}

const fn of(machine: usize, habit: Habit) -> Habit {
    Habit { machine: Some(machine), ..habit }
}

impl Habit {
    /// What its random numbers are for, by its place among those of its machine.
    pub(super) fn occasion(&self, place: usize) -> Occasion {
        self.machine.map_or(Occasion::Habit(place), |machine| Occasion::Machine(100 * machine + place))
    }

    /// What this habit draws on a day, in a home `size` times as large as the
    /// table's: there it happens as much more often.
    pub(super) fn draws(&self, day: &ProfileDay, size: f64, mut random: SeededRandom) -> Vec<Draw> {
        let mean = self.per_day[day.day_type as usize] * size * (1.0 + self.winter * day.winter()).max(0.0);
        let times = (mean + random.fraction()) as u32;
        let mut draws = Vec::new();
        for _ in 0..times {
            let (earliest, latest) = self.hours;
            let way = (random.fraction() + random.fraction()) / 2.0;
            let mut at = (earliest + (latest - earliest) * way) * 60.0;
            // The mains' voltage, and how full it is.
            let strength = random.between(0.95, 1.04);
            for phase in self.programme {
                let end = at + random.between(phase.minutes.0, phase.minutes.1);
                phase.draw(at, end, strength, &mut draws);
                at = end;
            }
        }
        draws
    }
}

impl Phase {
    fn draw(&self, from: f64, to: f64, strength: f64, draws: &mut Vec<Draw>) {
        let watts = self.watts * strength;
        let Some((on, off)) = self.thermostat else {
            draws.push(Draw { from, to, watts });
            return;
        };
        let mut switched_on = from;
        while switched_on < to {
            draws.push(Draw { from: switched_on, to: to.min(switched_on + on), watts });
            switched_on += on + off;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn random(day: i64) -> SeededRandom {
        SeededRandom::new(1, Occasion::Habit(0), day)
    }

    #[test]
    fn a_thermostat_switches_off_and_on_until_the_phase_ends() {
        let mut draws = vec![];
        cycling(1000.0, 0.0, 0.0, 2.0, 3.0).draw(10.0, 21.0, 1.0, &mut draws);
        let watts = 1000.0;
        assert_eq!(
            draws,
            [
                Draw { from: 10.0, to: 12.0, watts },
                Draw { from: 15.0, to: 17.0, watts },
                Draw { from: 20.0, to: 21.0, watts }
            ]
        );
    }

    #[test]
    fn habits_happen_as_often_as_said_and_in_their_hours() {
        let workday = ProfileDay::of(date(2026, 4, 15));
        let kettle = habit(KETTLE, (6.0, 8.0), [1.5, 0.0, 0.0], 0.0);
        let draws: Vec<Draw> = (0..2000).flat_map(|day| kettle.draws(&workday, 2.0, random(day))).collect();
        assert!((5_800..6_200).contains(&draws.len()), "{} in 2000 days", draws.len());
        assert!(draws.iter().all(|draw| (360.0..480.0).contains(&draw.from)));
        let sunday = ProfileDay::of(date(2026, 4, 19));
        assert_eq!(kettle.draws(&sunday, 2.0, random(1)), []);
    }

    #[test]
    fn no_run_lasts_into_the_day_after_the_next() {
        for habit in [HABITS, WORKSHOP_LIGHT, LASER, KILN, COOKER, TAPS].concat() {
            let longest: f64 = habit.programme.iter().map(|phase| phase.minutes.1).sum();
            assert!(habit.hours.0 < habit.hours.1 && habit.hours.1 * 60.0 + longest < 2.0 * 1440.0);
        }
    }
}
