//! Sums between two minutes.

use std::cmp::Ordering;
use std::ops::Range;

use meter_messages::{FEW_PULSES, MeterConstant};

use crate::OutboxMinute;

/// So many pulses are few. What power follows from the time between them is told by `between_pulses`.
const FEW: u64 = FEW_PULSES as u64;

/// The sum between two minutes. Pulses are kept apart by meter constant: a
/// meter that was replaced has more than one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sum {
    /// Pulses.
    pub pulses: u64,
    /// Minutes that were recorded.
    pub minutes: u64,
    /// Seconds during which the line was watched.
    pub watched_s: u64,
    shares: Vec<(MeterConstant, u64)>,
    /// What has flowed by the time between pulses, in kWh or m³, where that was asked for because these are few.
    between_pulses: Option<f64>,
    extremes: Option<Extremes>,
}

/// The lowest and the highest power of a minute in W, or flow in l/h.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Extremes {
    least: f64,
    most: f64,
    /// Whether the strongest minute has few pulses, so that they tell nothing by their number.
    is_of_few: bool,
}

impl Extremes {
    fn and(self, other: Self) -> Self {
        let is_of_few = match self.most.total_cmp(&other.most) {
            Ordering::Less => other.is_of_few,
            Ordering::Equal => self.is_of_few && other.is_of_few,
            Ordering::Greater => self.is_of_few,
        };
        Self { least: self.least.min(other.least), most: self.most.max(other.most), is_of_few }
    }
}

/// What is known of a step by the time between pulses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    /// In kWh or m³.
    quantity: f64,
    extremes: Option<Extremes>,
}

impl Spread {
    /// Adds a minute: its power in W, or flow in l/h, and how much of it was watched.
    pub(crate) fn add(&mut self, rate: f64, watched_ms: i64) {
        self.quantity += rate * watched_ms as f64 / 3.6e9;
        let of_minute = Extremes { least: rate, most: rate, is_of_few: false };
        self.extremes = Some(self.extremes.map_or(of_minute, |known| known.and(of_minute)));
    }
}

/// Minutes under one constant, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    pub(crate) pulses: u64,
    pub(crate) minutes: u64,
    pub(crate) watched_s: u64,
    /// The fewest pulses in one minute.
    pub(crate) least: u64,
    /// The most pulses in one minute.
    pub(crate) most: u64,
}

impl Counted {
    /// Whether each second of these minutes was watched.
    pub(crate) fn is_watched_throughout(&self, minutes: &Range<i64>) -> bool {
        i64::try_from(self.watched_s) == Ok(60 * (minutes.end - minutes.start))
    }

    /// Adds two sums.
    pub(crate) fn and(&self, other: &Self) -> Self {
        let least = match (self.minutes, other.minutes) {
            (0, _) => other.least,
            (_, 0) => self.least,
            _ => self.least.min(other.least),
        };
        Self {
            pulses: self.pulses + other.pulses,
            minutes: self.minutes + other.minutes,
            watched_s: self.watched_s + other.watched_s,
            least,
            most: self.most.max(other.most),
        }
    }
}

/// Minutes of outboxes, in order, added up: one that several share is one minute.
pub(crate) fn shared_minutes(rows: &[OutboxMinute]) -> Counted {
    let minutes = rows.chunk_by(|one, next| one.minute == next.minute).map(shared);
    minutes.fold(Counted::default(), |sum, minute| sum.and(&minute))
}

/// One minute of several outboxes.
fn shared(rows: &[OutboxMinute]) -> Counted {
    let pulses = rows.iter().map(|row| u64::from(row.pulses)).sum();
    let watched_s = rows.iter().map(|row| u64::from(row.watched_s)).sum::<u64>().min(60);
    Counted { pulses, minutes: 1, watched_s, least: pulses, most: pulses }
}

impl Sum {
    /// The energy in kWh, or the volume in m³; `None` where nobody watched, which is not the same as zero.
    pub fn quantity(&self) -> Option<f64> {
        self.is_known().then(|| self.counted())
    }

    /// The energy in kWh, or the volume in m³, that was counted, to be added to others: 0 where nobody watched.
    pub fn counted(&self) -> f64 {
        // Not `sum()`, which is -0 where there is nothing to add.
        self.shares.iter().fold(0.0, |all, (constant, pulses)| all + constant.quantity(*pulses))
    }

    /// Whether anything is known of that time. Pulses may have been counted although nobody can say how long the
    /// line was watched.
    pub fn is_known(&self) -> bool {
        self.watched_s > 0 || self.pulses > 0
    }

    /// The mean power of the watched time in W, or flow in l/h; `None` where nobody watched. Where pulses are few it
    /// follows from the time between them, not from their number.
    pub fn mean_rate(&self) -> Option<f64> {
        let quantity = self.between_pulses.unwrap_or_else(|| self.counted());
        (self.watched_s > 0).then(|| quantity * 3_600_000.0 / self.watched_s as f64)
    }

    /// The mean power of the strongest minute in W, or flow in l/h; `None` where nobody watched, and where that minute
    /// has few pulses: then [`crate::Ledger::highest_rate`] tells it.
    pub fn highest_rate(&self) -> Option<f64> {
        self.known_extremes().map(|known| known.most)
    }

    /// The same of the weakest minute.
    pub fn lowest_rate(&self) -> Option<f64> {
        self.known_extremes().map(|known| known.least)
    }

    /// Whether pulses are so few that their power follows from the time between them.
    pub fn is_between_pulses(&self) -> bool {
        self.between_pulses.is_some()
    }

    fn known_extremes(&self) -> Option<Extremes> {
        self.extremes.filter(|known| !known.is_of_few)
    }

    /// The pulses under each meter constant.
    pub fn shares(&self) -> impl Iterator<Item = (MeterConstant, u64)> {
        self.shares.iter().copied()
    }

    /// Adds two sums.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.minutes += other.minutes;
        both.watched_s += other.watched_s;
        both.extremes = match (self.extremes, other.extremes) {
            (Some(one), Some(other)) => Some(one.and(other)),
            (one, other) => one.or(other),
        };
        other.shares.iter().for_each(|(constant, pulses)| both.count(*constant, *pulses));
        let is_known = self.between_pulses.is_some() || other.between_pulses.is_some();
        let spread = |sum: &Self| sum.between_pulses.unwrap_or_else(|| sum.counted());
        both.between_pulses = (is_known && both.pulses <= FEW).then(|| spread(self) + spread(other));
        both
    }

    pub(crate) fn add(&mut self, constant: MeterConstant, counted: Counted) {
        self.minutes += counted.minutes;
        self.watched_s += counted.watched_s;
        self.count(constant, counted.pulses);
        let rate = |pulses| constant.rate(pulses, 60.0);
        let (least, most) = (rate(counted.least), rate(counted.most));
        let counted = Extremes { least, most, is_of_few: counted.most <= FEW };
        self.extremes = Some(self.extremes.map_or(counted, |known| known.and(counted)));
    }

    /// Whether it was watched and has few pulses.
    pub(crate) fn has_few_pulses(&self) -> bool {
        self.watched_s > 0 && self.pulses <= FEW
    }

    /// Whether its strongest minute has few pulses, but some.
    pub(crate) fn has_few_pulses_a_minute(&self) -> bool {
        self.watched_s > 0 && self.pulses > 0 && self.extremes.is_some_and(|known| known.is_of_few)
    }

    /// Takes what is known of it by the time between pulses.
    pub(crate) fn know_between_pulses(&mut self, spread: Spread) {
        if let Some(extremes) = spread.extremes {
            self.between_pulses = Some(spread.quantity);
            self.extremes = Some(extremes);
        }
    }

    /// A time without a pulse has the same power in all its minutes.
    pub(crate) fn be_even_without_pulses(&mut self) {
        if let Some(rate) = self.mean_rate().filter(|_| self.pulses == 0) {
            self.extremes = Some(Extremes { least: rate, most: rate, is_of_few: false });
        }
    }

    fn count(&mut self, constant: MeterConstant, pulses: u64) {
        self.pulses += pulses;
        match self.shares.binary_search_by_key(&constant, |(known, _)| *known) {
            Ok(at) => self.shares[at].1 += pulses,
            Err(_) if pulses == 0 => {}
            Err(at) => self.shares.insert(at, (constant, pulses)),
        }
    }
}
