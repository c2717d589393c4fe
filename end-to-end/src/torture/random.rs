//! Random numbers that repeat.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The seed of this run: what `TORTURE_SEED` says, or a new one; printed, so that a failing run
/// can be made again.
pub fn seed(part: &str) -> u64 {
    let seed = match std::env::var("TORTURE_SEED") {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("TORTURE_SEED is {seed:?}, not a number")),
        Err(_) => u64::from(daemon_runtime::now().subsec_nanosecond().unsigned_abs()),
    };
    println!("{part}: TORTURE_SEED={seed} makes this run's plan again");
    seed
}

/// Random numbers: the same for the same seed.
#[derive(Debug, Clone)]
pub struct SeededRandom(ChaCha8Rng);

impl SeededRandom {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// 0 to `end - 1`; the slight preference of the remainder does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    /// True with a probability in percent.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Less than so many milliseconds.
    pub fn millis_below(&mut self, end: u64) -> Duration {
        Duration::from_micros(self.below(end * 1000))
    }

    /// Shuffles a slice.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}
