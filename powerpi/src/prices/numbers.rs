//! Prices as people and exchanges write them. Pure.

use std::fmt;
use std::str::FromStr;

use meter_messages::{Currency, EnergyPrice};

/// What a price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PriceUnit {
    /// Of what.
    pub(super) currency: Currency,
    /// How many of them are that much for a kWh.
    parts: Parts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// For a kWh.
    PerKwh,
    /// Hundredths, for a kWh.
    CentsPerKwh,
    /// For a MWh.
    PerMwh,
}

impl Parts {
    fn of_one_per_kwh(self) -> f64 {
        match self {
            Self::PerKwh => 1.0,
            Self::CentsPerKwh => 100.0,
            Self::PerMwh => 1000.0,
        }
    }
}

impl FromStr for PriceUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("\"{text}\" is not a unit like ct/kWh, EUR/kWh or EUR/MWh");
        let (of, energy) = text.split_once('/').ok_or_else(refused)?;
        let currency = |of: &str| match of {
            "€" => "EUR".parse(),
            of => of.parse(),
        };
        let (currency, parts) = match (of, energy) {
            ("ct" | "cent" | "c", "kWh") => (currency("EUR"), Parts::CentsPerKwh),
            (of, "kWh") => (currency(of), Parts::PerKwh),
            (of, "MWh") => (currency(of), Parts::PerMwh),
            _ => return Err(refused()),
        };
        Ok(Self { currency: currency.map_err(|_| refused())?, parts })
    }
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = self.currency;
        match self.parts {
            Parts::PerKwh => write!(f, "{currency}/kWh"),
            Parts::CentsPerKwh => write!(f, "hundredths of {currency} per kWh"),
            Parts::PerMwh => write!(f, "{currency}/MWh"),
        }
    }
}

impl PriceUnit {
    /// The one that stands in a column's name: `Deutschland/Luxemburg [€/MWh]`, `Preis (Cent/kWh)`.
    pub(super) fn in_name(name: &str) -> Option<Self> {
        let words = name.split(|letter: char| !letter.is_alphanumeric() && !"/€".contains(letter));
        let read = |word: &str| {
            let (of, energy) = word.rsplit_once('/')?;
            let energy = match energy.to_lowercase().as_str() {
                "kwh" => "kWh",
                "mwh" => "MWh",
                _ => return None,
            };
            let of = match of.to_lowercase().as_str() {
                "ct" | "cent" | "cents" | "c" => "ct".to_owned(),
                other => other.to_uppercase(),
            };
            format!("{of}/{energy}").parse().ok()
        };
        words.filter_map(read).next()
    }

    /// A price in this unit; `None` where the text is no number.
    ///
    /// # Errors
    /// A number that no price is.
    pub(super) fn price(self, text: &str) -> Option<Result<EnergyPrice, meter_messages::PriceError>> {
        number(text).map(|number| EnergyPrice::try_from(number / self.parts.of_one_per_kwh()))
    }
}

/// `84.32`, `84,32`, `1.084,32`, `−5`: the last point or comma stands before the decimals.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '\'').collect();
    let plain = plain.replace('\u{2212}', "-");
    let last = plain.rfind(['.', ',']);
    let is_number = plain.bytes().any(|byte| byte.is_ascii_digit())
        && plain.bytes().all(|byte| byte.is_ascii_digit() || b"+-.,eE".contains(&byte));
    let point = |(at, letter): (usize, char)| match letter {
        '.' | ',' if Some(at) == last => Some('.'),
        '.' | ',' => None,
        letter => Some(letter),
    };
    let plain: String = plain.char_indices().filter_map(point).collect();
    plain.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, expected) in [
            ("84.32", 84.32),
            ("84,32", 84.32),
            ("1.084,32", 1084.32),
            ("1,084.32", 1084.32),
            ("−5", -5.0),
            ("-0,5", -0.5),
            (" 1 084,3 ", 1084.3),
            ("1e-3", 0.001),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for none in ["", "-", "n/e", "N/A", "inf", "nan", "2026-11-30", "30.11.2026 00:00"] {
            assert_eq!(number(none), None, "{none}");
        }
    }

    #[test]
    fn a_column_s_name_says_its_unit() {
        for (name, unit) in [
            ("Deutschland/Luxemburg [€/MWh]", "EUR/MWh"),
            ("Day-ahead Price [EUR/MWh]", "EUR/MWh"),
            ("Preis (Cent/kWh)", "ct/kWh"),
            ("price ct/kWh", "ct/kWh"),
            ("SEK/kWh", "SEK/kWh"),
        ] {
            assert_eq!(PriceUnit::in_name(name), Some(unit.parse().unwrap()), "{name}");
        }
        for none in ["Preis", "kWh", "a/b", "Preis €"] {
            assert_eq!(PriceUnit::in_name(none), None, "{none}");
        }
        let price = |unit: &str, text: &str| {
            unit.parse::<PriceUnit>().unwrap().price(text).unwrap().unwrap().billionths()
        };
        assert_eq!(price("EUR/MWh", "84,32"), 84_320_000);
        assert_eq!(price("ct/kWh", "8,432"), 84_320_000);
        assert_eq!(price("EUR/kWh", "-0.08432"), -84_320_000);
        assert!("furlong/kWh".parse::<PriceUnit>().is_err() && "EUR".parse::<PriceUnit>().is_err());
    }
}
