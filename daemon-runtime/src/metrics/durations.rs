//! How long something takes, counted by powers of ten.

use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Up to so many seconds each, and more.
const UP_TO: [f64; 6] = [0.001, 0.01, 0.1, 1.0, 10.0, f64::INFINITY];

/// How often something took how long.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Durations {
    counts: [u64; UP_TO.len()],
    sum_s: f64,
}

impl Durations {
    /// It took so long once more.
    pub fn took(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let place = UP_TO.iter().position(|up_to| seconds <= *up_to).unwrap_or(UP_TO.len() - 1);
        self.counts[place] += 1;
        self.sum_s += seconds;
    }

    pub(super) fn write(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        // The crate adds them up.
        let buckets: Vec<_> = UP_TO.into_iter().zip(self.counts).collect();
        encoder.encode_histogram::<NoLabelSet>(self.sum_s, self.counts.iter().sum(), &buckets, None)
    }
}
