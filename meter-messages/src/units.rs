//! What meters count, meter constants, and the arithmetic between pulses, quantities and rates.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize, Serializer};

/// The highest count that every part can represent: 2⁵³ − 1, the largest integer that a browser
/// holds exactly.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

/// Why a meter constant was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "a meter constant must be a number from 0.001 to 1000000 with at most 6 digits after the point, not {0}"
)]
pub struct UnitError(f64);

/// The meter constant: how many pulses the meter gives for one kWh, or for one
/// m³, as printed on it. 0.001 to 1,000,000, with at most 6 digits after the point: some meters print 187.5, and one
/// behind a current transformer may give one pulse for 5 kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "f64")]
pub struct MeterConstant {
    millionths: NonZeroU64,
}

impl MeterConstant {
    const MILLION: u64 = 1_000_000;

    /// The number printed on the meter, in millionths: what is stored, because it is exact.
    pub fn millionths(self) -> u64 {
        self.millionths.get()
    }

    /// From a number of millionths.
    ///
    /// # Errors
    /// Less than 1,000 of them, or more than a million millions.
    pub fn from_millionths(millionths: u64) -> Result<Self, UnitError> {
        match NonZeroU64::new(millionths) {
            Some(number) if (1_000..=Self::MILLION * Self::MILLION).contains(&millionths) => {
                Ok(Self { millionths: number })
            }
            _ => Err(UnitError(millionths as f64 / Self::MILLION as f64)),
        }
    }

    /// The constant of a meter of which a pulse is so many Wh or litres, rounded to 6 digits after the point.
    ///
    /// # Errors
    /// A number of Wh or litres that no constant has.
    pub fn from_unit_thousandths(of_a_pulse: f64) -> Result<Self, UnitError> {
        let constant = 1000.0 / of_a_pulse;
        // What is negative, infinite or not a number is refused as 0 or as too many.
        Self::from_millionths((constant * Self::MILLION as f64).round() as u64)
            .map_err(|_| UnitError(constant))
    }

    /// The number printed on the meter: pulses per kWh or m³.
    pub fn per_unit(self) -> f64 {
        self.millionths() as f64 / Self::MILLION as f64
    }

    /// The quantity of so many pulses, in the meter's unit: kWh or m³.
    pub fn quantity(self, pulses: u64) -> f64 {
        pulses as f64 / self.per_unit()
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
        let millionths = value.checked_mul(Self::MILLION);
        millionths.and_then(|number| Self::from_millionths(number).ok()).ok_or(UnitError(value as f64))
    }
}

impl TryFrom<f64> for MeterConstant {
    type Error = UnitError;
    fn try_from(value: f64) -> Result<Self, UnitError> {
        let millionths = value * Self::MILLION as f64;
        // Up to a million, 6 digits after the point are exact to far less than this; a seventh is more.
        let has_few_digits = (millionths - millionths.round()).abs() < 0.001;
        let constant = Self::from_millionths(millionths.round() as u64);
        constant.ok().filter(|_| has_few_digits).ok_or(UnitError(value))
    }
}

impl std::fmt::Display for MeterConstant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.per_unit().fmt(f)
    }
}

/// Whole ones as whole numbers: that is all that earlier versions understand.
impl Serialize for MeterConstant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.millionths().is_multiple_of(Self::MILLION) {
            serializer.serialize_u64(self.millionths() / Self::MILLION)
        } else {
            serializer.serialize_f64(self.per_unit())
        }
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
        let constant = MeterConstant::try_from(1000_u64).unwrap();
        assert_eq!(constant.rate(1, 3.6), 1000.0);
        assert_eq!(constant.quantity(12_345_678), 12_345.678);
        // A gas meter with a pulse for each 10 litres: one a minute is 600 l/h.
        assert_eq!(MeterConstant::try_from(100_u64).unwrap().rate(1, 60.0), 600.0);
    }

    #[test]
    fn a_constant_need_not_be_whole() {
        for (text, quantity) in
            [("187.5", 1.0 / 187.5), ("0.2", 5.0), ("138.888889", 1.0 / 138.888_889), ("75", 1.0 / 75.0)]
        {
            let constant: MeterConstant = serde_json::from_str(text).unwrap();
            assert_eq!(constant.quantity(1), quantity, "{text}");
            assert_eq!(
                (serde_json::to_string(&constant).unwrap(), constant.to_string()),
                (text.into(), text.into())
            );
            assert_eq!(MeterConstant::from_millionths(constant.millionths()), Ok(constant));
        }
        assert_eq!(
            serde_json::from_str::<MeterConstant>("1000.0").unwrap(),
            MeterConstant::try_from(1000_u64).unwrap()
        );
        for (of_a_pulse, text) in [(1.0, "1000"), (0.8, "1250"), (7.2, "138.888889"), (5000.0, "0.2")] {
            assert_eq!(MeterConstant::from_unit_thousandths(of_a_pulse).unwrap().to_string(), text);
        }
        for bad in [0.0, -1.0, 1e-9, 1e9, f64::INFINITY, f64::NAN] {
            assert!(MeterConstant::from_unit_thousandths(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_constant_is_between_a_thousandth_and_a_million() {
        for bad in [0, 1_000_001, u64::MAX] {
            assert_eq!(MeterConstant::try_from(bad), Err(UnitError(bad as f64)));
        }
        for bad in [
            "0",
            "0.0009",
            "-1",
            "1000000.000001",
            "1.2345678",
            "999999.1234567",
            "1e300",
            "-1e300",
            "\"x\"",
            "null",
        ] {
            assert!(serde_json::from_str::<MeterConstant>(bad).is_err(), "{bad}");
        }
        assert_eq!(
            serde_json::from_str::<MeterConstant>("999999.123456").unwrap().millionths(),
            999_999_123_456
        );
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
