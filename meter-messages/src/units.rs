//! Meter constants, units and the arithmetic between pulses, energy and power.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The highest count that passes every part unharmed: 2⁵³ − 1, what a browser's
/// number can hold exactly.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// Why a meter constant was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pulses_per_kwh must be a whole number from 1 to 1000000, not {0}")]
pub struct UnitError(u64);

/// The meter constant: how many pulses the meter gives for one kWh, as printed
/// on it. 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct PulsesPerKwh(NonZeroU32);

impl PulsesPerKwh {
    /// The number printed on the meter.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The energy of `pulses` pulses, in kWh.
    pub fn energy_kwh(self, pulses: u64) -> f64 {
        pulses as f64 / f64::from(self.get())
    }

    /// The mean power, in W, of `pulses` pulses in `seconds` seconds.
    pub fn power_w(self, pulses: u64, seconds: f64) -> f64 {
        self.energy_kwh(pulses) * 3_600_000.0 / seconds
    }
}

impl TryFrom<u64> for PulsesPerKwh {
    type Error = UnitError;
    fn try_from(value: u64) -> Result<Self, UnitError> {
        match u32::try_from(value).ok().and_then(NonZeroU32::new) {
            Some(number) if number.get() <= 1_000_000 => Ok(Self(number)),
            _ => Err(UnitError(value)),
        }
    }
}

impl From<PulsesPerKwh> for u64 {
    fn from(value: PulsesPerKwh) -> u64 {
        u64::from(value.get())
    }
}

/// What a meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Unit {
    /// Electric energy, in kilowatt-hours.
    #[default]
    #[serde(rename = "kWh")]
    KilowattHour,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn power_follows_from_pulse_spacing() {
        let constant = PulsesPerKwh::try_from(1000).unwrap();
        assert_eq!(constant.power_w(1, 3.6), 1000.0);
        assert_eq!(constant.energy_kwh(12_345_678), 12_345.678);
    }

    #[test]
    fn a_constant_is_between_one_and_a_million() {
        for bad in [0, 1_000_001, u64::MAX] {
            assert_eq!(PulsesPerKwh::try_from(bad), Err(UnitError(bad)));
        }
    }
}
