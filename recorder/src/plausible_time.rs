//! Which minutes can be true now.

use daemon_runtime::{Clocks, TrustedClock};
use meter_messages::Minute;

/// How far ahead of this machine's clock a minute may be, in minutes; beyond that it is kept aside. A day:
/// no publisher whose clock was ever synchronised is so far off.
const AHEAD: i64 = 24 * 60;

/// Judges minutes by this machine's clock, once that is synchronised.
#[derive(Debug)]
pub struct PlausibleTime {
    clock: TrustedClock,
    /// Whether the kernel does not say how its clock does.
    unknown: bool,
}

impl PlausibleTime {
    /// By a synchronised clock, or (`wait_for_sync` is false) by any.
    pub fn new(wait_for_sync: bool) -> Self {
        Self { clock: TrustedClock::new(wait_for_sync, None), unknown: false }
    }

    /// The latest minute that can be true now; `None` while this machine's own clock cannot be trusted.
    pub fn latest(&mut self) -> Option<Minute> {
        match Clocks::now() {
            Ok(clocks) => {
                let now_s = self.clock.utc_s(&clocks)?;
                Some(Minute::nearest(now_s.div_euclid(Minute::SECONDS) + AHEAD))
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unknown, true) {
                    tracing::warn!(%error, "minutes far ahead of this clock are recorded like others");
                }
                None
            }
        }
    }
}
