//! The names of the colours that a meter can have. What each looks like is the business of those who draw.

use std::fmt;
use std::str::FromStr;

/// A meter's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "they are what they are called")]
pub enum Colour {
    Blue,
    #[default]
    Teal,
    Green,
    Amber,
    Orange,
    Red,
    Pink,
    Violet,
    Grey,
}

impl Colour {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Blue,
        Self::Teal,
        Self::Green,
        Self::Amber,
        Self::Orange,
        Self::Red,
        Self::Pink,
        Self::Violet,
        Self::Grey,
    ];

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Teal => "teal",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Orange => "orange",
            Self::Red => "red",
            Self::Pink => "pink",
            Self::Violet => "violet",
            Self::Grey => "grey",
        }
    }
}

impl FromStr for Colour {
    type Err = UnknownColour;

    fn from_str(name: &str) -> Result<Self, UnknownColour> {
        Self::ALL.into_iter().find(|colour| colour.name() == name).ok_or(UnknownColour)
    }
}

/// A name that is not a colour.
#[derive(Debug, thiserror::Error)]
pub struct UnknownColour;

impl fmt::Display for UnknownColour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the colours are {}", Colour::ALL.map(Colour::name).join(", "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_its_colour_and_another_one_lists_them() {
        for colour in Colour::ALL {
            assert_eq!(colour.name().parse::<Colour>().unwrap(), colour);
        }
        let said = "purple".parse::<Colour>().unwrap_err().to_string();
        assert!(said.ends_with("blue, teal, green, amber, orange, red, pink, violet, grey"), "{said}");
    }
}
