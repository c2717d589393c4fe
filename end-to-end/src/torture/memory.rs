//! How much memory a process has over time, and whether that is flat.

use std::time::Duration;

use crate::burden::resident_kib;
use crate::measuring::median;

/// More growth than this over the second half of a soak is a leak, in percent of what the
/// process has. Below it lies what an allocator does by itself.
const MOST_GROWTH_PERCENT: f64 = 3.0;

/// Growth that says nothing, in KiB: an allocator takes memory in such pieces.
const NOISE_KIB: f64 = 256.0;

/// The resident memory of one process over time.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The program's name.
    pub name: &'static str,
    /// When it was measured, and the KiB it had then.
    pub samples: Vec<(Duration, u64)>,
}

impl Memory {
    /// No samples yet.
    pub fn of(name: &'static str) -> Self {
        Self { name, samples: Vec::new() }
    }

    /// Takes a sample of the process.
    pub fn sample(&mut self, at: Duration, process: u32) {
        self.samples.extend(resident_kib(process).map(|kib| (at, kib)));
    }

    /// KiB in the middle of the second half's values.
    pub fn level_kib(&self) -> f64 {
        middle(self.second_half().iter().map(|(_, kib)| *kib as f64).collect())
    }

    /// KiB that it grew over the second half: the first is for warming up.
    pub fn growth_kib(&self) -> f64 {
        let half = self.second_half();
        match (half.first(), half.last()) {
            (Some(first), Some(last)) => slope(half) * (last.0 - first.0).as_secs_f64(),
            _ => 0.0,
        }
    }

    /// KiB by which it goes up and down by itself in the second half, whatever its trend: what
    /// lies between the lowest and the highest tenth of its distances from the trend. A log of
    /// which whole segments are dropped is such a sawtooth, and part of one tooth looks like
    /// growth.
    pub fn swing_kib(&self) -> f64 {
        let half = self.second_half();
        let slope = slope(half);
        let mut beside: Vec<f64> =
            half.iter().map(|(at, kib)| *kib as f64 - slope * at.as_secs_f64()).collect();
        beside.sort_by(f64::total_cmp);
        let tenth = beside.len() / 10;
        match (beside.get(tenth), beside.iter().nth_back(tenth)) {
            (Some(low), Some(high)) => high - low,
            _ => 0.0,
        }
    }

    /// What is wrong with it, if it is not flat.
    pub fn fault(&self) -> Option<String> {
        let (growth, level, swing) = (self.growth_kib(), self.level_kib(), self.swing_kib());
        let most = (level * MOST_GROWTH_PERCENT / 100.0).max(NOISE_KIB) + swing;
        if self.second_half().len() < 3 {
            return Some(format!("{}: too few samples of its memory", self.name));
        }
        (growth > most).then(|| {
            format!(
                "{} grew by {growth:.0} KiB in the second half, at {level:.0} KiB with a swing of {swing:.0}; \
                 {most:.0} were allowed",
                self.name
            )
        })
    }

    fn second_half(&self) -> &[(Duration, u64)] {
        &self.samples[self.samples.len() / 2..]
    }
}

/// KiB a second: the median of the slopes between all pairs of samples (Theil and Sen), so that
/// single outliers do not matter.
fn slope(samples: &[(Duration, u64)]) -> f64 {
    let between = |one: &(Duration, u64), other: &(Duration, u64)| {
        (other.1 as f64 - one.1 as f64) / (other.0.as_secs_f64() - one.0.as_secs_f64())
    };
    let pairs = samples.iter().enumerate();
    let pairs = pairs.flat_map(|(at, one)| samples[at + 1..].iter().map(move |other| between(one, other)));
    middle(pairs.collect())
}

/// The median; nothing of nothing.
fn middle(values: Vec<f64>) -> f64 {
    if values.is_empty() { 0.0 } else { median(values) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(kib: impl Fn(u64) -> u64) -> Memory {
        let samples = (0..60).map(|minute| (Duration::from_secs(60 * minute), kib(minute))).collect();
        Memory { name: "x", samples }
    }

    /// Up and down by 2 %, in no order that repeats soon.
    fn noise(minute: u64) -> u64 {
        (minute * 7919 % 401) + 19_800
    }

    #[test]
    fn a_level_with_noise_is_flat() {
        assert_eq!(memory(|_| 20_000).fault(), None);
        assert_eq!(memory(noise).fault(), None);
        assert_eq!(memory(|minute| if minute == 45 { 90_000 } else { noise(minute) }).fault(), None);
    }

    #[test]
    fn what_grows_only_while_it_warms_up_is_flat() {
        assert_eq!(memory(|minute| 20_000 + 100 * minute.min(25)).fault(), None);
    }

    #[test]
    fn a_leak_is_found_also_under_noise() {
        // 50 KiB a minute: 7 % in half an hour.
        assert!(memory(|minute| noise(minute) + 50 * minute).fault().is_some());
        assert!(memory(|minute| 20_000 + 30 * minute).fault().is_some());
    }

    /// A broker's hour at 200 messages a second, minute by minute: up to 26 MiB, and down where
    /// segments of the router's logs are dropped.
    const SAWTOOTH: [u64; 60] = [
        19176, 21508, 22608, 22656, 23588, 23356, 23612, 24080, 25548, 25020, 25036, 25048, 25512, 22628,
        23516, 24908, 25144, 24692, 24696, 24716, 24736, 24996, 25028, 25068, 25356, 24332, 24828, 24832,
        24832, 24836, 24844, 24844, 24844, 24848, 24848, 24848, 24848, 25344, 25776, 25780, 24688, 25184,
        23768, 24652, 25096, 25096, 25560, 25560, 25560, 26024, 26024, 26524, 26524, 26524, 26524, 24700,
        25556, 26020, 24664, 24664,
    ];

    #[test]
    fn a_sawtooth_is_flat_and_a_leak_under_it_is_found() {
        assert_eq!(memory(|minute| SAWTOOTH[minute as usize]).fault(), None);
        assert!(memory(|minute| SAWTOOTH[minute as usize] + 70 * minute).fault().is_some());
    }

    #[test]
    fn nothing_is_not_flat() {
        assert!(Memory::of("x").fault().is_some());
    }

    #[test]
    fn a_process_has_memory() {
        assert!(resident_kib(std::process::id()).is_some_and(|kib| kib > 100));
    }
}
