//! The messages of a meter's `reading` topic: a reading, or that one is deleted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::meter_reading::MeterReading;
use crate::minute::Minute;
use crate::payload::{PayloadError, from_json, json_payload, name};

/// Deletes the reading of a time, which was entered by mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OnWire", into = "OnWire")]
pub struct TakenBack {
    /// The time of the reading.
    pub at: Timestamp,
    /// Who deletes it.
    pub by: String,
}

json_payload!(TakenBack, |taken_back| {
    name("by", &taken_back.by, MeterReading::LONGEST_NAME).and_then(|()| {
        let ours = Minute::containing(taken_back.at.as_second()).is_ok();
        ours.then_some(()).ok_or(PayloadError::Reading)
    })
});

/// A message of a `reading` topic.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingMessage {
    /// Enter this one.
    Read(MeterReading),
    /// Delete that one.
    TakenBack(TakenBack),
}

impl ReadingMessage {
    /// Reads and checks a payload; the error names the field.
    pub fn from_json(payload: &[u8]) -> Result<Self, PayloadError> {
        #[derive(Deserialize)]
        struct Which {
            #[serde(default)]
            taken_back: bool,
        }
        let which: Which = from_json(payload)?;
        match which.taken_back {
            true => TakenBack::from_json(payload).map(Self::TakenBack),
            false => MeterReading::from_json(payload).map(Self::Read),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct OnWire {
    t: Timestamp,
    taken_back: bool,
    by: String,
}

impl TryFrom<OnWire> for TakenBack {
    type Error = &'static str;
    fn try_from(wire: OnWire) -> Result<Self, Self::Error> {
        match wire.taken_back {
            true => Ok(Self { at: wire.t, by: wire.by }),
            false => Err("taken_back must be true"),
        }
    }
}

impl From<TakenBack> for OnWire {
    fn from(taken_back: TakenBack) -> Self {
        Self { t: taken_back.at, taken_back: true, by: taken_back.by }
    }
}
