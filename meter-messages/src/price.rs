//! Prices of the day: what a kWh costs in each quarter of an hour, where a contract follows an exchange.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::minute::Minute;
use crate::payload::{PayloadError, json_payload};

/// The most prices of a message: eight days of quarters of an hour.
pub const MOST_PRICES: usize = 768;

/// Minutes of a quarter of an hour: each has one price.
const QUARTER: i64 = 15;

/// How long before and after it was said a price may hold, in minutes: what is corrected is of the last year, and what
/// is to come is known for some days.
const BEFORE: i64 = 400 * 24 * 60;
const AHEAD: i64 = 10 * 24 * 60;

/// What is no price or no currency.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// Not a number, or more than anybody asks for.
    #[error("a price of a kWh must be between -1000000 and 1000000, not {0}")]
    Range(f64),
    /// Not three capital letters.
    #[error("a currency must be three capital letters, like EUR")]
    Currency,
}

/// A currency by its letters: `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Its letters.
    pub fn as_str(&self) -> &str {
        // They are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Currency {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| PriceError::Currency)?;
        let are_capital = letters.iter().all(u8::is_ascii_uppercase);
        are_capital.then_some(Self(letters)).ok_or(PriceError::Currency)
    }
}

impl TryFrom<String> for Currency {
    type Error = PriceError;
    fn try_from(text: String) -> Result<Self, PriceError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a kWh costs, in billionths of a currency: exact also for prices per MWh with six digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct EnergyPrice {
    billionths: i64,
}

impl EnergyPrice {
    const BILLION: i64 = 1_000_000_000;
    const MOST: i64 = 1_000_000 * Self::BILLION;

    /// From a number of billionths; it may be negative.
    ///
    /// # Errors
    /// More than a million, or less than minus a million, for a kWh.
    pub fn from_billionths(billionths: i64) -> Result<Self, PriceError> {
        let is_possible = (-Self::MOST..=Self::MOST).contains(&billionths);
        is_possible.then_some(Self { billionths }).ok_or(PriceError::Range(billionths as f64 / 1e9))
    }

    /// What is stored, because it is exact.
    pub fn billionths(self) -> i64 {
        self.billionths
    }

    /// The price of a kWh.
    pub fn per_kwh(self) -> f64 {
        self.billionths as f64 / Self::BILLION as f64
    }
}

impl TryFrom<f64> for EnergyPrice {
    type Error = PriceError;
    fn try_from(per_kwh: f64) -> Result<Self, PriceError> {
        let billionths = (per_kwh * Self::BILLION as f64).round();
        // What is not finite is in no range.
        let is_possible = billionths.abs() <= Self::MOST as f64;
        is_possible.then_some(Self { billionths: billionths as i64 }).ok_or(PriceError::Range(per_kwh))
    }
}

impl From<EnergyPrice> for f64 {
    fn from(price: EnergyPrice) -> f64 {
        price.per_kwh()
    }
}

/// `price`: what a kWh costs in some time, retained. What was said later (`t`) holds: it adds to what was said before,
/// or corrects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPrices {
    /// When it was said.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// The currency of its prices.
    pub currency: Currency,
    /// Times with prices; they ascend and do not overlap.
    pub spans: Vec<PriceSpan>,
}

/// Prices one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceSpan {
    /// The first minute of the first one.
    pub from: Minute,
    /// For how many minutes each holds: 15, 30 or 60.
    #[serde(rename = "step_min")]
    pub step_minutes: u8,
    /// The prices of a kWh, without VAT; `null` where nothing is said.
    pub per_kwh: Vec<Option<EnergyPrice>>,
}

json_payload!(DayPrices, |prices| prices.check().map_err(PayloadError::Prices));

impl DayPrices {
    /// The first minute and the price of each quarter of an hour that has one, ascending.
    pub fn quarters(&self) -> impl Iterator<Item = (Minute, EnergyPrice)> {
        self.spans.iter().flat_map(PriceSpan::quarters)
    }

    fn check(&self) -> Result<(), &'static str> {
        let said =
            Minute::containing(self.at.as_second()).map_err(|_| "t is outside the years 2000 to 2099")?;
        let said = said.epoch_minutes();
        let mut end = said - BEFORE;
        for span in &self.spans {
            if !matches!(span.step_minutes, 15 | 30 | 60) {
                return Err("step_min must be 15, 30 or 60");
            }
            let minutes = span.minutes();
            if minutes.start % QUARTER != 0 {
                return Err("from must be the beginning of a quarter of an hour");
            }
            if minutes.start < said - BEFORE || minutes.end > said + AHEAD {
                return Err("prices must lie between 400 days before t and 10 days after it");
            }
            if minutes.start < end {
                return Err("spans must ascend and not overlap");
            }
            end = minutes.end;
        }
        let count = self.spans.iter().map(|span| span.per_kwh.len()).sum::<usize>();
        (1..=MOST_PRICES).contains(&count).then_some(()).ok_or("there must be 1 to 768 prices")
    }
}

impl PriceSpan {
    /// In minutes since 1970.
    fn minutes(&self) -> Range<i64> {
        let start = self.from.epoch_minutes();
        let steps = i64::try_from(self.per_kwh.len()).unwrap_or(i64::MAX);
        start..start.saturating_add(steps.saturating_mul(self.step_minutes.into()))
    }

    fn quarters(&self) -> impl Iterator<Item = (Minute, EnergyPrice)> {
        let (from, step) = (self.from.epoch_minutes(), i64::from(self.step_minutes));
        let priced = (0..).zip(&self.per_kwh).filter_map(|(at, price)| Some((at, (*price)?)));
        priced.flat_map(move |(at, price)| {
            let start = from + at * step;
            (start..start + step).step_by(QUARTER as usize).map(move |at| (Minute::nearest(at), price))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<DayPrices, String> {
        DayPrices::from_json(json.as_bytes()).map_err(|error| error.to_string())
    }

    fn spans(spans: &str) -> Result<DayPrices, String> {
        read(&format!(r#"{{"t":"2026-11-29T13:05:00Z","currency":"EUR","spans":[{spans}]}}"#))
    }

    #[test]
    fn quarters_have_the_prices_of_their_steps() {
        let prices = spans(
            r#"{"from":"2026-11-30T00:00:00+01:00","step_min":15,"per_kwh":[0.08432,null,-0.0001]},
               {"from":"2026-11-30T02:00:00+01:00","step_min":60,"per_kwh":[0.3]}"#,
        )
        .unwrap();
        let quarters: Vec<_> =
            prices.quarters().map(|(at, price)| (at.to_string(), price.billionths())).collect();
        let expected = [
            ("2026-11-29T23:00:00Z", 84_320_000),
            ("2026-11-29T23:30:00Z", -100_000),
            ("2026-11-30T01:00:00Z", 300_000_000),
            ("2026-11-30T01:15:00Z", 300_000_000),
            ("2026-11-30T01:30:00Z", 300_000_000),
            ("2026-11-30T01:45:00Z", 300_000_000),
        ];
        assert_eq!(quarters, expected.map(|(at, price)| (at.to_owned(), price)));
        assert_eq!(DayPrices::from_json(&prices.to_json()).unwrap(), prices);
    }

    #[test]
    fn what_is_no_price_is_refused_with_the_reason() {
        let many = format!(
            r#"{{"from":"2026-11-22T00:00:00Z","step_min":15,"per_kwh":[{}1]}}"#,
            "1,".repeat(MOST_PRICES)
        );
        for (bad, said) in [
            ("", "there must be 1 to 768 prices"),
            (
                r#"{"from":"2026-11-30T00:00:00Z","step_min":15,"per_kwh":[]}"#,
                "there must be 1 to 768 prices",
            ),
            (many.as_str(), "there must be 1 to 768 prices"),
            (
                r#"{"from":"2026-11-30T00:00:00Z","step_min":5,"per_kwh":[1]}"#,
                "step_min must be 15, 30 or 60",
            ),
            (r#"{"from":"2026-11-30T00:05:00Z","step_min":15,"per_kwh":[1]}"#, "beginning of a quarter"),
            (r#"{"from":"2026-12-30T00:00:00Z","step_min":15,"per_kwh":[1]}"#, "10 days after it"),
            (r#"{"from":"2024-12-30T00:00:00Z","step_min":15,"per_kwh":[1]}"#, "400 days before t"),
            (
                r#"{"from":"2026-11-30T00:00:00Z","step_min":15,"per_kwh":[1e7]}"#,
                "between -1000000 and 1000000",
            ),
            (r#"{"from":"2026-11-30T00:00:00Z","step_min":15,"per_kwh":["1"]}"#, "invalid type"),
            (
                r#"{"from":"2026-11-30T00:00:00Z","step_min":60,"per_kwh":[1]},
                   {"from":"2026-11-30T00:45:00Z","step_min":15,"per_kwh":[1]}"#,
                "ascend and not overlap",
            ),
        ] {
            let error = spans(bad).unwrap_err();
            assert!(error.contains(said), "{bad}: {error}");
        }
        for (currency, t) in
            [("eur", "2026-11-29T13:05:00Z"), ("€", "2026-11-29T13:05:00Z"), ("EUR", "1999-12-31T00:00:00Z")]
        {
            let json = format!(
                r#"{{"t":"{t}","currency":"{currency}","spans":[{{"from":"2026-11-30T00:00:00Z","step_min":15,"per_kwh":[1]}}]}}"#
            );
            assert!(read(&json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_price_is_exact_to_its_ninth_digit(billionths in -EnergyPrice::MOST..=EnergyPrice::MOST) {
            let price = EnergyPrice::from_billionths(billionths).unwrap();
            prop_assert_eq!(EnergyPrice::try_from(price.per_kwh()).unwrap(), price);
        }

        #[test]
        fn nothing_that_comes_is_a_panic(payload in "\\PC{0,200}") {
            let _ = DayPrices::from_json(payload.as_bytes());
        }
    }
}
