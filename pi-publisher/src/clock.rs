//! The only place that reads this machine's clocks.
//!
//! Pulses are stamped by `CLOCK_MONOTONIC`, which nobody sets. What that is in
//! UTC is `CLOCK_REALTIME` minus it, and reliable only while the clock is
//! synchronised: a Pi has no clock chip, so after a power cut its time is wrong
//! until NTP has answered. [`crate::trusted_clock`] decides which UTC to trust.

use std::io;

use crate::pulse_source::SourceTime;

/// From this error on the kernel's clock counts as not synchronised, in
/// microseconds. It is what systemd's `time-sync.target` goes by; the flag
/// `STA_UNSYNC` stays set under chrony without `rtcsync`.
const LARGEST_ERROR_US: i64 = 16_000_000;

/// What this machine's clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// `CLOCK_MONOTONIC`.
    pub monotonic: SourceTime,
    /// `CLOCK_BOOTTIME` at that moment, in nanoseconds: it runs through a suspend.
    pub boot_ns: i64,
    /// Added to a monotonic time, gives nanoseconds of UTC since 1970.
    pub utc_offset_ns: i64,
    /// Whether the kernel considers that UTC right.
    pub synchronised: bool,
}

impl Clocks {
    /// Reads them all.
    ///
    /// # Errors
    /// Only a kernel that refuses `adjtimex` (a strict seccomp filter) fails.
    pub fn now() -> io::Result<Self> {
        let monotonic = monotonic_now();
        let boot_ns = monotonic.0 + offset_ns(libc::CLOCK_BOOTTIME);
        Ok(Self { monotonic, boot_ns, utc_offset_ns: utc_offset_ns(), synchronised: synchronised()? })
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_now() -> SourceTime {
    SourceTime(system_call::clock_ns(libc::CLOCK_MONOTONIC))
}

/// `CLOCK_REALTIME` minus `CLOCK_MONOTONIC`, in nanoseconds.
pub fn utc_offset_ns() -> i64 {
    offset_ns(libc::CLOCK_REALTIME)
}

/// A clock minus `CLOCK_MONOTONIC`, in nanoseconds.
fn offset_ns(clock: libc::clockid_t) -> i64 {
    // The tightest of a few tries: we may be suspended between two calls.
    let reading = || {
        let before = monotonic_now();
        let there = system_call::clock_ns(clock);
        let took = monotonic_now().since(before);
        (took, there - before.plus_ns(took / 2).0)
    };
    let readings = [reading(), reading(), reading()];
    readings.into_iter().min_by_key(|(took, _)| *took).map_or(0, |(_, offset)| offset)
}

/// Whether the kernel considers its UTC right, to within 16 s.
///
/// # Errors
/// Only if `adjtimex` is refused (a strict seccomp filter).
pub fn synchronised() -> io::Result<bool> {
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

    pub(super) fn clock_ns(clock: libc::clockid_t) -> i64 {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `now` is a valid timespec for the call to fill in.
        let outcome = unsafe { libc::clock_gettime(clock, &raw mut now) };
        // It fails only for a clock that does not exist; these always do.
        debug_assert_eq!(outcome, 0);
        now.tv_sec as i64 * 1_000_000_000 + now.tv_nsec as i64
    }

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
        let before = monotonic_now();
        let utc_ns = daemon_runtime::now().as_nanosecond() as i64;
        let after = monotonic_now();
        assert!(before <= after);

        let offset = utc_offset_ns();
        let error = (utc_ns - before.plus_ns(offset).0).abs();
        assert!(error < 1_000_000_000, "{error} ns away from UTC");
    }

    #[test]
    fn the_kernel_tells_how_wrong_its_clock_may_be() {
        // Either answer is right on some machine; it must not fail.
        let clocks = Clocks::now().unwrap();
        assert_eq!(clocks.synchronised, synchronised().unwrap());
    }
}
