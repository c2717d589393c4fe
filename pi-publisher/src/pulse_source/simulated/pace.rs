//! How fast a simulated household's time passes.

use std::time::Duration;

use daemon_runtime::utc_offset_ns;

use crate::clock::monotonic_now;
use crate::pulse_source::SourceTime;

/// How simulated time follows real time.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// It is real time.
    RealTime,
    /// It was `then` when our monotonic clock showed `here`, and has gone
    /// `speed` times as fast since.
    Times { speed: f64, then: SourceTime, here: SourceTime },
}

impl Pace {
    /// From now on `speed` times as fast as real time, beginning at `then`.
    pub(super) fn times(speed: f64, then: SourceTime) -> Self {
        Self::Times { speed, then, here: monotonic_now() }
    }

    /// The simulated time, in UTC.
    pub(super) fn now(&self) -> SourceTime {
        match *self {
            Self::RealTime => monotonic_now().plus_ns(utc_offset_ns()),
            Self::Times { speed, then, here } => {
                then.plus_ns((monotonic_now().since(here) as f64 * speed) as i64)
            }
        }
    }

    /// How far simulated time advances in a real second.
    pub(super) fn second_ns(&self) -> i64 {
        (1e9 * self.speed()) as i64
    }

    /// How long that takes in real time.
    pub(super) fn until(&self, then: SourceTime) -> Duration {
        let ahead = then.since(self.now()).max(0);
        Duration::from_nanos((ahead as f64 / self.speed()) as u64)
    }

    fn speed(&self) -> f64 {
        match *self {
            Self::RealTime => 1.0,
            Self::Times { speed, .. } => speed,
        }
    }
}
