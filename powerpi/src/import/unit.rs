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
    Megajoule,
    Gigajoule,
    /// Quantities of gas or water.
    CubicMetre,
    Litre,
    CubicFoot,
    /// Quantities of any medium, by the constant.
    Pulses,
    /// Rates.
    Watt,
    Kilowatt,
    LitresPerHour,
    CubicMetresPerHour,
}

const NAMES: [(&str, Unit); 13] = [
    ("kWh", Unit::Kwh),
    ("Wh", Unit::Wh),
    ("MWh", Unit::Mwh),
    ("MJ", Unit::Megajoule),
    ("GJ", Unit::Gigajoule),
    ("m3", Unit::CubicMetre),
    ("l", Unit::Litre),
    ("ft3", Unit::CubicFoot),
    ("pulses", Unit::Pulses),
    ("W", Unit::Watt),
    ("kW", Unit::Kilowatt),
    ("l/h", Unit::LitresPerHour),
    ("m3/h", Unit::CubicMetresPerHour),
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
        matches!(self, Self::Watt | Self::Kilowatt | Self::LitresPerHour | Self::CubicMetresPerHour)
    }

    /// How many kWh or m³ one is, or how many of them one is in an hour; `constant` are pulses per kWh or m³.
    pub(super) fn quantity(self, constant: f64) -> f64 {
        match self {
            Self::Kwh | Self::CubicMetre | Self::Kilowatt | Self::CubicMetresPerHour => 1.0,
            Self::Wh | Self::Litre | Self::Watt | Self::LitresPerHour => 0.001,
            Self::Mwh => 1000.0,
            Self::Megajoule => 1.0 / 3.6,
            Self::Gigajoule => 1000.0 / 3.6,
            // The international foot, of 0.3048 m.
            Self::CubicFoot => 0.028_316_846_592,
            Self::Pulses => 1.0 / constant,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As Home Assistant writes them, among others.
    #[test]
    fn units_are_what_their_names_say() {
        let kwh = |text: &str| text.parse::<Unit>().map(|unit| (unit.quantity(1000.0) * 1e6).round() / 1e6);
        for (text, one) in [
            ("kWh", 1.0),
            ("Wh", 0.001),
            ("MWh", 1000.0),
            ("MJ", 0.277_778),
            ("GJ", 277.777_778),
            ("m³", 1.0),
            ("L", 0.001),
            ("ft³", 0.028_317),
            ("m³/h", 1.0),
            ("l/h", 0.001),
            ("pulses", 0.001),
        ] {
            assert_eq!(kwh(text), Ok(one), "{text}");
        }
        assert!(kwh("mWh").is_err() && kwh("°C").is_err());
        assert!("m³/h".parse::<Unit>().unwrap().is_rate() && !"MJ".parse::<Unit>().unwrap().is_rate());
    }
}
