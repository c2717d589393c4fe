//! The quarter of an hour in progress, against the month's highest so far: pure.

use jiff::{SignedDuration, Timestamp};

/// A quarter of an hour.
const LENGTH: SignedDuration = SignedDuration::from_mins(15);

/// The quarter of an hour in progress, as far as it is recorded, and the month's highest before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quarter {
    /// Its beginning.
    pub start: Timestamp,
    /// Up to when it is recorded.
    pub recorded_until: Timestamp,
    /// What was counted until then, in Wh.
    pub energy_wh: f64,
    /// The mean power of the month's highest quarter of an hour before it, in W.
    pub highest_w: f64,
}

impl Quarter {
    /// Its mean power in W if it goes on at some power; `None` if it is not the one of `now`.
    pub fn expected_w(&self, power_w: f64, now: Timestamp) -> Option<f64> {
        let end = self.start + LENGTH;
        let rest_h = end.duration_since(self.recorded_until).as_secs_f64() / 3_600.0;
        let is_now = self.start <= now && now < end;
        is_now.then(|| 4.0 * (self.energy_wh + power_w * rest_h.max(0.0)))
    }
}
