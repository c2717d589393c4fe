//! A balance, as time goes on. Pure.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::Minute;

use super::balances::Balance;

/// What a balance has come to so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Account {
    balance: Balance,
    quantity: f64,
    minutes: i64,
    /// How far it may be off because a pulse came before or after the end of a time.
    tolerance: f64,
    /// What one pulse of each of its meters is, together.
    pulses: f64,
    end: Option<Minute>,
}

/// A quantity of several meters, of the times that all of them watched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reckoned {
    /// The energy in kWh, or the volume in m³. Below zero only where the meters contradict each other: less than by
    /// a pulse of each is taken for nothing, because each may be counted in the next piece of time. More is said as
    /// it is: it shows that a meter is wrong or stands in the wrong place.
    pub quantity: f64,
    /// How many minutes that is.
    pub minutes: i64,
}

impl Account {
    /// Nothing yet; `pulse` is what a pulse of the meter at a place is.
    pub(super) fn new(balance: Balance, pulse: impl Fn(usize) -> f64) -> Self {
        let pulses = balance.plus.iter().chain(&balance.minus).map(|place| pulse(*place)).sum();
        Self { balance, pulses, ..Self::default() }
    }

    /// Adds a piece of time if all of its meters watched it; `sums` are of all meters by their places.
    pub(super) fn add(&mut self, piece: &Range<Minute>, sums: &[&Sum]) {
        let Some(quantity) = self.of(piece, sums) else { return };
        self.quantity += quantity;
        self.minutes += minutes(piece);
        if self.end != Some(piece.start) {
            self.tolerance += self.pulses;
        }
        self.end = Some(piece.end);
    }

    /// What a piece of time comes to; `None` if not all of its meters watched it.
    pub(super) fn of(&self, piece: &Range<Minute>, sums: &[&Sum]) -> Option<f64> {
        let of = |place: &usize| sums.get(*place).copied();
        let is_watched = |place: &usize| of(place).is_some_and(|sum| is_watched(piece, sum));
        let all = |places: &[usize]| places.iter().filter_map(of).fold(0.0, |all, sum| all + sum.counted());
        let is_known = self.balance.among.iter().all(is_watched);
        is_known.then(|| all(&self.balance.plus) - all(&self.balance.minus))
    }

    /// What it has come to; `None` if no piece of time was watched by all.
    pub(super) fn reckoned(&self) -> Option<Reckoned> {
        let is_nothing = self.quantity < 0.0 && -self.quantity <= self.tolerance + 1e-9;
        let quantity = if is_nothing { 0.0 } else { self.quantity };
        (self.minutes > 0).then_some(Reckoned { quantity, minutes: self.minutes })
    }
}

/// Of a piece of time that is at least as long, a minute may be missing, though it is more than a 60th: the hour has
/// only begun.
const BEGUN_S: u64 = 600;

/// Whether a piece of time was watched: at most a minute of an hour may be missing, as long as a restart takes.
/// Where more of what one meter measured were missing, it would be taken for what another one measured.
fn is_watched(piece: &Range<Minute>, sum: &Sum) -> bool {
    let length_s = (minutes(piece) * Minute::SECONDS).unsigned_abs();
    let missing_s = length_s.saturating_sub(sum.watched_s);
    let may_miss_s = if length_s < BEGUN_S { length_s / 60 } else { (length_s / 60).max(60) };
    length_s > 0 && missing_s <= may_miss_s
}

pub(super) fn minutes(piece: &Range<Minute>) -> i64 {
    piece.end.epoch_minutes() - piece.start.epoch_minutes()
}
