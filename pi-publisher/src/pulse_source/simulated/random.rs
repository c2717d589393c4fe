//! Random numbers that are the same every time.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What random numbers are for. These values are part of the curve: they never change.
#[derive(Debug, Clone, Copy)]
pub(super) enum Occasion {
    Fridge,
    Freezer,
    SmallLoads,
    Travel,
    MeterPhase,
    HeatPump,
    Clouds,
    /// One of the workshop's habits, by the machine and its place there.
    Machine(usize),
    /// One of [`super::appliances::HABITS`], by its place there.
    Habit(usize),
}

impl Occasion {
    fn number(self) -> u64 {
        match self {
            Self::Fridge => 1,
            Self::Freezer => 2,
            Self::SmallLoads => 3,
            Self::Travel => 4,
            Self::MeterPhase => 5,
            Self::HeatPump => 6,
            Self::Clouds => 7,
            Self::Machine(number) => 10_000 + number as u64,
            Self::Habit(place) => 100 + place as u64,
        }
    }
}

/// Random numbers for one occasion of one day (or cycle, or year).
///
/// Each is a ChaCha stream of its own, keyed by seed, occasion and day: no day
/// needs another day's numbers, so any day can be calculated directly. ChaCha's stream is a
/// standard, and fractions are made here, so they outlive new crate versions.
pub(super) struct SeededRandom(ChaCha8Rng);

impl SeededRandom {
    pub(super) fn new(seed: u64, occasion: Occasion, index: i64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&occasion.number().to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// From 0 up to, but not, 1.
    pub(super) fn fraction(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    /// Anything from `low` up to, but not, `high`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.fraction()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_throws_for_ever() {
        let mut random = SeededRandom::new(7, Occasion::Habit(2), 20_000);
        let throws = [random.fraction(), random.fraction(), random.fraction()].map(|f| (f * 1e6) as u32);
        assert_eq!(throws, [951_354, 922_943, 924_576], "another curve than before for every seed there is");
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, occasion, index| SeededRandom::new(seed, occasion, index).0.next_u64();
        let all = [
            first(7, Occasion::Fridge, 1),
            first(8, Occasion::Fridge, 1),
            first(7, Occasion::Freezer, 1),
            first(7, Occasion::Fridge, 2),
            first(7, Occasion::Fridge, -1),
        ];
        for (place, number) in all.iter().enumerate() {
            assert!(!all[..place].contains(number));
        }
    }
}
