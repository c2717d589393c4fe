//! What was counted while the line was watched: what is known of power over time.

use std::ops::Range;

use meter_messages::{MeterConstant, Minute};

use crate::reading::epoch_minutes;
use crate::{Ledger, LedgerError, RecordedMeter};

/// Minutes in a row with one constant: one of them, watched for some time, or several that were all watched as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The minutes.
    pub span: Range<Minute>,
    /// Their meter constant.
    pub constant: MeterConstant,
    /// Seconds during which the line was watched, more than 0.
    pub watched_s: u64,
    /// All their pulses.
    pub pulses: u64,
    /// The fewest pulses in one of them.
    pub least: u64,
    /// The most pulses in one of them.
    pub most: u64,
}

impl Ledger {
    /// Calls `take` with all that was watched in a span, in order. What it returns for several minutes is whether it
    /// took them together; otherwise it is given smaller pieces of them.
    pub fn for_each_watched(
        &self,
        meter: &RecordedMeter,
        span: Range<Minute>,
        mut take: impl FnMut(&Watched) -> bool,
    ) -> Result<(), LedgerError> {
        self.for_each_stretch(meter, epoch_minutes(&span), |stretch| {
            let (minutes, counted) = stretch.counted();
            if counted.watched_s == 0 {
                return true;
            }
            let is_one = minutes.end - minutes.start == 1;
            if !is_one && !counted.is_watched_throughout(&minutes) {
                return false;
            }
            let Some(constant) = meter.constants.throughout(&minutes) else { return false };
            take(&Watched {
                span: Minute::nearest(minutes.start)..Minute::nearest(minutes.end),
                constant,
                watched_s: counted.watched_s,
                pulses: counted.pulses,
                least: counted.least,
                most: counted.most,
            })
        })
    }
}
