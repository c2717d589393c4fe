//! When to ask for marks that do not come. Pure.
//!
//! A broker that takes minutes may still give this publisher nothing any more: a node of a cluster that was killed can lose what
//! belongs to a subscription, and no keep-alive shows that. A mark that asks for something is then not heard. Subscribing
//! once more brings the marks that are retained, and another subscription at the broker. Where nobody records, that is done ever
//! less often.

use std::time::Duration;

use tokio::time::Instant;

/// So long a recorder that is there may take.
const FIRST: Duration = Duration::from_secs(60);

/// A subscription that was refused is tried again: without it no mark comes at all.
const AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// Where nobody records for days.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long no mark has come for what is sent.
#[derive(Debug)]
pub(crate) struct MarkSilence {
    since: Instant,
    pause: Duration,
}

impl MarkSilence {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, pause: FIRST }
    }

    /// The broker has refused a subscription, as nodes do while most of them are away.
    pub(crate) fn refused(&mut self, now: Instant) {
        *self = Self { since: now, pause: AFTER_REFUSAL };
    }

    /// Whether to ask now: by whether a mark was heard since the last look, and whether one is waited for.
    pub(crate) fn is_due(&mut self, now: Instant, was_heard: bool, is_waited_for: bool) -> bool {
        if was_heard {
            *self = Self::new(now);
        } else if !is_waited_for {
            self.since = now;
        } else if now >= self.since + self.pause {
            (self.since, self.pause) = (now, (2 * self.pause).min(LONGEST));
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_after_a_minute_and_then_ever_less_often_until_a_mark_comes() {
        let start = Instant::now();
        let mut silence = MarkSilence::new(start);
        let mut due = |from: u64, heard: Option<u64>| -> Vec<u64> {
            let seconds = from..from + 20_000;
            seconds
                .filter(|second| {
                    silence.is_due(start + Duration::from_secs(*second), heard == Some(*second), true)
                })
                .map(|second| second - from)
                .collect()
        };
        assert_eq!(due(0, None), [60, 180, 420, 900, 1_860, 3_780, 7_380, 10_980, 14_580, 18_180]);
        assert_eq!(due(20_000, Some(20_010))[..3], [70, 190, 430]);
        assert!(!silence.is_due(start + Duration::from_secs(50_000), false, false), "all is marked");
        assert!(!silence.is_due(start + Duration::from_secs(50_059), false, true));
        silence.refused(start + Duration::from_secs(50_060));
        assert!(silence.is_due(start + Duration::from_secs(50_070), false, true), "there is no subscription");
    }
}
