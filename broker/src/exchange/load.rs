//! Load: how much there was of something in a minute, averaged over the last minutes as Unix
//! averages its run queue.

use std::time::{Duration, Instant};

/// Minutes averaged over.
const SPANS: [u32; 3] = [1, 5, 15];

/// The averages of one count.
#[derive(Debug)]
pub(super) struct Load {
    name: &'static str,
    count: u64,
    at: Instant,
    a_minute: [f64; SPANS.len()],
}

impl Load {
    /// `name` is the figure's under `$SYS/broker/load/`.
    pub(super) fn new(name: &'static str, now: Instant) -> Load {
        Load { name, count: 0, at: now, a_minute: [0.0; SPANS.len()] }
    }

    /// Takes in what the count has become.
    pub(super) fn update(&mut self, count: u64, now: Instant) {
        let passed = now.duration_since(self.at);
        if passed < Duration::from_millis(100) {
            return;
        }
        let minutes = passed.as_secs_f64() / 60.0;
        let rate = count.saturating_sub(self.count) as f64 / minutes;
        for (average, span) in self.a_minute.iter_mut().zip(SPANS) {
            let weight = (-minutes / f64::from(span)).exp();
            *average = rate + weight * (*average - rate);
        }
        (self.count, self.at) = (count, now);
    }

    /// Names and values, for each span.
    pub(super) fn figures(&self) -> impl Iterator<Item = (String, String)> {
        let name = self.name;
        SPANS
            .iter()
            .zip(self.a_minute)
            .map(move |(span, average)| (format!("load/{name}/{span}min"), format!("{average:.2}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_reached_and_forgotten() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut load = Load::new("x", start);
        (1..=600).for_each(|second| load.update(second * 10, at(second)));
        let [one, five, fifteen] = load.a_minute;
        assert!((599.0..=600.0).contains(&one), "{one}");
        assert!((500.0..540.0).contains(&five), "{five}");
        assert!((280.0..310.0).contains(&fifteen), "{fifteen}");
        (601..=720).for_each(|second| load.update(6_000, at(second)));
        assert!((75.0..90.0).contains(&load.a_minute[0]), "{:?}", load.a_minute);
        let names: Vec<_> = load.figures().map(|(name, _)| name).collect();
        assert_eq!(names, ["load/x/1min", "load/x/5min", "load/x/15min"]);
    }
}
