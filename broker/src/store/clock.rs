//! Between the time that goes on evenly and the calendar, which is what survives a restart.

use std::time::{Duration, Instant};

/// The same moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: Instant,
    /// Since 1970.
    unix: Duration,
}

impl Clock {
    pub(super) fn read() -> Clock {
        let unix_ns = daemon_runtime::now().as_nanosecond().max(0) as u64;
        Clock { now: Instant::now(), unix: Duration::from_nanos(unix_ns) }
    }

    /// Seconds since 1970.
    pub(super) fn unix_seconds(&self) -> i64 {
        self.unix.as_secs() as i64
    }

    /// Milliseconds since 1970 at `instant`, which may be to come.
    pub(super) fn unix_millis_at(&self, instant: Instant) -> i64 {
        let unix = match instant.checked_duration_since(self.now) {
            Some(ahead) => self.unix + ahead,
            None => self.unix.saturating_sub(self.now.duration_since(instant)),
        };
        unix.as_millis() as i64
    }

    /// How long it is from now until so many milliseconds after 1970; no time at all if that is over.
    pub(super) fn until(&self, unix_millis: i64) -> Duration {
        Duration::from_millis(unix_millis.max(0) as u64).saturating_sub(self.unix)
    }

    /// The moment so many milliseconds after 1970, now if that is over.
    pub(super) fn instant_at(&self, unix_millis: i64) -> Instant {
        self.now.checked_add(self.until(unix_millis)).unwrap_or(self.now)
    }
}
