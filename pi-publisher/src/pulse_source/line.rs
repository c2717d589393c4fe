//! How the settings name a line, and on which chip of a Pi it is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// What the kernel calls the chips behind a Pi's 40-pin header: Pi 0 to 3,
/// Pi 4, Pi 5. Their numbers have changed over the years, these have not.
pub(super) const HEADER_CHIPS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// A line in the settings: `17`, `"GPIO17"`, or the name a device tree gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its number on the chip; on a Pi's header chip the BCM number.
    Number(u32),
    /// Its name as the kernel knows it.
    Name(String),
}

impl Line {
    /// The BCM number: 17 for `17` and `"GPIO17"`.
    pub(super) fn bcm_number(&self) -> Option<u32> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Name(name) => name.strip_prefix("GPIO")?.parse().ok(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "line {number}"),
            Self::Name(name) => write!(f, "line {name}"),
        }
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LineVisitor)
    }
}

struct LineVisitor;

impl Visitor<'_> for LineVisitor {
    type Value = Line;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a BCM number such as 17 or a line's name such as \"GPIO17\"")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Line, E> {
        let unfit = |_| E::invalid_value(de::Unexpected::Unsigned(number), &self);
        u32::try_from(number).map(Line::Number).map_err(unfit)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Line, E> {
        let unfit = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
        u32::try_from(number).map(Line::Number).map_err(unfit)
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Line, E> {
        match name.parse() {
            Ok(number) => Ok(Line::Number(number)),
            Err(_) if name.is_empty() => Err(E::invalid_value(de::Unexpected::Str(name), &self)),
            Err(_) => Ok(Line::Name(name.to_owned())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_number_or_a_name() {
        let line = |json| serde_json::from_str::<Line>(json);
        assert_eq!(line("17").unwrap(), Line::Number(17));
        assert_eq!(line("\"17\"").unwrap(), Line::Number(17));
        assert_eq!(line("\"GPIO17\"").unwrap().bcm_number(), Some(17));
        assert_eq!(line("\"ID_SDA\"").unwrap().bcm_number(), None);
        for bad in ["-1", "\"\"", "4294967296"] {
            assert!(line(bad).unwrap_err().to_string().contains("such as 17"), "{bad}");
        }
    }
}
