//! `correction`: what a person says on the pages of a time in which a meter was counted wrongly, or that this is undone.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use foreign_text::{foreign, is_control};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::meter_reading::MeterReading;
use crate::minute::Minute;
use crate::payload::{PayloadError, from_json, name};

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

/// The largest numerator and denominator of a factor.
const MOST: u32 = 1_000_000;

/// What is said of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrectionKind {
    /// It was not watched: what was counted means nothing, and nobody knows what was used.
    Void,
    /// So many pulses, evenly over all its minutes, whether these were recorded or not.
    Replace {
        /// The pulses of the whole time.
        pulses: u64,
    },
    /// What was counted, times a factor.
    Scale(Factor),
}

/// A factor: a fraction of two numbers from 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    numerator: NonZeroU32,
    denominator: NonZeroU32,
}

/// A text that is no factor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a factor like 0.5, 2 or 1/3, of numbers from 1 to 1000000")]
pub struct FactorError(String);

impl Factor {
    /// `None` if one of both is not from 1 to 1,000,000.
    pub fn new(numerator: u32, denominator: u32) -> Option<Self> {
        let number = |number| NonZeroU32::new(number).filter(|number| number.get() <= MOST);
        Some(Self { numerator: number(numerator)?, denominator: number(denominator)? })
    }

    /// What is above the line.
    pub fn numerator(self) -> u32 {
        self.numerator.get()
    }

    /// What is below it.
    pub fn denominator(self) -> u32 {
        self.denominator.get()
    }

    /// So many pulses times the factor, to the nearest whole one.
    pub fn of(self, pulses: u64) -> u64 {
        let (numerator, denominator) = (u128::from(self.numerator.get()), u128::from(self.denominator.get()));
        let scaled = (2 * u128::from(pulses) * numerator + denominator) / (2 * denominator);
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }

    fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| -> Option<u32> {
            let is_plain = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain)
        };
        if let Some((numerator, denominator)) = text.split_once('/') {
            return Self::new(number(numerator)?, number(denominator)?);
        }
        let (whole, digits) = text.split_once('.').unwrap_or((text, ""));
        // What ends with zeros says no more than without them.
        let digits = digits.trim_end_matches('0');
        let denominator = 10u32.checked_pow(u32::try_from(digits.len()).ok()?)?;
        let fraction = if digits.is_empty() { 0 } else { number(digits)? };
        Self::new(number(whole)?.checked_mul(denominator)?.checked_add(fraction)?, denominator)
    }
}

impl FromStr for Factor {
    type Err = FactorError;

    fn from_str(text: &str) -> Result<Self, FactorError> {
        Self::parse(text).ok_or_else(|| FactorError(foreign(text).to_string()))
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator.get() {
            1 => self.numerator.fmt(to),
            denominator => write!(to, "{}/{denominator}", self.numerator),
        }
    }
}

impl CorrectionKind {
    /// Its name in the ledger, in commands and in the API.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::Replace { .. } => "replace",
            Self::Scale(_) => "scale",
        }
    }
}

/// Says that a time was counted wrongly. Said with the same words at the same second it is the same correction, however
/// often it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidCorrection {
    /// When it was said, to the second.
    pub said: Timestamp,
    /// Its first minute.
    pub from: Minute,
    /// The first minute after it.
    pub to: Minute,
    /// What it says.
    pub kind: CorrectionKind,
    /// Why.
    pub reason: String,
    /// Who says it.
    pub by: String,
}

/// Undoes the correction that begins with a minute and was said at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndoneCorrection {
    /// Its first minute.
    pub from: Minute,
    /// When it was said.
    pub said: Timestamp,
    /// When it is undone.
    pub at: Timestamp,
    /// Who undoes it.
    pub by: String,
}

/// A message of a `correction` topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorrectionMessage {
    /// Enter this one.
    Said(SaidCorrection),
    /// Undo that one.
    Undone(UndoneCorrection),
}

impl CorrectionMessage {
    /// The payload as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        // Plain numbers and text: this does not fail.
        serde_json::to_vec(&OnWire::from(self)).unwrap_or_default()
    }

    /// Reads and checks a payload; the error names the field.
    pub fn from_json(payload: &[u8]) -> Result<Self, PayloadError> {
        let wire: OnWire = from_json(payload)?;
        name("by", &wire.by, MeterReading::LONGEST_NAME)?;
        wire.read()
    }
}

/// Its JSON: a correction has `to`, `kind` and `reason`; that one is undone, `undone`.
#[derive(Default, Serialize, Deserialize)]
struct OnWire {
    said: Timestamp,
    from: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pulses: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undone: Option<Timestamp>,
    by: String,
}

impl OnWire {
    fn read(self) -> Result<CorrectionMessage, PayloadError> {
        let minute = |text: &str| {
            text.parse::<Minute>().map_err(|_| PayloadError::Correction("from and to are minutes"))
        };
        let (from, said) = (minute(&self.from)?, self.said);
        Minute::containing(said.as_second())
            .map_err(|_| PayloadError::Correction("said is a time since 2000"))?;
        if let Some(at) = self.undone {
            return Ok(CorrectionMessage::Undone(UndoneCorrection { from, said, at, by: self.by }));
        }
        let (Some(to), Some(reason)) = (&self.to, self.reason) else {
            return Err(PayloadError::Correction("it needs to and reason, or undone"));
        };
        let is_reason = !reason.trim().is_empty()
            && reason.chars().count() <= LONGEST_REASON
            && !reason.contains(is_control);
        let kind = match (self.kind.as_deref(), self.pulses, self.factor) {
            (Some("void"), None, None) => CorrectionKind::Void,
            (Some("replace"), Some(pulses), None) => CorrectionKind::Replace { pulses },
            (Some("scale"), None, Some(factor)) => CorrectionKind::Scale(
                factor.parse().map_err(|_| PayloadError::Correction("factor is a fraction like 1/2"))?,
            ),
            _ => {
                return Err(PayloadError::Correction(
                    "kind is void, replace with pulses, or scale with factor",
                ));
            }
        };
        let to = minute(to)?;
        match is_reason {
            true => Ok(CorrectionMessage::Said(SaidCorrection { said, from, to, kind, reason, by: self.by })),
            false => Err(PayloadError::Correction("reason must have 1 to 200 characters in one line")),
        }
    }
}

impl From<&CorrectionMessage> for OnWire {
    fn from(message: &CorrectionMessage) -> Self {
        match message.clone() {
            CorrectionMessage::Undone(UndoneCorrection { from, said, at, by }) => {
                Self { said, from: from.to_string(), undone: Some(at), by, ..Self::default() }
            }
            CorrectionMessage::Said(SaidCorrection { said, from, to, kind, reason, by }) => {
                let (pulses, factor) = match kind {
                    CorrectionKind::Void => (None, None),
                    CorrectionKind::Replace { pulses } => (Some(pulses), None),
                    CorrectionKind::Scale(factor) => (None, Some(factor.to_string())),
                };
                let (from, to, kind) = (from.to_string(), Some(to.to_string()), Some(kind.name().to_owned()));
                Self { said, from, to, kind, pulses, factor, reason: Some(reason), undone: None, by }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_a_number_or_a_fraction() {
        let factor = |text: &str| text.parse::<Factor>().map(|factor| factor.to_string());
        for (text, told) in
            [("2", "2"), ("0.5", "5/10"), ("1/3", "1/3"), ("1.250", "125/100"), ("10.0", "10")]
        {
            assert_eq!(factor(text).unwrap(), told, "{text}");
        }
        let refused = [
            "",
            "0",
            "-1",
            "+1",
            "1/0",
            "0/1",
            "1/",
            ".5",
            "1e3",
            "1000001",
            "0.0000001",
            "1/2/3",
            "½",
            "1 /2",
        ];
        for text in refused {
            assert!(factor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn to_scale_is_to_take_the_nearest() {
        let factor = Factor::new(1, 2).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(|pulses| factor.of(pulses)), [0, 1, 1, 2, 2]);
        assert_eq!(Factor::new(1_000_000, 1).unwrap().of(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_message_is_what_it_says_and_nothing_else_is_one() {
        let (said, from) = ("2026-11-25T17:30:00Z".parse().unwrap(), "2026-11-24T12:00:00Z".parse().unwrap());
        let to = "2026-11-24T12:10:00Z".parse().unwrap();
        let (reason, by) = ("Prellen".to_owned(), "ernst".to_owned());
        let kinds = [
            CorrectionKind::Void,
            CorrectionKind::Replace { pulses: 7 },
            CorrectionKind::Scale(Factor::new(1, 2).unwrap()),
        ];
        let message = |kind| {
            CorrectionMessage::Said(SaidCorrection {
                said,
                from,
                to,
                kind,
                reason: reason.clone(),
                by: by.clone(),
            })
        };
        let undone = CorrectionMessage::Undone(UndoneCorrection { from, said, at: said, by: by.clone() });
        for message in kinds.map(message).into_iter().chain([undone]) {
            assert_eq!(CorrectionMessage::from_json(&message.to_json()).unwrap(), message);
        }
        let good = r#"{"said":"2026-11-25T17:30:00Z","from":"2026-11-24T12:00:00Z","to":"2026-11-24T12:10:00Z","kind":"void","reason":"x","by":"ernst"}"#;
        assert!(CorrectionMessage::from_json(good.as_bytes()).is_ok());
        for (part, other) in [
            ("void", "forget"),
            ("void", "replace"),
            ("\"x\"", "\" \""),
            ("\"x\"", "\"a\\nb\""),
            ("ernst", ""),
            ("12:00:00Z\",\"to", "12:00:30Z\",\"to"),
            ("2026-11-25T", "1926-11-25T"),
            ("\"kind\":\"void\"", "\"kind\":\"void\",\"pulses\":1"),
            ("\"kind\":\"void\"", "\"kind\":\"scale\",\"factor\":\"0\""),
        ] {
            let bad = good.replacen(part, other, 1);
            assert!(bad != good && CorrectionMessage::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
