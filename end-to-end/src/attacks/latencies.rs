//! How long a publisher waited for its PUBACKs.

use std::fmt;
use std::time::Duration;

/// Waiting times, in order.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Of these.
    pub fn of(mut waited: Vec<Duration>) -> Self {
        waited.sort_unstable();
        Self(waited)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What so many of a thousand did not exceed; zero if there are none.
    pub fn per_mille(&self, per_mille: usize) -> Duration {
        let at = (self.0.len() * per_mille / 1000).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// By how much the 99th of a hundred exceeds that of others.
    pub fn p99_ratio(&self, quiet: &Self) -> f64 {
        self.per_mille(990).as_secs_f64() / quiet.per_mille(990).as_secs_f64().max(1e-6)
    }
}

/// The middle one and the 99th of a hundred, in milliseconds.
impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |per_mille| self.per_mille(per_mille).as_secs_f64() * 1e3;
        write!(f, "{:.1} / {:.1} ms", ms(500), ms(990))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_worst_of_a_hundred() {
        let of = |millis: std::ops::RangeInclusive<u64>| {
            Latencies::of(millis.rev().map(Duration::from_millis).collect())
        };
        let (quiet, beside) = (of(1..=100), of(201..=300));
        assert_eq!(quiet.to_string(), "51.0 / 100.0 ms");
        assert_eq!(quiet.count(), 100);
        assert!((beside.p99_ratio(&quiet) - 3.0).abs() < 1e-9);
        assert_eq!(Latencies::default().per_mille(990), Duration::ZERO);
    }
}
