//! Power, or flow, from the spacing of pulses. Pure.

use meter_messages::MeterConstant;

use crate::pulse_source::SourceTime;

/// Watches the spacing of one meter's pulses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PulseSpacing {
    last: Option<SourceTime>,
    spacing_ns: Option<i64>,
}

impl PulseSpacing {
    /// Takes the next pulse; the first one only starts a distance.
    pub fn pulse(&mut self, at: SourceTime) {
        self.spacing_ns = self.last.map(|last| at.since(last)).filter(|spacing| *spacing > 0);
        self.last = Some(at);
    }

    /// Takes a pulse whose time is not known: the next one only starts a distance.
    pub fn interrupt(&mut self) {
        *self = Self::default();
    }

    /// The power in W or the flow in l/h at `now`; `None` before two pulses.
    ///
    /// While no pulse comes, the next one comes now at the earliest, so the value
    /// decays instead of freezing.
    pub fn rate(&self, now: SourceTime, constant: MeterConstant) -> Option<u32> {
        let (last, spacing_ns) = (self.last?, self.spacing_ns?);
        let seconds = spacing_ns.max(now.since(last)) as f64 / 1e9;
        Some(constant.rate(1, seconds).round() as u32)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(ms: i64) -> SourceTime {
        SourceTime(ms * SourceTime::MS)
    }

    #[test]
    fn power_follows_the_last_spacing_and_then_decays() {
        let constant = MeterConstant::try_from(1000).unwrap();
        let mut spacing = PulseSpacing::default();
        assert_eq!(spacing.rate(at(0), constant), None);
        spacing.pulse(at(0));
        assert_eq!(spacing.rate(at(100), constant), None, "one pulse has no distance");
        spacing.pulse(at(3600));
        assert_eq!(spacing.rate(at(3600), constant), Some(1000));
        assert_eq!(spacing.rate(at(7200), constant), Some(1000), "the next one may still be in time");
        assert_eq!(spacing.rate(at(3600 + 36_000), constant), Some(100));
        spacing.pulse(at(41_400));
        assert_eq!(spacing.rate(at(41_400), constant), Some(95));
        spacing.interrupt();
        spacing.pulse(at(43_000));
        assert_eq!(spacing.rate(at(43_000), constant), None);
    }
}
