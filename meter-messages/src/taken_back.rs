//! What is said under a meter's `reading`: what it showed, or that somebody was wrong there.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::meter_reading::MeterReading;
use crate::minute::Minute;
use crate::payload::{PayloadError, from_json, json_payload, within};

/// A reading that was entered by mistake is taken back: there is none of that time any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OnWire", into = "OnWire")]
pub struct TakenBack {
    /// The time that it was said to be read at.
    pub at: Timestamp,
    /// Who takes it back.
    pub by: String,
}

json_payload!(TakenBack, |taken_back| {
    let longest = MeterReading::LONGEST_NAME as u64;
    within("the length of by", taken_back.by.len() as u64, 1, longest).and_then(|()| {
        let ours = Minute::containing(taken_back.at.as_second()).is_ok();
        ours.then_some(()).ok_or(PayloadError::Reading)
    })
});

/// Either of both.
#[derive(Debug, Clone, PartialEq)]
pub enum ReadingMessage {
    /// It is to be entered.
    Read(MeterReading),
    /// It is to be forgotten.
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
