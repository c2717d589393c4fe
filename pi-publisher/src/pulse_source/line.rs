//! How the settings name a line, and on which chip of a Pi it is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// What the kernel calls the chips behind a Pi's 40-pin header: Pi 0 to 3,
/// Pi 4, Pi 5. Their numbers have changed over the years, these have not.
pub(super) const HEADER_CHIPS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// The BCM number behind each pin of the 40-pin header, from pin 1 on; 0 where the
/// pin is power, ground or, as GPIO0 itself, the identification of a HAT. The 26 pins
/// of a Pi B+'s predecessors are the first of them (but for pins 3, 5 and 13 of the
/// very first boards).
const HEADER: [u32; 40] = [
    0, 0, 2, 0, 3, 0, 4, 14, 0, 15, 17, 18, 27, 0, 22, 23, 0, 24, 10, 0, //
    9, 25, 11, 8, 0, 7, 0, 0, 5, 0, 6, 12, 13, 0, 19, 16, 26, 20, 0, 21,
];

/// A line in the settings: `17`, `"GPIO17"`, `"pin 11"`, or the name a device tree
/// gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Its number on the chip; on a Pi's header chip the BCM number.
    Number(u32),
    /// A pin of a Pi's header, as they are counted on the board, and its BCM number.
    Pin {
        /// 1 to 40.
        pin: u32,
        /// The line's number on the header's chip.
        bcm: u32,
    },
    /// Its name as the kernel knows it.
    Name(String),
}

impl Line {
    /// The BCM number: 17 for `17`, `"GPIO17"` and `"pin 11"`.
    pub(super) fn bcm_number(&self) -> Option<u32> {
        match self {
            Self::Number(bcm) | Self::Pin { bcm, .. } => Some(*bcm),
            Self::Name(name) => name.strip_prefix("GPIO")?.parse().ok(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "line {number}"),
            Self::Pin { pin, bcm } => write!(f, "pin {pin} (GPIO{bcm})"),
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
        f.write_str("a BCM number such as 17, a line's name such as \"GPIO17\", or a pin such as \"pin 11\"")
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
            Err(_) => match header_pin(name) {
                Some(pin) => on_header(pin).map_err(E::custom),
                None => Ok(Line::Name(name.to_owned())),
            },
        }
    }
}

/// 11 for `pin 11` and `PIN11`.
fn header_pin(name: &str) -> Option<u32> {
    let (word, number) = name.split_at_checked(3)?;
    word.eq_ignore_ascii_case("pin").then(|| number.trim_start().parse().ok())?
}

fn on_header(pin: u32) -> Result<Line, String> {
    let at = usize::try_from(pin).unwrap_or(usize::MAX).checked_sub(1);
    match at.and_then(|at| HEADER.get(at)) {
        Some(bcm @ 1..) => Ok(Line::Pin { pin, bcm: *bcm }),
        Some(0) => {
            Err(format!("pin {pin} of a Pi's header is power, ground or reserved; it has no GPIO line"))
        }
        None => Err(format!("a Pi's header has pins 1 to 40; there is no pin {pin}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Each of the 28 lines of the header is on it once, where Raspberry Pi's
    /// documents draw it; 27 and 28 belong to the HAT's EEPROM.
    #[test]
    fn the_header_is_as_it_is_drawn() {
        let mut lines: Vec<u32> = HEADER.into_iter().filter(|bcm| *bcm > 0).collect();
        lines.sort_unstable();
        assert_eq!(lines, (2..=27).collect::<Vec<_>>());
        for (pin, bcm) in [(3, 2), (7, 4), (12, 18), (22, 25), (32, 12), (36, 16), (40, 21)] {
            assert_eq!(on_header(pin), Ok(Line::Pin { pin, bcm }));
        }
    }

    #[test]
    fn a_line_is_a_number_or_a_name() {
        let line = |json| serde_json::from_str::<Line>(json);
        assert_eq!(line("17").unwrap(), Line::Number(17));
        assert_eq!(line("\"17\"").unwrap(), Line::Number(17));
        assert_eq!(line("\"GPIO17\"").unwrap().bcm_number(), Some(17));
        assert_eq!(line("\"ID_SDA\"").unwrap().bcm_number(), None);
        let pin = Line::Pin { pin: 11, bcm: 17 };
        assert_eq!(line("\"pin 11\"").unwrap(), pin);
        assert_eq!(line("\"PIN11\"").unwrap(), pin);
        assert_eq!((pin.bcm_number(), pin.to_string().as_str()), (Some(17), "pin 11 (GPIO17)"));
        assert_eq!(line("\"pinout\"").unwrap(), Line::Name("pinout".into()));
        for (bad, said) in [
            ("\"pin 9\"", "is power, ground or reserved"),
            ("\"pin 41\"", "1 to 40"),
            ("\"pin 0\"", "1 to 40"),
        ] {
            assert!(line(bad).unwrap_err().to_string().contains(said), "{bad}");
        }
        for bad in ["-1", "\"\"", "4294967296"] {
            assert!(line(bad).unwrap_err().to_string().contains("such as 17"), "{bad}");
        }
    }
}
