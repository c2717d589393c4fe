//! The machine's clocks: the only place where daemons ask for the time of day.

use std::io;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// From this error on the kernel's clock counts as not synchronised, in
/// microseconds. It is what systemd's `time-sync.target` goes by; the flag
/// `STA_UNSYNC` stays set under chrony without `rtcsync`.
const LARGEST_ERROR_US: i64 = 16_000_000;

/// The time of day now, in UTC. It may be wrong, and may step: what must not follow such steps is
/// measured with [`Instant`](std::time::Instant).
#[allow(clippy::disallowed_methods)] // This is the place.
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// What this machine's clocks say at one moment, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`, which nobody sets.
    pub monotonic_ns: i64,
    /// `CLOCK_BOOTTIME` at that moment: it runs through a suspend.
    pub boot_ns: i64,
    /// Added to a monotonic time, gives UTC since 1970.
    pub utc_offset_ns: i64,
    /// Whether the kernel considers that UTC right, to within 16 s.
    pub synchronised: bool,
}

impl Clocks {
    /// Reads them all.
    ///
    /// # Errors
    /// Only a kernel that refuses `adjtimex` (a strict seccomp filter) fails.
    pub fn now() -> io::Result<Self> {
        let monotonic_ns = monotonic_ns();
        let boot_ns = monotonic_ns + offset_ns(ClockId::Boottime);
        Ok(Self { monotonic_ns, boot_ns, utc_offset_ns: utc_offset_ns(), synchronised: is_synchronised()? })
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> i64 {
    clock_ns(ClockId::Monotonic)
}

/// `CLOCK_REALTIME` minus `CLOCK_MONOTONIC`, in nanoseconds.
pub fn utc_offset_ns() -> i64 {
    offset_ns(ClockId::Realtime)
}

/// When the machine was started, as its clock has it now: in seconds since 1970, to a hundredth. `/proc/stat` says it,
/// too, but systemd's `ProcSubset=pid` hides that.
#[cfg(feature = "metrics")]
pub(crate) fn utc_of_boot_s() -> f64 {
    let hundredths = (offset_ns(ClockId::Realtime) - offset_ns(ClockId::Boottime)) / 10_000_000;
    hundredths as f64 / 100.0
}

fn clock_ns(clock: ClockId) -> i64 {
    let now = clock_gettime(clock);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// A clock minus `CLOCK_MONOTONIC`, in nanoseconds.
fn offset_ns(clock: ClockId) -> i64 {
    // The tightest of a few tries: we may be suspended between two calls.
    let reading = || {
        let before = monotonic_ns();
        let there = clock_ns(clock);
        let took = monotonic_ns() - before;
        (took, there - before - took / 2)
    };
    let readings = [reading(), reading(), reading()];
    readings.into_iter().min_by_key(|(took, _)| *took).map_or(0, |(_, offset)| offset)
}

fn is_synchronised() -> io::Result<bool> {
    let error_us = system_call::largest_clock_error_us().map_err(|error| {
        let said = format!(
            "asking whether the clock is synchronised (adjtimex): {error}; a container may forbid it"
        );
        io::Error::new(error.kind(), said)
    })?;
    Ok(error_us < LARGEST_ERROR_US)
}

#[allow(unsafe_code)]
#[allow(clippy::unnecessary_cast, reason = "these numbers are narrower on 32-bit Pis")]
mod system_call {
    use std::io;
    use std::mem::MaybeUninit;

    /// The kernel's estimate of how far off its clock may be, in microseconds.
    pub(super) fn largest_clock_error_us() -> io::Result<i64> {
        // SAFETY: timex is plain numbers, for which zeroes are valid, and
        // `modes` 0 only reads.
        let mut timex: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: `timex` is valid and writable for the call.
        if unsafe { libc::adjtimex(&raw mut timex) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(timex.maxerror as i64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_goes_on_and_its_offset_gives_utc() {
        let before = monotonic_ns();
        let utc_ns = now().as_nanosecond() as i64;
        let after = monotonic_ns();
        assert!(before <= after);
        let error = (utc_ns - before - utc_offset_ns()).abs();
        assert!(error < 1_000_000_000, "{error} ns away from UTC");
    }

    #[test]
    fn the_kernel_tells_how_wrong_its_clock_may_be() {
        // Either answer is right on some machine; it must not fail.
        assert_eq!(Clocks::now().unwrap().synchronised, is_synchronised().unwrap());
    }
}
