//! Which UTC to trust: pure.
//!
//! A clock is trusted while it is synchronised. From there UTC continues by
//! `CLOCK_BOOTTIME`, which nobody sets and which includes suspends: a clock that
//! is set by hand, or loses NTP and is set wrong, changes nothing.

use crate::clock::Clocks;

/// The trusted UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedClock {
    /// Whether this machine's clock is right without being synchronised.
    always: bool,
    /// UTC minus `CLOCK_BOOTTIME` when the clock was last synchronised.
    utc_of_boot_ns: Option<i64>,
}

impl TrustedClock {
    /// Trusts only a synchronised clock, or (`wait_for_sync` is false) any; and what
    /// an earlier run of this boot trusted.
    pub fn new(wait_for_sync: bool, utc_of_boot_ns: Option<i64>) -> Self {
        Self { always: !wait_for_sync, utc_of_boot_ns }
    }

    /// UTC minus `CLOCK_BOOTTIME`, as far as it is known.
    pub fn utc_of_boot_ns(&self) -> Option<i64> {
        self.utc_of_boot_ns
    }

    /// What to add to `CLOCK_MONOTONIC` for UTC, in nanoseconds; `None` before
    /// the first synchronisation.
    pub fn utc_offset_ns(&mut self, clocks: &Clocks) -> Option<i64> {
        // How long the machine was suspended: what the monotonic clock lacks.
        let suspended_ns = clocks.boot_ns - clocks.monotonic_ns;
        if clocks.synchronised || self.always {
            self.utc_of_boot_ns = Some(clocks.utc_offset_ns - suspended_ns);
        }
        Some(self.utc_of_boot_ns? + suspended_ns)
    }

    /// Seconds of UTC since 1970; `None` before the first synchronisation.
    pub fn utc_s(&mut self, clocks: &Clocks) -> Option<i64> {
        Some((clocks.monotonic_ns + self.utc_offset_ns(clocks)?).div_euclid(1_000_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000_000;
    /// 2025-06-15T00:00Z, when the machine of these tests was started.
    const BOOT_UTC_S: i64 = 1_749_945_600;

    /// The clocks after so many seconds, of which some were slept through, with a
    /// clock that is `wrong_s` off.
    fn clocks(up_s: i64, suspended_s: i64, wrong_s: i64, synchronised: bool) -> Clocks {
        let monotonic_ns = (up_s - suspended_s) * S;
        let utc_ns = (BOOT_UTC_S + up_s + wrong_s) * S;
        Clocks { monotonic_ns, boot_ns: up_s * S, utc_offset_ns: utc_ns - monotonic_ns, synchronised }
    }

    /// By how many seconds it is off.
    fn error_s(clock: &mut TrustedClock, clocks: &Clocks, up_s: i64) -> Option<i64> {
        Some(clock.utc_s(clocks)? - BOOT_UTC_S - up_s)
    }

    #[test]
    fn nothing_is_believed_before_the_first_synchronisation() {
        let mut clock = TrustedClock::new(true, None);
        assert_eq!(clock.utc_offset_ns(&clocks(10, 0, -BOOT_UTC_S, false)), None, "1970");
        assert_eq!(error_s(&mut clock, &clocks(600, 0, 0, true), 600), Some(0));
    }

    #[test]
    fn a_clock_set_by_hand_moves_nothing_and_a_suspend_is_time() {
        let mut clock = TrustedClock::new(true, None);
        clock.utc_offset_ns(&clocks(10, 0, 0, true));
        assert_eq!(error_s(&mut clock, &clocks(20, 0, 3600, false), 20), Some(0));
        assert_eq!(error_s(&mut clock, &clocks(7200, 5000, -86_400, false), 7200), Some(0));
        assert_eq!(error_s(&mut clock, &clocks(7300, 5000, 2, true), 7300), Some(2), "NTP says otherwise");
    }

    #[test]
    fn a_clock_that_is_believed_anyway_is_followed() {
        let mut clock = TrustedClock::new(false, None);
        assert_eq!(error_s(&mut clock, &clocks(10, 0, 0, false), 10), Some(0));
        assert_eq!(error_s(&mut clock, &clocks(20, 0, 3600, false), 20), Some(3600));
    }
}
