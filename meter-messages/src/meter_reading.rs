//! A reading: what a meter itself showed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::minute::Minute;
use crate::payload::{MOST_SHOWN, PayloadError, json_payload, name};
use crate::units::{Unit, by_unit};

/// What the meter itself showed, read by a person: a check of the pulses, which changes none of
/// them. The same `t` again corrects it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ReadingOnWire", into = "ReadingOnWire")]
pub struct MeterReading {
    /// When it was read, to the second.
    pub at: Timestamp,
    /// What the meter showed, in `unit`.
    pub shown: f64,
    /// The meter's unit.
    pub unit: Unit,
    /// Who read it.
    pub by: String,
    /// Whether it is the first one of another meter, which took the place of the one before.
    pub replaced: bool,
}

json_payload!(MeterReading, |reading| reading.check());

impl MeterReading {
    pub(crate) fn check(&self) -> Result<(), PayloadError> {
        name("by", &self.by, Self::LONGEST_NAME)?;
        let possible = (0.0..=Self::MOST).contains(&self.shown);
        let ours = Minute::containing(self.at.as_second()).is_ok();
        (possible && ours).then_some(()).ok_or(PayloadError::Reading)
    }

    /// The longest name of who read it, in bytes.
    pub const LONGEST_NAME: usize = 64;

    /// More than any meter shows, in kWh or m³.
    pub const MOST: f64 = MOST_SHOWN;

    /// A number that a meter can show, as people write it: digits with at most one comma or point. Thousands are not
    /// parted: nobody could tell `12.345` from `12,345`.
    pub fn number(text: &str) -> Option<f64> {
        let text = text.trim().replace(',', ".");
        let is_number = text.starts_with(|first: char| first.is_ascii_digit())
            && text.chars().all(|digit| digit.is_ascii_digit() || digit == '.');
        let number: f64 = text.parse().ok().filter(|_| is_number)?;
        (number <= Self::MOST).then_some(number)
    }
}

/// A reading's JSON, where the name carries the unit.
#[derive(Serialize, Deserialize)]
struct ReadingOnWire {
    t: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kwh: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m3: Option<f64>,
    by: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replaced: bool,
}

impl TryFrom<ReadingOnWire> for MeterReading {
    type Error = &'static str;
    fn try_from(wire: ReadingOnWire) -> Result<Self, Self::Error> {
        let (shown, unit) = match (wire.kwh, wire.m3) {
            (Some(kwh), None) => (kwh, Unit::KilowattHour),
            (None, Some(m3)) => (m3, Unit::CubicMetre),
            _ => return Err("a reading needs kwh, or m3 for gas and water"),
        };
        Ok(Self { at: wire.t, shown, unit, by: wire.by, replaced: wire.replaced })
    }
}

impl From<MeterReading> for ReadingOnWire {
    fn from(reading: MeterReading) -> Self {
        let (kwh, m3) = by_unit(reading.unit, Some(reading.shown));
        Self { t: reading.at, kwh, m3, by: reading.by, replaced: reading.replaced }
    }
}
