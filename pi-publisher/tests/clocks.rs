//! Whatever the machine's clock does, pulses are counted once and in their minute.
#![allow(clippy::unwrap_used)]

use daemon_runtime::{Clocks, TrustedClock};
use meter_messages::Minute;
use pi_publisher::pulse_counter::PulseCounter;
use pi_publisher::pulse_source::SourceTime;
use proptest::prelude::*;

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
            let monotonic = SourceTime(clocks.monotonic_ns);
            pulses += 1;
            finished.extend(counter.count(&[monotonic.plus_ns(-1)], monotonic, clock.utc_offset_ns(&clocks)));
        }
        up_s += 120;
        let end = clocks(up_s, suspended_s, 0, true);
        finished.extend(counter.count(&[], SourceTime(end.monotonic_ns), clock.utc_offset_ns(&end)));
        let counted: u64 = finished.iter().map(|minute| u64::from(minute.pulses)).sum();
        prop_assert_eq!(counted, pulses);
        prop_assert!(finished.windows(2).all(|two| two[0].minute < two[1].minute));
        let began = Minute::nearest(BOOT_UTC_S / 60);
        prop_assert!(finished.iter().all(|minute| minute.minute >= began && minute.minute.start() <= BOOT_UTC_S + up_s));
    }
}
