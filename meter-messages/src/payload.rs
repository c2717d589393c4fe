//! The payloads: JSON that a person can read in `mosquitto_sub`.
//!
//! Unknown fields are passed over, so that a newer publisher does not silence
//! an older recorder. Numbers outside their range are refused by name.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::OutboxId;
use crate::minute::Minute;
use crate::units::{MAX_COUNT, Unit};

/// The longest payload that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// The most pulses of one minute: a thousand times what S0 can give.
const MOST_PULSES: u64 = 1_000_000;

/// Why a payload was refused.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Longer than any payload of ours.
    #[error("payload of {0} bytes is longer than {LONGEST}")]
    TooLong(usize),
    /// Not the JSON that belongs there; the text names the field.
    #[error("payload: {0}")]
    Json(#[from] serde_json::Error),
    /// A number outside its range.
    #[error("{field} must lie between {least} and {most}, not {value}")]
    Range {
        /// The field's name on the wire.
        field: &'static str,
        /// What stood there.
        value: u64,
        /// The lowest value that could be.
        least: u64,
        /// The highest value that could be.
        most: u64,
    },
    /// Constants whose times do not ascend.
    #[error("history must ascend in t")]
    Order,
    /// A reading that no meter can show, or that was read before or after PowerPi's time.
    #[error("kwh and m3 must lie between 0 and {}, and t in the years 2000 to 2099", MeterReading::MOST)]
    Reading,
    /// Neither `online` nor `offline`.
    #[error("status must be online or offline")]
    Status,
}

pub(crate) fn within(field: &'static str, value: u64, least: u64, most: u64) -> Result<(), PayloadError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(PayloadError::Range { field, value, least, most })
    }
}

pub(crate) fn from_json<T: DeserializeOwned>(payload: &[u8]) -> Result<T, PayloadError> {
    if payload.len() > LONGEST {
        return Err(PayloadError::TooLong(payload.len()));
    }
    Ok(serde_json::from_slice(payload)?)
}

/// A payload type: how it is written, read and checked.
macro_rules! json_payload {
    ($name:ident, |$value:ident| $check:expr) => {
        impl $name {
            /// The payload as it goes over the wire.
            pub fn to_json(&self) -> Vec<u8> {
                // Fails only for maps with keys that are not text; there are none here.
                serde_json::to_vec(self).unwrap_or_default()
            }

            /// Reads and checks a payload; the error names the field.
            pub fn from_json(payload: &[u8]) -> Result<Self, $crate::PayloadError> {
                let $value: Self = $crate::payload::from_json(payload)?;
                $check?;
                Ok($value)
            }
        }
    };
}
pub(crate) use json_payload;

/// A finished minute: what a meter's whole being is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulseCount {
    /// The minute.
    #[serde(rename = "t")]
    pub minute: Minute,
    /// How many of its seconds the line was watched, 1 to 60.
    #[serde(rename = "s")]
    pub watched_s: u8,
    /// Its place in the outbox: from 1, without holes.
    pub seq: u64,
    /// Pulses that fell in the minute.
    pub pulses: u32,
    /// Pulses since the meter was set up, these included; never goes down.
    pub total: u64,
}

json_payload!(PulseCount, |count| {
    within("s", count.watched_s.into(), 1, 60)
        .and_then(|()| within("seq", count.seq, 1, MAX_COUNT))
        .and_then(|()| within("pulses", count.pulses.into(), 0, MOST_PULSES))
        .and_then(|()| within("total", count.total, count.pulses.into(), MAX_COUNT))
});

/// The value of the moment, for eyes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// When it was worked out.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Power from the spacing of the last pulses, in W, decaying while none
    /// comes; absent until two pulses were seen.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<u32>,
    /// The same of gas and water: the flow in litres an hour.
    #[serde(rename = "l_h", default, skip_serializing_if = "Option::is_none")]
    pub flow_l_h: Option<u32>,
    /// Pulses since the meter was set up.
    pub total: u64,
}

json_payload!(Live, |live| within("total", live.total, 0, MAX_COUNT));

impl Live {
    /// The value of a meter with that unit; `rate` in [`Unit::of_rate`].
    pub fn new(unit: Unit, at: Timestamp, rate: Option<u32>, total: u64) -> Self {
        let (power_w, flow_l_h) = by_unit(unit, rate);
        Self { at, power_w, flow_l_h, total }
    }

    /// Power or flow.
    pub fn rate(&self) -> Option<u32> {
        self.power_w.or(self.flow_l_h)
    }

    /// Power or flow, if it is one of that unit.
    pub fn rate_in(&self, unit: Unit) -> Option<u32> {
        match unit {
            Unit::KilowattHour => self.power_w,
            Unit::CubicMetre => self.flow_l_h,
        }
    }
}

/// The newest state, retained: what home automation reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When it was true.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Power in W; absent until two pulses were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<u32>,
    /// The running count in kWh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kwh: Option<f64>,
    /// Of gas and water: the flow in litres an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_l_h: Option<u32>,
    /// Of gas and water: the running count in m³.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_m3: Option<f64>,
    /// Pulses since the meter was set up.
    pub total: u64,
}

json_payload!(State, |state| within("total", state.total, 0, MAX_COUNT));

impl State {
    /// The state of a meter with that unit; `rate` in [`Unit::of_rate`], `quantity` in the unit.
    pub fn new(unit: Unit, at: Timestamp, rate: Option<u32>, quantity: f64, total: u64) -> Self {
        let (power_w, flow_l_h) = by_unit(unit, rate);
        let (energy_kwh, volume_m3) = by_unit(unit, Some(quantity));
        Self { at, power_w, energy_kwh, flow_l_h, volume_m3, total }
    }
}

impl From<State> for Live {
    fn from(state: State) -> Self {
        Self { at: state.at, power_w: state.power_w, flow_l_h: state.flow_l_h, total: state.total }
    }
}

/// A value in the place of its unit: electricity's, or that of gas and water.
fn by_unit<T>(unit: Unit, value: Option<T>) -> (Option<T>, Option<T>) {
    match unit {
        Unit::KilowattHour => (value, None),
        Unit::CubicMetre => (None, value),
    }
}

/// How well the counting goes, once a minute, retained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diag {
    /// When it was written.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Edges the bounce filter refused since the publisher started.
    pub rejected: u64,
    /// Shortest pulse of the last minute in ms; absent without pulses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_min_ms: Option<f64>,
    /// Mean pulse of the last minute in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_mean_ms: Option<f64>,
    /// Longest pulse of the last minute in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_max_ms: Option<f64>,
    /// Edges the kernel had to drop since the publisher started.
    pub lost_edges: u64,
    /// Minutes in the outbox that no mark covers yet.
    pub outbox_depth: u64,
    /// Whether the outbox can be written; where it cannot (a full disk), minutes
    /// wait in memory.
    #[serde(default = "yes")]
    pub outbox_writable: bool,
    /// The clock: `synchronised`, `unsynchronised` or `simulated`.
    pub clock: String,
}

/// What publishers mean that do not say it.
fn yes() -> bool {
    true
}

json_payload!(Diag, |diag| within("outbox_depth", diag.outbox_depth, 0, MAX_COUNT));

/// The recorder's receipt: every minute of this outbox up to `seq` is in the
/// ledger, on disk. Retained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The outbox it speaks of; any other one's minutes are not covered.
    pub outbox: OutboxId,
    /// The last `seq` up to which nothing is missing; 0 before the first.
    pub seq: u64,
    /// The minute of `seq`; absent while `seq` is 0.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<Minute>,
}

json_payload!(Mark, |mark| within("seq", mark.seq, 0, MAX_COUNT));

/// What somebody read off the meter itself: a check of the pulses, which changes none of them.
/// The same `t` again corrects it.
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
    let longest = MeterReading::LONGEST_NAME as u64;
    within("by (its length)", reading.by.len() as u64, 1, longest).and_then(|()| {
        let possible = (0.0..=MeterReading::MOST).contains(&reading.shown);
        let ours = Minute::containing(reading.at.as_second()).is_ok();
        (possible && ours).then_some(()).ok_or(PayloadError::Reading)
    })
});

impl MeterReading {
    /// The longest name of who read it, in bytes.
    pub const LONGEST_NAME: usize = 64;

    /// More than any meter shows, in kWh or m³.
    pub const MOST: f64 = 1e9;
}

/// A reading as it goes over the wire, where the name says the unit.
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
            _ => return Err("a reading has kwh, or m3 of gas and water"),
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

/// Whether a publisher is there; its will says `offline` for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Connected.
    Online,
    /// Gone, or stopped.
    Offline,
}

impl Status {
    /// The payload as it goes over the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }

    /// Reads a payload.
    pub fn from_payload(payload: &[u8]) -> Result<Self, PayloadError> {
        match payload {
            b"online" => Ok(Self::Online),
            b"offline" => Ok(Self::Offline),
            _ => Err(PayloadError::Status),
        }
    }
}
