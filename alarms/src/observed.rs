//! What is known of a meter, from its messages and the ledger: pure.

use jiff::Timestamp;
use meter_messages::{Live, Status, Unit};

use crate::quarter::Quarter;

/// How far a value may lie ahead of this machine's clock, in seconds: a day.
const MOST_AHEAD_S: i64 = 86_400;

/// Whether a meter's publisher is online.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is online.
    Online,
    /// It is offline, or the broker cannot be reached.
    Gone {
        /// Since when, as far as we know.
        since: Timestamp,
    },
}

/// What is known of a meter.
#[derive(Debug, Clone, PartialEq)]
pub struct MeterObserved {
    /// The newest value.
    pub value: Option<Live>,
    /// When the last pulse came, as far as we have seen.
    pub last_pulse: Option<Timestamp>,
    /// This month's energy or volume, in that unit.
    pub month: Option<(Unit, f64)>,
    /// The quarter of an hour in progress, of a meter of electricity.
    pub quarter: Option<Quarter>,
    /// Whether its publisher is online.
    pub presence: Presence,
}

impl MeterObserved {
    /// Nothing is known yet at `now`.
    pub fn nothing(now: Timestamp) -> Self {
        let presence = Presence::Gone { since: now };
        Self { value: None, last_pulse: None, month: None, quarter: None, presence }
    }

    /// Takes a value at `now`; one that is older than what is known is ignored. What is known of the far
    /// future is none: it must not keep the values of now out.
    pub fn take(&mut self, value: Live, now: Timestamp) {
        let is_of_the_future = |at: Timestamp| at.duration_since(now).as_secs() > MOST_AHEAD_S;
        if self.last_pulse.is_some_and(is_of_the_future) {
            self.last_pulse = None;
        }
        let known = self.value.as_ref().filter(|known| !is_of_the_future(known.at));
        if known.is_some_and(|known| known.at > value.at) {
            return;
        }
        // The first value does not say when the last pulse came: at its time, at the latest.
        if self.last_pulse.is_none() || known.is_some_and(|known| known.total != value.total) {
            self.last_pulse = Some(value.at);
        }
        self.value = Some(value);
    }

    /// Takes the publisher's status; `None` if the broker cannot be reached.
    pub fn hear(&mut self, status: Option<Status>, now: Timestamp) {
        self.presence = match (status, self.presence) {
            (Some(Status::Online), _) => Presence::Online,
            (_, gone @ Presence::Gone { .. }) => gone,
            (_, Presence::Online) => Presence::Gone { since: now },
        };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_the_far_future_keeps_none_of_now_out() {
        let now: Timestamp = "2026-11-28T17:00:00Z".parse().unwrap();
        let live = |at: &str, watts| Live {
            at: at.parse().unwrap(),
            power_w: Some(watts),
            flow_l_h: None,
            total: 5,
        };
        let mut observed = MeterObserved::nothing(now);
        observed.take(live("9999-01-01T00:00:00Z", 1), now);
        observed.take(live("2026-11-28T17:00:00Z", 2), now);
        assert_eq!(observed.value.as_ref().unwrap().power_w, Some(2));
        assert_eq!(observed.last_pulse, Some(now), "no pulse is waited for until then");
        observed.take(live("2026-11-28T16:59:59Z", 3), now);
        assert_eq!(observed.value.unwrap().power_w, Some(2), "an older one still is");
    }
}
