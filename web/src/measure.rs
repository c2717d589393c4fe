//! From recorded pulses to energy and power: the only place in the pages that
//! does so, because a meter that was replaced has more than one constant.

use meter_ledger::{RecordedMeter, Sum};

/// The energy of a sum in kWh.
pub(crate) fn kwh(meter: &RecordedMeter, sum: &Sum) -> f64 {
    meter.pulses_per_kwh.energy_kwh(sum.pulses)
}

/// The mean power of a sum's watched time in W; `None` where nobody watched.
pub(crate) fn mean_w(meter: &RecordedMeter, sum: &Sum) -> Option<f64> {
    (sum.watched_s > 0).then(|| meter.pulses_per_kwh.power_w(sum.pulses, sum.watched_s as f64))
}

/// The mean power of the sum's strongest minute in W.
pub(crate) fn highest_w(meter: &RecordedMeter, sum: &Sum) -> Option<f64> {
    (sum.minutes > 0).then(|| minute_w(meter, sum.most_in_a_minute))
}

/// The mean power of a minute in W.
pub(crate) fn minute_w(meter: &RecordedMeter, pulses: u32) -> f64 {
    meter.pulses_per_kwh.power_w(pulses.into(), 60.0)
}

/// Two sums as one.
pub(crate) fn joined(one: &Sum, other: &Sum) -> Sum {
    Sum {
        pulses: one.pulses + other.pulses,
        minutes: one.minutes + other.minutes,
        watched_s: one.watched_s + other.watched_s,
        most_in_a_minute: one.most_in_a_minute.max(other.most_in_a_minute),
    }
}
