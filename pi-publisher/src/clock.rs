//! This machine's clocks, as pulses are stamped by them.
//!
//! Pulses are stamped by `CLOCK_MONOTONIC`, which nobody sets. What that is in
//! UTC is `CLOCK_REALTIME` minus it, and reliable only while the clock is
//! synchronised: a Pi has no clock chip, so after a power cut its time is wrong
//! until NTP has answered. [`TrustedClock`](daemon_runtime::TrustedClock) decides which UTC to trust.

use crate::pulse_source::SourceTime;

/// `CLOCK_MONOTONIC`.
pub fn monotonic_now() -> SourceTime {
    SourceTime(daemon_runtime::monotonic_ns())
}
