//! The wall clock: the only place where daemons ask for the time of day.

use jiff::Timestamp;

/// The time of day now, in UTC. It may be wrong, and may step: what must not follow such steps is
/// measured with [`Instant`](std::time::Instant).
#[allow(clippy::disallowed_methods)] // This is the place.
pub fn now() -> Timestamp {
    Timestamp::now()
}
