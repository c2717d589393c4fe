//! Counts what was refused, and keeps the log readable meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Lines a second about refusals; the figures count them all.
const LINES: u64 = 10;

/// What was refused since the start.
#[derive(Debug)]
pub(crate) struct Refusals {
    pub(crate) logins: AtomicU64,
    pub(crate) publishes: AtomicU64,
    pub(crate) subscriptions: AtomicU64,
    started: Instant,
    /// The second in its upper bits, the lines of this second below.
    lines: AtomicU64,
}

impl Default for Refusals {
    fn default() -> Self {
        Refusals {
            logins: AtomicU64::new(0),
            publishes: AtomicU64::new(0),
            subscriptions: AtomicU64::new(0),
            started: Instant::now(),
            lines: AtomicU64::new(0),
        }
    }
}

impl Refusals {
    /// Whether one more line may go to the log in this second.
    pub(crate) fn may_log(&self) -> bool {
        let second = self.started.elapsed().as_secs() << 32;
        let count = |lines: u64| Some(if lines & !0xffff_ffff == second { lines + 1 } else { second + 1 });
        let before = self.lines.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).unwrap_or(0);
        before & !0xffff_ffff != second || before & 0xffff_ffff < LINES
    }

    /// The counts with their names under `$SYS/broker/`.
    pub(crate) fn figures(&self) -> [(String, String); 3] {
        let counters = [
            ("logins", &self.logins),
            ("publishes", &self.publishes),
            ("subscriptions", &self.subscriptions),
        ];
        counters.map(|(name, counter)| {
            (format!("access/refused/{name}"), counter.load(Ordering::Relaxed).to_string())
        })
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_writes_a_few_lines() {
        let refusals = Refusals::default();
        let lines = (0..100_000).filter(|_| refusals.may_log()).count() as u64;
        let seconds = refusals.started.elapsed().as_secs() + 1;
        assert!((LINES..=LINES * seconds).contains(&lines), "{lines}");
    }
}
