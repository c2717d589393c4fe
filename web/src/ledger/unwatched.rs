//! How long meters were not watched, as Prometheus is told: that reads years of days, so it is kept for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use meter_messages::Meter;

/// For so long it is good.
const TRUSTED_FOR: Duration = Duration::from_secs(600);

/// When it was worked out for each meter, and how many seconds in how many gaps it was.
type Known = HashMap<Meter, (Instant, (u64, u64))>;

/// What was not watched of meters, as it was worked out last.
#[derive(Debug, Default)]
pub(crate) struct Unwatched(Mutex<Known>);

impl Unwatched {
    /// Seconds and gaps of a meter, if they are known.
    pub(crate) fn of(&self, meter: &Meter) -> Option<(u64, u64)> {
        self.known().get(meter).map(|(_, unwatched)| *unwatched)
    }

    /// Whether they are not known, or for too long.
    pub(crate) fn is_due(&self, meter: &Meter) -> bool {
        self.known().get(meter).is_none_or(|(since, _)| since.elapsed() > TRUSTED_FOR)
    }

    /// They are known now.
    pub(crate) fn keep(&self, meter: Meter, unwatched: (u64, u64)) {
        self.known().insert(meter, (Instant::now(), unwatched));
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
