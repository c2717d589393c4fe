//! What an alarm watches, and what it makes of what is known: pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::observed::{MeterObserved, Presence};

/// A value this old says nothing of now: publishers send one a second.
const STALE_AFTER: Duration = Duration::from_secs(90);

/// What an alarm watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition {
    /// The power is at or above `watts` for so long. It is over once the power
    /// has been below `ends_below_w` as long, but a minute at most.
    Above {
        /// In W.
        watts: u32,
        /// In W; at most `watts`.
        ends_below_w: u32,
        /// How long it has to last.
        lasting: Duration,
    },
    /// The line is watched, and no pulse has come for so long.
    NoPulse {
        /// How long it has to last.
        lasting: Duration,
    },
    /// This month's energy has reached the budget. Over with the month.
    Budget {
        /// In kWh.
        kwh_per_month: f64,
    },
    /// Nothing is heard of the publisher for so long.
    Offline {
        /// How long it has to last.
        lasting: Duration,
    },
}

/// What a condition makes of the moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Finding {
    /// It is fulfilled.
    Fulfilled {
        /// W, kWh, or seconds without a pulse or without the publisher.
        value: f64,
        /// Since when, where that is known from elsewhere than from having watched.
        since: Option<Timestamp>,
    },
    /// It is not.
    Clear,
    /// Neither: between the two limits, or not known. Whatever holds goes on.
    Unknown,
}

impl Condition {
    /// How long it has to be fulfilled before the alarm is raised. How long no
    /// pulse came, and what a month used, is in the finding already.
    pub fn raised_after(&self) -> Duration {
        match self {
            Self::Above { lasting, .. } | Self::Offline { lasting } => *lasting,
            Self::NoPulse { .. } | Self::Budget { .. } => Duration::ZERO,
        }
    }

    /// How long it has to be clear before the alarm is over.
    pub fn over_after(&self) -> Duration {
        match self {
            Self::Above { lasting, .. } => (*lasting).min(Duration::from_secs(60)),
            Self::NoPulse { .. } | Self::Budget { .. } | Self::Offline { .. } => Duration::ZERO,
        }
    }

    /// What it makes of what is known at `now`.
    pub fn find(&self, observed: &MeterObserved, now: Timestamp) -> Finding {
        match *self {
            Self::Above { watts, ends_below_w, .. } => match power_of_now(observed, now) {
                None => Finding::Unknown,
                Some(power) if power >= watts => Finding::Fulfilled { value: power.into(), since: None },
                Some(power) if power < ends_below_w => Finding::Clear,
                Some(_) => Finding::Unknown,
            },
            Self::NoPulse { lasting } => match (&observed.last_pulse, &observed.value) {
                (Some(last), Some(value)) => {
                    let quiet = value.at.duration_since(*last).as_secs_f64();
                    if quiet < lasting.as_secs_f64() {
                        return Finding::Clear;
                    }
                    Finding::Fulfilled { value: quiet, since: Some(*last) }
                }
                _ => Finding::Unknown,
            },
            Self::Budget { kwh_per_month } => match observed.month_kwh {
                None => Finding::Unknown,
                Some(kwh) if kwh >= kwh_per_month => Finding::Fulfilled { value: kwh, since: None },
                Some(_) => Finding::Clear,
            },
            Self::Offline { .. } => match observed.presence {
                Presence::Online => Finding::Clear,
                Presence::Gone { since } => {
                    let value = now.duration_since(since).as_secs_f64().max(0.0);
                    Finding::Fulfilled { value, since: Some(since) }
                }
            },
        }
    }
}

fn power_of_now(observed: &MeterObserved, now: Timestamp) -> Option<u32> {
    let value = observed.value.as_ref()?;
    let age = now.duration_since(value.at).as_secs_f64();
    if age > STALE_AFTER.as_secs_f64() { None } else { value.power_w }
}
