//! How a day goes: what flows in each hour of the clock, on weekdays and on weekends, and what it costs then. Pure.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use meter_ledger::Sum;

use crate::hour::Hour;
use crate::local_time::local;
use crate::spread::Spread;
use crate::tariff::{Cost, Prices};

/// Hours that are named as the strongest.
const TOP: usize = 10;

/// An hour of the clock, on all days of a kind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HourOfDay {
    /// What was recorded in it.
    pub sum: Sum,
    /// What that costs; `None` where no tariff is known for some of it.
    pub cost: Option<Cost>,
}

/// An hour in which much was used.
#[derive(Debug, Clone, PartialEq)]
pub struct StrongHour {
    /// The hour; where a price changes in it, all of its pieces together.
    pub hour: Hour,
    /// What it costs, without fees.
    pub cost: Option<Cost>,
}

/// The hours of many days.
#[derive(Debug, Clone, PartialEq)]
pub struct DayProfile {
    /// Those of Mondays to Fridays, by the clock.
    pub weekdays: [HourOfDay; 24],
    /// Those of Saturdays and Sundays.
    pub weekends: [HourOfDay; 24],
    /// Those in which most was used, the first of them first.
    pub strongest: Vec<StrongHour>,
}

impl HourOfDay {
    /// What a kWh costs in it in the mean, with VAT and without fees; `None` where nothing was used, or no price is known.
    pub fn price(&self) -> Option<f64> {
        self.cost?.price_of_unit()
    }

    fn add(&mut self, sum: &Sum, cost: Option<Cost>) {
        let is_first = !self.sum.is_known();
        self.sum = self.sum.and(sum);
        self.cost = match (is_first, self.cost, cost) {
            (true, _, cost) => cost,
            (false, Some(before), Some(cost)) => Some([before, cost].into_iter().sum()),
            (false, ..) => None,
        };
    }
}

impl StrongHour {
    /// What the energy of it costs; `None` where the price of some of it is not known.
    pub fn amount(&self) -> Option<f64> {
        self.cost?.known_energy()
    }
}

impl DayProfile {
    /// Of hours, or pieces of them, ascending; those that are known by the hour. `prices` go on at the first of them.
    pub fn new(hours: &[Hour], spread: &Spread, prices: &mut Prices<'_>, zone: &TimeZone) -> Self {
        let mut profile = Self {
            weekdays: std::array::from_fn(|_| HourOfDay::default()),
            weekends: std::array::from_fn(|_| HourOfDay::default()),
            strongest: Vec::new(),
        };
        let mut whole: Option<StrongHour> = None;
        for piece in hours {
            // Also of what is left out: with blocks the next price depends on it.
            let cost = prices.cost(piece);
            if !piece.sum.is_known() || spread.touches(&piece.span) {
                continue;
            }
            let at = local(piece.span.start, zone);
            let is_weekend = matches!(at.date().weekday(), Weekday::Saturday | Weekday::Sunday);
            let of = if is_weekend { &mut profile.weekends } else { &mut profile.weekdays };
            if let Some(hour) = usize::try_from(at.hour()).ok().and_then(|hour| of.get_mut(hour)) {
                hour.add(&piece.sum, cost);
            }
            match whole.as_mut().filter(|whole| whole.goes_on(piece, zone)) {
                Some(whole) => {
                    whole.hour.span.end = piece.span.end;
                    whole.hour.sum = whole.hour.sum.and(&piece.sum);
                    whole.cost = whole.cost.zip(cost).map(|(one, other)| [one, other].into_iter().sum());
                }
                None => {
                    let next = StrongHour { hour: piece.clone(), cost };
                    profile.rank(whole.replace(next));
                }
            }
        }
        profile.rank(whole);
        profile
    }

    fn rank(&mut self, hour: Option<StrongHour>) {
        let Some(hour) = hour.filter(|hour| hour.hour.sum.pulses > 0) else { return };
        let used = hour.hour.sum.counted();
        let place = self.strongest.partition_point(|before| before.hour.sum.counted() >= used);
        if place < TOP {
            self.strongest.insert(place, hour);
            self.strongest.truncate(TOP);
        }
    }

    /// What a unit costs at least and at most in any hour of the clock; `None` where that is the same.
    pub fn price_range(&self) -> Option<(f64, f64)> {
        let prices = self.weekdays.iter().chain(&self.weekends).filter_map(HourOfDay::price);
        let (lowest, highest) = prices
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), price| (low.min(price), high.max(price)));
        (highest - lowest > highest.abs() * 0.01).then_some((lowest, highest))
    }
}

impl StrongHour {
    fn goes_on(&self, piece: &Hour, zone: &TimeZone) -> bool {
        let hour = |at| local(at, zone).hour();
        let (start, end) = (self.hour.span.start, self.hour.span.end);
        let minutes = end.epoch_minutes() - start.epoch_minutes();
        end == piece.span.start && minutes < 60 && hour(start) == hour(piece.span.start)
    }
}
