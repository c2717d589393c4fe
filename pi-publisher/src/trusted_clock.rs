//! Which UTC to trust: pure.
//!
//! A clock is trusted while it is synchronised. From there UTC continues by
//! `CLOCK_BOOTTIME`, which nobody sets and which includes suspends: a clock that
//! is set by hand, or loses NTP and is set wrong, moves no minute.

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
        let suspended_ns = clocks.boot_ns - clocks.monotonic.0;
        if clocks.synchronised || self.always {
            self.utc_of_boot_ns = Some(clocks.utc_offset_ns - suspended_ns);
        }
        Some(self.utc_of_boot_ns? + suspended_ns)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_messages::Minute;
    use proptest::prelude::*;

    use super::*;
    use crate::pulse_counter::PulseCounter;
    use crate::pulse_source::SourceTime;

    const S: i64 = 1_000_000_000;
    /// 2025-06-15T00:00Z, when the machine of these tests was started.
    const BOOT_UTC_S: i64 = 1_749_945_600;

    /// The clocks after so many seconds, of which some were slept through, with a
    /// clock that is `wrong_s` off.
    fn clocks(up_s: i64, suspended_s: i64, wrong_s: i64, synchronised: bool) -> Clocks {
        let monotonic = SourceTime((up_s - suspended_s) * S);
        let utc_ns = (BOOT_UTC_S + up_s + wrong_s) * S;
        Clocks { monotonic, boot_ns: up_s * S, utc_offset_ns: utc_ns - monotonic.0, synchronised }
    }

    /// By how many seconds it is off.
    fn error_s(clock: &mut TrustedClock, clocks: &Clocks, up_s: i64) -> Option<i64> {
        let offset = clock.utc_offset_ns(clocks)?;
        Some((clocks.monotonic.0 + offset) / S - BOOT_UTC_S - up_s)
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

    proptest! {
        /// Whatever the clocks do: each pulse is in one minute, minutes ascend, and
        /// a pulse that fell while the clock was right is in its own minute.
        #[test]
        fn clocks_that_lie_and_jump_lose_no_pulse(
            steps in proptest::collection::vec((1i64..50, -4000i64..4000, any::<bool>(), 0i64..3), 1..300)
        ) {
            let mut clock = TrustedClock::new(true, None);
            let mut counter = PulseCounter::new(SourceTime(0), None, None);
            let (mut up_s, mut suspended_s, mut pulses) = (0, 0, 0_u64);
            let mut finished = Vec::new();
            for (pause, wrong_s, by_hand, sleeps) in steps {
                up_s += pause;
                suspended_s += sleeps * pause / 4;
                // Set by hand the clock is wrong; synchronised it is right.
                let clocks = clocks(up_s, suspended_s, if by_hand { wrong_s } else { 0 }, !by_hand);
                let pulse = clocks.monotonic.plus_ns(-1);
                pulses += 1;
                finished.extend(counter.count(&[pulse], clocks.monotonic, clock.utc_offset_ns(&clocks)));
            }
            up_s += 120;
            let end = clocks(up_s, suspended_s, 0, true);
            finished.extend(counter.count(&[], end.monotonic, clock.utc_offset_ns(&end)));
            let counted: u64 = finished.iter().map(|minute| u64::from(minute.pulses)).sum();
            prop_assert_eq!(counted, pulses);
            prop_assert!(finished.windows(2).all(|two| two[0].minute < two[1].minute));
            let began = Minute::nearest(BOOT_UTC_S / 60);
            prop_assert!(finished.iter().all(|minute| minute.minute >= began && minute.minute.start() <= BOOT_UTC_S + up_s));
        }
    }
}
