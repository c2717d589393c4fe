//! What a number stands for. Pure.

use std::fmt;
use std::str::FromStr;

/// What quantities are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Totals,
    Amounts,
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "totals" => Ok(Self::Totals),
            "amounts" => Ok(Self::Amounts),
            _ => Err("write totals or amounts".to_owned()),
        }
    }
}

/// A unit, and with it whether a number is a quantity or a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Quantities of electricity.
    Kwh,
    Wh,
    Mwh,
    /// Quantities of gas or water.
    CubicMetre,
    Litre,
    /// Quantities of any medium, by the constant.
    Pulses,
    /// Rates.
    Watt,
    Kilowatt,
    LitresPerHour,
}

const NAMES: [(&str, Unit); 9] = [
    ("kWh", Unit::Kwh),
    ("Wh", Unit::Wh),
    ("MWh", Unit::Mwh),
    ("m3", Unit::CubicMetre),
    ("l", Unit::Litre),
    ("pulses", Unit::Pulses),
    ("W", Unit::Watt),
    ("kW", Unit::Kilowatt),
    ("l/h", Unit::LitresPerHour),
];

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.replace('³', "3");
        let named = |same: &dyn Fn(&str) -> bool| NAMES.iter().find(|(name, _)| same(name));
        // Exactly first: "MWh" and "mWh" are not the same.
        let found = named(&|name| name == text).or_else(|| {
            named(&|name| name.eq_ignore_ascii_case(&text)).filter(|_| !text.starts_with('m') || text == "m3")
        });
        found.map(|(_, unit)| *unit).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("write one of {}", names.join(", "))
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = NAMES.iter().find(|(_, unit)| unit == self);
        to.write_str(found.map_or("", |(name, _)| name))
    }
}

impl Unit {
    /// Whether it is a rate, and not a quantity.
    pub(super) fn is_rate(self) -> bool {
        matches!(self, Self::Watt | Self::Kilowatt | Self::LitresPerHour)
    }

    /// How many kWh or m³ one is, or how many of them one is in an hour; `constant` are pulses per kWh or m³.
    pub(super) fn quantity(self, constant: f64) -> f64 {
        match self {
            Self::Kwh | Self::CubicMetre | Self::Kilowatt => 1.0,
            Self::Wh | Self::Litre | Self::Watt | Self::LitresPerHour => 0.001,
            Self::Mwh => 1000.0,
            Self::Pulses => 1.0 / constant,
        }
    }
}
