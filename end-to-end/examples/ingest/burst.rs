//! One minute of many meters, all within its first second: as when their clocks are right.

use std::time::{Duration, Instant};

use end_to_end::measuring::median;

use crate::meters::Meters;
use crate::shape::Running;

/// What it came to, as a sentence.
pub(crate) fn measure(count: usize, rounds: usize) -> String {
    let meters = Meters::new(count, rounds + 1);
    let mut running = Running::start(&meters, count);
    let mut seconds = Vec::new();
    for seq in 2..=rounds as u64 + 1 {
        // As many in flight as there are meters: each has a publisher of its own.
        let minute = meters.minutes(seq, seq, count);
        let marked = meters.marked(running.site.mqtt, seq);
        let began = Instant::now();
        running.publisher.publish_within(&minute, Duration::from_secs(1));
        let (at, _) = marked.join().unwrap();
        seconds.push(at.duration_since(began).as_secs_f64());
    }
    running.recorder.stop();
    meters.check_ledger(&running.site, rounds as u64 + 1);
    let slowest = seconds.iter().copied().fold(0.0, f64::max);
    format!(
        "A minute of {count} meters, published within a second, was recorded and marked {:.2} s after it began \
         ({slowest:.2} s at worst).",
        median(seconds)
    )
}
