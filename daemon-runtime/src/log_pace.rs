//! How often a line is logged that others can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line that others can cause as often as they like is logged at most this often.
const EVERY: Duration = Duration::from_secs(60);

/// One cause of log lines, a `static` beside them: says when the next line is due.
#[derive(Debug)]
pub struct LogPace(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    logged: Option<Instant>,
    left_out: u64,
}

impl LogPace {
    /// Nothing logged yet.
    #[allow(clippy::new_without_default, reason = "a default is not const")]
    pub const fn new() -> Self {
        Self(Mutex::new(Lines { logged: None, left_out: 0 }))
    }

    /// Whether the line is to be logged now; then how many were left out since the last one.
    pub fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.logged.is_some_and(|at| now.duration_since(at) < EVERY) {
            lines.left_out += 1;
            return None;
        }
        lines.logged = Some(now);
        Some(std::mem::take(&mut lines.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_logged_and_then_one_a_minute_with_what_was_left_out() {
        let (pace, began) = (LogPace::new(), Instant::now());
        let due = |second| pace.due_at(began + Duration::from_secs(second));
        assert_eq!([0, 0, 59, 60, 61, 120].map(due), [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
