//! Names of registers, as OBIS (IEC 62056-61) has them. Pure.

use std::fmt;
use std::str::FromStr;

/// A register of a meter: `1-0:1.8.0*255` is the total of energy taken, of electricity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obis(pub [u8; 6]);

impl Obis {
    /// The power of now, of all phases; negative where energy is fed in.
    pub const POWER: Self = Self([1, 0, 16, 7, 0, 255]);
    /// The power that is taken.
    pub const TAKEN: Self = Self([1, 0, 1, 7, 0, 255]);
    /// The power that is fed in.
    pub const FED_IN: Self = Self([1, 0, 2, 7, 0, 255]);
    /// The power without its sign, of meters that count one way only.
    pub const ONE_WAY: Self = Self([1, 0, 15, 7, 0, 255]);

    /// Whether it is a total of energy: taken (1.8.x) or fed in (2.8.x), whole or of a tariff.
    pub fn is_energy(self) -> bool {
        matches!(self.0, [1, _, 1 | 2, 8, _, _])
    }

    /// Whether it counts only while a tariff applies, of which a meter has several.
    pub fn is_of_a_tariff(self) -> bool {
        self.0[4] != 0
    }

    /// Whether it is one of a tariff, and the other the whole.
    pub fn is_tariff_of(self, whole: Self) -> bool {
        let Self([medium, channel, value, kind, _, storage]) = self;
        self.is_of_a_tariff() && whole == Self([medium, channel, value, kind, 0, storage])
    }

    /// Whether it is what is fed into the grid.
    pub fn is_export(self) -> bool {
        matches!(self.0, [1, _, 2, ..])
    }
}

impl fmt::Display for Obis {
    /// Without what nearly all have in common.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [medium, channel, value, kind, tariff, storage] = self.0;
        if (medium, channel) != (1, 0) {
            write!(formatter, "{medium}-{channel}:")?;
        }
        write!(formatter, "{value}.{kind}.{tariff}")?;
        if storage == 255 { Ok(()) } else { write!(formatter, "*{storage}") }
    }
}

impl FromStr for Obis {
    type Err = String;

    /// `1.8.0`, `1-0:1.8.0` or `1-0:1.8.0*255`.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("\"{text}\" is not the OBIS code of a register, like \"1.8.0\""))
    }
}

fn parse(text: &str) -> Option<Obis> {
    let (of, rest) = text.split_once(':').unwrap_or(("1-0", text));
    let (medium, channel) = of.split_once('-')?;
    let (value, storage) = rest.split_once('*').unwrap_or((rest, "255"));
    let mut parts = value.split('.');
    let mut next = || parts.next()?.parse().ok();
    let (value, kind, tariff) = (next()?, next()?, next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Obis([medium.parse().ok()?, channel.parse().ok()?, value, kind, tariff, storage.parse().ok()?]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_register_has_a_short_name_and_a_long_one() {
        for (said, shown) in
            [("1.8.0", "1.8.0"), ("1-0:2.8.1*255", "2.8.1"), ("0-1:96.1.0*3", "0-1:96.1.0*3")]
        {
            let obis: Obis = said.parse().unwrap();
            assert_eq!(obis.to_string(), shown);
            assert_eq!(shown.parse(), Ok(obis));
        }
        let export: Obis = "2.8.0".parse().unwrap();
        assert!(export.is_energy() && export.is_export() && !Obis::POWER.is_energy());
        let of_a_tariff = |name: &str| name.parse::<Obis>().unwrap().is_of_a_tariff();
        assert!(of_a_tariff("1.8.1") && !of_a_tariff("1.8.0"));
        for bad in ["", "1.8", "1.8.0.0", "1.8.256", "1:8", "-1.8.0", "1.8.x", "1-0:1.8.0*"] {
            assert!(bad.parse::<Obis>().is_err(), "{bad}");
        }
    }
}
