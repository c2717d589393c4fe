//! How much memory a process has over time, and whether that is flat.

use std::fs;
use std::time::Duration;

/// More growth than this over the second half of a soak is a leak, in percent of what the
/// process has. Below it lies what an allocator does by itself.
const MOST_GROWTH_PERCENT: f64 = 3.0;

/// Growth that says nothing, in KiB: an allocator takes pages by such pieces.
const NOISE_KIB: f64 = 256.0;

/// The resident memory of one process over time.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Whose it is.
    pub name: &'static str,
    /// When it was looked at, and the KiB it had then.
    pub samples: Vec<(Duration, u64)>,
}

impl Memory {
    /// Nothing known yet.
    pub fn of(name: &'static str) -> Self {
        Self { name, samples: Vec::new() }
    }

    /// Looks at the process.
    pub fn sample(&mut self, at: Duration, process: u32) {
        self.samples.extend(resident_kib(process).map(|kib| (at, kib)));
    }

    /// KiB in the middle of the second half's values.
    pub fn level_kib(&self) -> f64 {
        median(self.second_half().iter().map(|(_, kib)| *kib as f64).collect())
    }

    /// KiB that it grew over the second half: the first is for warming up. The median of the
    /// slopes between all pairs of samples (Theil and Sen): single outliers do not matter.
    pub fn growth_kib(&self) -> f64 {
        let half = self.second_half();
        let slope = |one: &(Duration, u64), other: &(Duration, u64)| {
            (other.1 as f64 - one.1 as f64) / (other.0.as_secs_f64() - one.0.as_secs_f64())
        };
        let pairs = half
            .iter()
            .enumerate()
            .flat_map(|(at, one)| half[at + 1..].iter().map(move |other| (one, other)));
        let slopes: Vec<f64> = pairs.map(|(one, other)| slope(one, other)).collect();
        match (half.first(), half.last()) {
            (Some(first), Some(last)) if !slopes.is_empty() => {
                median(slopes) * (last.0.as_secs_f64() - first.0.as_secs_f64())
            }
            _ => 0.0,
        }
    }

    /// What is wrong with it, if it is not flat.
    pub fn fault(&self) -> Option<String> {
        let (growth, level) = (self.growth_kib(), self.level_kib());
        let most = (level * MOST_GROWTH_PERCENT / 100.0).max(NOISE_KIB);
        if self.second_half().len() < 3 {
            return Some(format!("{}: too few samples of its memory", self.name));
        }
        (growth > most).then(|| {
            format!(
                "{} grew by {growth:.0} KiB in the second half, at {level:.0} KiB; {most:.0} were allowed",
                self.name
            )
        })
    }

    fn second_half(&self) -> &[(Duration, u64)] {
        &self.samples[self.samples.len() / 2..]
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn resident_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
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

    #[test]
    fn nothing_is_not_flat() {
        assert!(Memory::of("x").fault().is_some());
    }

    #[test]
    fn a_process_has_memory() {
        assert!(resident_kib(std::process::id()).is_some_and(|kib| kib > 100));
    }
}
