//! What meters count, meter constants, and the arithmetic between pulses, quantities and rates.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The highest count that every part can represent: 2⁵³ − 1, the largest integer that a browser
/// holds exactly.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// Why a meter constant was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a meter constant must be a whole number from 1 to 1000000, not {0}")]
pub struct UnitError(u64);

/// The meter constant: how many pulses the meter gives for one kWh, or for one
/// m³, as printed on it. 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MeterConstant(NonZeroU32);

impl MeterConstant {
    /// The number printed on the meter.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The quantity of so many pulses, in the meter's unit: kWh or m³.
    pub fn quantity(self, pulses: u64) -> f64 {
        pulses as f64 / f64::from(self.get())
    }

    /// The mean rate of so many pulses in so many seconds, in thousandths of the
    /// unit an hour: the power in W, or the flow in litres an hour.
    pub fn rate(self, pulses: u64, seconds: f64) -> f64 {
        self.quantity(pulses) * 3_600_000.0 / seconds
    }
}

impl TryFrom<u64> for MeterConstant {
    type Error = UnitError;
    fn try_from(value: u64) -> Result<Self, UnitError> {
        match u32::try_from(value).ok().and_then(NonZeroU32::new) {
            Some(number) if number.get() <= 1_000_000 => Ok(Self(number)),
            _ => Err(UnitError(value)),
        }
    }
}

impl From<MeterConstant> for u64 {
    fn from(value: MeterConstant) -> u64 {
        u64::from(value.get())
    }
}

/// What flows through a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// Counted in kWh; its rate is a power in W.
    #[default]
    Electricity,
    /// Counted in m³; its rate is a flow in litres an hour.
    Gas,
    /// Counted in m³, like gas.
    Water,
}

impl Medium {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Electricity, Self::Gas, Self::Water];

    /// Its name on the wire and in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Electricity => "electricity",
            Self::Gas => "gas",
            Self::Water => "water",
        }
    }

    /// What its quantity is counted in.
    pub fn unit(self) -> Unit {
        match self {
            Self::Electricity => Unit::KilowattHour,
            Self::Gas | Self::Water => Unit::CubicMetre,
        }
    }
}

impl std::str::FromStr for Medium {
    type Err = MediumError;
    fn from_str(name: &str) -> Result<Self, MediumError> {
        Self::ALL.into_iter().find(|medium| medium.as_str() == name).ok_or_else(|| MediumError(name.into()))
    }
}

/// A name that is not a medium.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown medium \"{0}\"; write electricity, gas or water")]
pub struct MediumError(String);

/// What a meter's quantity is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Unit {
    /// Energy, in kilowatt-hours.
    #[default]
    #[serde(rename = "kWh")]
    KilowattHour,
    /// Volume, in cubic metres.
    #[serde(rename = "m³")]
    CubicMetre,
}

impl Unit {
    /// The unit of a quantity: `kWh` or `m³`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::KilowattHour => "kWh",
            Self::CubicMetre => "m³",
        }
    }

    /// A rate's name in JSON: `power_w` or `flow_l_h`.
    pub fn rate_key(self) -> &'static str {
        match self {
            Self::KilowattHour => "power_w",
            Self::CubicMetre => "flow_l_h",
        }
    }

    /// The unit of a rate, a thousandth of the unit an hour: `W` or `l/h`.
    pub fn of_rate(self) -> &'static str {
        match self {
            Self::KilowattHour => "W",
            Self::CubicMetre => "l/h",
        }
    }
}

/// A value under the name of its unit: electricity's, or that of gas and water.
pub(crate) fn by_unit<T>(unit: Unit, value: Option<T>) -> (Option<T>, Option<T>) {
    match unit {
        Unit::KilowattHour => (value, None),
        Unit::CubicMetre => (None, value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_from_pulse_spacing() {
        let constant = MeterConstant::try_from(1000).unwrap();
        assert_eq!(constant.rate(1, 3.6), 1000.0);
        assert_eq!(constant.quantity(12_345_678), 12_345.678);
        // A gas meter with a pulse for each 10 litres: one a minute is 600 l/h.
        assert_eq!(MeterConstant::try_from(100).unwrap().rate(1, 60.0), 600.0);
    }

    #[test]
    fn a_constant_is_between_one_and_a_million() {
        for bad in [0, 1_000_001, u64::MAX] {
            assert_eq!(MeterConstant::try_from(bad), Err(UnitError(bad)));
        }
    }

    #[test]
    fn a_medium_is_one_of_three() {
        for medium in Medium::ALL {
            assert_eq!(medium.as_str().parse(), Ok(medium));
            assert_eq!(serde_json::to_value(medium).unwrap(), medium.as_str());
        }
        assert!("steam".parse::<Medium>().unwrap_err().to_string().contains("\"steam\""));
    }
}
