//! What is known of a meter, from its messages and the ledger: pure.

use jiff::Timestamp;
use meter_messages::{Live, Status, Unit};

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
    /// Whether its publisher is online.
    pub presence: Presence,
}

impl MeterObserved {
    /// Nothing is known yet at `now`.
    pub fn nothing(now: Timestamp) -> Self {
        Self { value: None, last_pulse: None, month: None, presence: Presence::Gone { since: now } }
    }

    /// Takes a value; one that is older than what is known is ignored.
    pub fn take(&mut self, value: Live) {
        let known = self.value.as_ref();
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
