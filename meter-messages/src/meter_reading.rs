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
}

json_payload!(MeterReading, |reading| {
    name("by", &reading.by, MeterReading::LONGEST_NAME).and_then(|()| {
        let possible = (0.0..=MeterReading::MOST).contains(&reading.shown);
        let ours = Minute::containing(reading.at.as_second()).is_ok();
        (possible && ours).then_some(()).ok_or(PayloadError::Reading)
    })
});

impl MeterReading {
    /// The longest name of who read it, in bytes.
    pub const LONGEST_NAME: usize = 64;

    /// More than any meter shows, in kWh or m³.
    pub const MOST: f64 = MOST_SHOWN;
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
}

impl TryFrom<ReadingOnWire> for MeterReading {
    type Error = &'static str;
    fn try_from(wire: ReadingOnWire) -> Result<Self, Self::Error> {
        let (shown, unit) = match (wire.kwh, wire.m3) {
            (Some(kwh), None) => (kwh, Unit::KilowattHour),
            (None, Some(m3)) => (m3, Unit::CubicMetre),
            _ => return Err("a reading needs kwh, or m3 for gas and water"),
        };
        Ok(Self { at: wire.t, shown, unit, by: wire.by })
    }
}

impl From<MeterReading> for ReadingOnWire {
    fn from(reading: MeterReading) -> Self {
        let (kwh, m3) = by_unit(reading.unit, Some(reading.shown));
        Self { t: reading.at, kwh, m3, by: reading.by }
    }
}
