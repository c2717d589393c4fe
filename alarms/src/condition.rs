//! Whether the condition of an alarm is met: pure.

use std::time::Duration;

use jiff::Timestamp;
use meter_messages::Unit;
use site_settings::Condition;

use crate::observed::{MeterObserved, Presence};

/// A value this old says nothing about now: publishers send one each second.
const STALE_AFTER: Duration = Duration::from_secs(90);

/// For how long a new highest quarter of an hour has to be expected: a kettle at its beginning is none yet.
const EXPECTED_FOR: Duration = Duration::from_secs(120);

/// Whether a condition is met at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// It is met.
    Fulfilled {
        /// In W, l/h, kWh, m³, or seconds without a pulse or without the publisher.
        value: f64,
        /// Since when, if the values themselves say so.
        since: Option<Timestamp>,
    },
    /// It is not met.
    Clear,
    /// Between the two limits, or not known: the state stays.
    Unknown,
}

/// A condition, and what is known.
pub trait Watched {
    /// How long it has to be met before the alarm is raised. The time without a
    /// pulse, and what a month used, are already in the finding.
    fn raised_after(&self) -> Duration;

    /// How long it has to be clear before the alarm is over.
    fn over_after(&self) -> Duration;

    /// Whether it is met, by what is known at `now`.
    fn find(&self, observed: &MeterObserved, now: Timestamp) -> Verdict;
}

impl Watched for Condition {
    fn raised_after(&self) -> Duration {
        match self {
            Self::Above { lasting, .. } | Self::Offline { lasting } => *lasting,
            Self::NewPeak { .. } => EXPECTED_FOR,
            Self::NoPulse { .. } | Self::Budget { .. } => Duration::ZERO,
        }
    }

    fn over_after(&self) -> Duration {
        match self {
            Self::Above { lasting, .. } => (*lasting).min(Duration::from_secs(60)),
            Self::NoPulse { .. } | Self::Budget { .. } | Self::NewPeak { .. } | Self::Offline { .. } => {
                Duration::ZERO
            }
        }
    }

    fn find(&self, observed: &MeterObserved, now: Timestamp) -> Verdict {
        match *self {
            Self::Above { unit, limit, ends_below, .. } => match rate_of_now(observed, unit, now) {
                None => Verdict::Unknown,
                Some(rate) if rate >= limit => Verdict::Fulfilled { value: rate.into(), since: None },
                Some(rate) if rate < ends_below => Verdict::Clear,
                Some(_) => Verdict::Unknown,
            },
            Self::NoPulse { lasting } => match (&observed.last_pulse, &observed.value) {
                (Some(last), Some(value)) => {
                    let quiet = value.at.duration_since(*last).as_secs_f64();
                    if quiet < lasting.as_secs_f64() {
                        return Verdict::Clear;
                    }
                    Verdict::Fulfilled { value: quiet, since: Some(*last) }
                }
                _ => Verdict::Unknown,
            },
            Self::Budget { unit, per_month } => match observed.month {
                Some((of, used)) if of == unit && used >= per_month => {
                    Verdict::Fulfilled { value: used, since: None }
                }
                Some((of, _)) if of == unit => Verdict::Clear,
                _ => Verdict::Unknown,
            },
            Self::NewPeak { above, .. } => new_peak(observed, above.into(), now).unwrap_or(Verdict::Unknown),
            Self::Offline { .. } => match observed.presence {
                Presence::Online => Verdict::Clear,
                Presence::Gone { since } => {
                    let value = now.duration_since(since).as_secs_f64().max(0.0);
                    Verdict::Fulfilled { value, since: Some(since) }
                }
            },
        }
    }
}

/// `None` where it is not known what comes.
fn new_peak(observed: &MeterObserved, above: f64, now: Timestamp) -> Option<Verdict> {
    let quarter = observed.quarter?;
    let power = rate_of_now(observed, Unit::KilowattHour, now)?;
    let (expected, limit) = (quarter.expected_w(power.into(), now)?, quarter.highest_w.max(above));
    Some(if expected > limit {
        Verdict::Fulfilled { value: expected, since: None }
    } else if expected > 0.95 * limit {
        Verdict::Unknown
    } else {
        Verdict::Clear
    })
}

fn rate_of_now(observed: &MeterObserved, unit: Unit, now: Timestamp) -> Option<u32> {
    let value = observed.value.as_ref()?;
    let age = now.duration_since(value.at).as_secs_f64();
    if age > STALE_AFTER.as_secs_f64() { None } else { value.rate_in(unit) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use meter_figures::CapacityOf;
    use meter_messages::Live;

    use super::*;
    use crate::quarter::Quarter;

    #[test]
    fn a_quarter_that_goes_on_like_that_is_the_months_highest() {
        let at = |text: &str| -> Timestamp { format!("2026-11-29T{text}Z").parse().unwrap() };
        let find = |power: u32, energy_wh: f64, now: &str| {
            let mut observed = MeterObserved::nothing(at("18:00:00"));
            observed.take(Live { at: at(now), power_w: Some(power), flow_l_h: None, total: 1 }, at(now));
            observed.quarter = Some(Quarter {
                start: at("18:15:00"),
                recorded_until: at("18:20:00"),
                energy_wh,
                highest_w: 4000.0,
            });
            Condition::NewPeak { above: 3000, of: CapacityOf::Meter }.find(&observed, at(now))
        };
        // 500 Wh in 5 minutes, and 10 more minutes: 1,000 Wh in all are 4 kW.
        assert_eq!(find(3000, 500.0, "18:20:30"), Verdict::Unknown);
        assert_eq!(find(3600, 500.0, "18:20:30"), Verdict::Fulfilled { value: 4400.0, since: None });
        assert_eq!(find(1000, 500.0, "18:20:30"), Verdict::Clear);
        // What is known is of the quarter before, or nothing is.
        assert_eq!(find(9000, 500.0, "18:30:00"), Verdict::Unknown);
        let nothing = MeterObserved::nothing(at("18:00:00"));
        assert_eq!(
            Condition::NewPeak { above: 1, of: CapacityOf::Site }.find(&nothing, at("18:00:00")),
            Verdict::Unknown
        );
    }
}
