//! Medians, and ratios of what was measured in the same round.

use std::time::Duration;

/// The one in the middle; of an even number the upper one.
///
/// # Panics
/// If there is none.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    percentile(figures, 50)
}

/// The one that so many of a hundred are below.
///
/// # Panics
/// If there is none.
pub fn percentile(figures: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[(figures.len() * percent / 100).min(figures.len() - 1)]
}

/// Ratios of the same rounds: the median, and the least and the greatest where there are several.
///
/// # Panics
/// If there is none.
pub fn ratios(ours: &[f64], theirs: &[f64]) -> String {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    let (least, greatest) = fastest_to_slowest(ratios.iter().copied());
    match ratios.len() {
        1 => format!("{least:.2}"),
        _ => format!("{:.2} ({least:.2} to {greatest:.2})", median(ratios)),
    }
}

/// The least and the greatest.
pub fn fastest_to_slowest(figures: impl IntoIterator<Item = f64>) -> (f64, f64) {
    figures
        .into_iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, greatest), it| (least.min(it), greatest.max(it)))
}

/// A time in ms.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// A time in µs.
pub fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_the_same_round() {
        // The median of each would be 20 and 2: a ratio that no round had.
        assert_eq!(ratios(&[10.0, 20.0, 30.0], &[1.0, 4.0, 2.0]), "10.00 (5.00 to 15.00)");
        assert_eq!(ratios(&[3.0], &[2.0]), "1.50");
    }

    #[test]
    fn the_middle_one_and_the_last_but_few() {
        assert_eq!((median([3.0, 1.0, 2.0]), median([1.0, 2.0])), (2.0, 2.0));
        let hundred = || (1..=100).rev().map(f64::from);
        assert_eq!((percentile(hundred(), 99), percentile(hundred(), 100)), (100.0, 100.0));
    }
}
