//! The payloads: JSON that a person can read in `mosquitto_sub`.
//!
//! Unknown fields are ignored, so that an older recorder understands a newer
//! publisher. An error names the field whose number is out of range.

use foreign_text::{foreign, is_control};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::OutboxId;
use crate::minute::Minute;
use crate::pulse_times::PulseTimes;
use crate::units::MAX_COUNT;

/// The longest payload that is read, in bytes.
const LONGEST: usize = 8 * 1024;

/// The most pulses of one minute: a thousand times what S0 can give.
const MOST_PULSES: u64 = 1_000_000;

/// More than any meter shows, in kWh or m³.
pub(crate) const MOST_SHOWN: f64 = 1e9;

/// Why a payload was refused.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Longer than any payload of the contract.
    #[error("payload of {0} bytes is longer than {LONGEST}")]
    TooLong(usize),
    /// Not the JSON that was expected; the text names the field, and may quote what stands there.
    #[error("payload: {}", foreign(&.0.to_string()))]
    Json(#[from] serde_json::Error),
    /// A number outside its range.
    #[error("{field} must be between {least} and {most}, not {value}")]
    Range {
        /// The field's name on the wire.
        field: &'static str,
        /// The text or number that was refused.
        value: u64,
        /// The lowest value allowed.
        least: u64,
        /// The highest value allowed.
        most: u64,
    },
    /// A name that is empty, too long, or would not stay in its line.
    #[error("{field} must have 1 to {most} bytes and no control characters")]
    Name {
        /// The field's name on the wire.
        field: &'static str,
        /// The most bytes allowed.
        most: usize,
    },
    /// Constants whose times do not ascend.
    #[error("history must be in ascending order of t")]
    Order,
    /// Prices of the day that do not fit; the text says how.
    #[error("prices: {0}")]
    Prices(&'static str),
    /// A reading that no meter can show, or that was read before or after PowerPi's time.
    #[error("kwh and m3 must be between 0 and {}, and t in the years 2000 to 2099", MOST_SHOWN)]
    Reading,
    /// A correction that is none; the text says why.
    #[error("correction: {0}")]
    Correction(&'static str),
    /// A state without a quantity, or with two.
    #[error("a state needs energy_kwh, or volume_m3 for gas and water")]
    Quantity,
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

/// Whether `name` can stand for somebody, or for a meter, wherever people read it.
pub(crate) fn name(field: &'static str, name: &str, most: usize) -> Result<(), PayloadError> {
    let fits = (1..=most).contains(&name.len()) && !name.contains(is_control);
    fits.then_some(()).ok_or(PayloadError::Name { field, most })
}

/// Text that says something to people and decides nothing: taken as it may be shown.
pub(crate) fn remark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| foreign(&text).to_string())
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

/// A finished minute: the unit in which counts are sent and kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PulseCount {
    /// The minute.
    pub minute: Minute,
    /// How many of its seconds the line was watched, 1 to 60.
    pub watched_s: u8,
    /// Its number in the outbox: 1, 2, 3 …, without holes.
    pub seq: u64,
    /// Pulses that fell in the minute.
    pub pulses: u32,
    /// Pulses since the meter was set up, these included; never goes down.
    pub total: u64,
}

/// `minute`: a finished minute, and the outbox that numbered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "MinuteFields", into = "MinuteFields")]
pub struct OutboxMinute {
    /// The minute.
    pub count: PulseCount,
    /// Its outbox. Publishers of the contract's first edition do not say it: then it is the one of their last
    /// `info`.
    pub outbox: Option<OutboxId>,
    /// Minutes since the one of the number before, 1 if it follows that. Older publishers do not say it, nor is it
    /// said where the outbox no longer holds that number.
    pub gap: Option<u32>,
    /// When its pulses came, if they are few. Older publishers do not say it; times that cannot be those of its pulses
    /// are not taken for any.
    pub times: Option<PulseTimes>,
}

/// Its fields as they stand on the wire.
#[derive(Serialize, Deserialize)]
struct MinuteFields {
    #[serde(rename = "t")]
    minute: Minute,
    #[serde(rename = "s")]
    watched_s: u8,
    seq: u64,
    pulses: u32,
    total: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outbox: Option<OutboxId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_ms: Option<u32>,
    /// Where there is more than one pulse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_ms: Option<u32>,
}

impl OutboxMinute {
    /// One of an outbox whose minute before is `last`, if it still has that.
    pub fn after(last: Option<&PulseCount>, count: PulseCount, outbox: OutboxId) -> Self {
        let last = last.filter(|last| last.seq + 1 == count.seq).map(|last| last.minute.epoch_minutes());
        let gap = last.and_then(|last| u32::try_from(count.minute.epoch_minutes() - last).ok());
        Self { count, outbox: Some(outbox), gap, times: None }
    }

    /// The minute of the number before, if it is said.
    pub fn minute_before(&self) -> Option<Minute> {
        self.gap.map(|gap| Minute::nearest(self.count.minute.epoch_minutes() - i64::from(gap)))
    }
}

impl From<MinuteFields> for OutboxMinute {
    fn from(fields: MinuteFields) -> Self {
        let MinuteFields { minute, watched_s, seq, pulses, total, outbox, gap, first_ms, last_ms } = fields;
        let times =
            first_ms.and_then(|first_ms| PulseTimes::new(pulses, first_ms, last_ms.unwrap_or(first_ms)));
        Self { count: PulseCount { minute, watched_s, seq, pulses, total }, outbox, gap, times }
    }
}

impl From<OutboxMinute> for MinuteFields {
    fn from(OutboxMinute { count, outbox, gap, times }: OutboxMinute) -> Self {
        let PulseCount { minute, watched_s, seq, pulses, total } = count;
        let first_ms = times.map(PulseTimes::first_ms);
        let last_ms = times.map(PulseTimes::last_ms).filter(|_| pulses > 1);
        Self { minute, watched_s, seq, pulses, total, outbox, gap, first_ms, last_ms }
    }
}

json_payload!(OutboxMinute, |minute| {
    let PulseCount { watched_s, seq, pulses, total, .. } = minute.count;
    within("s", watched_s.into(), 1, 60)
        .and_then(|()| within("seq", seq, 1, MAX_COUNT))
        .and_then(|()| within("pulses", pulses.into(), 0, MOST_PULSES))
        .and_then(|()| within("total", total, pulses.into(), MAX_COUNT))
});

/// `diag`: how well the counting works, once a minute, retained.
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
    /// Edges that the kernel dropped since the publisher started.
    pub lost_edges: u64,
    /// Minutes in the outbox that no mark covers yet.
    pub outbox_depth: u64,
    /// Whether the outbox can be written; if not (a full disk), minutes wait in
    /// memory.
    #[serde(default = "yes")]
    pub outbox_writable: bool,
    /// The clock: `synchronised`, `unsynchronised` or `simulated`.
    #[serde(deserialize_with = "remark")]
    pub clock: String,
    /// What a counter of others did when it last did not go on from where it was; absent if it always has.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub broken: Option<CounterBreak>,
    /// When that was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<Timestamp>,
}

/// How a counter of others did not go on from where it was. What it has counted until then is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CounterBreak {
    /// It began at 0 again.
    BeganAnew,
    /// Its total was set, or is another counter's.
    Set,
    /// It says that it is another counter.
    Exchanged,
}

/// A word that is known here; newer publishers may say others.
fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CounterBreak>, D::Error> {
    let word = Option::<serde_json::Value>::deserialize(deserializer)?;
    Ok(word.and_then(|word| serde_json::from_value(word).ok()))
}

/// The default, for publishers that do not send it.
fn yes() -> bool {
    true
}

json_payload!(Diag, |diag| within("outbox_depth", diag.outbox_depth, 0, MAX_COUNT));

/// The recorder's receipt: every minute of this outbox up to `seq` is in the
/// ledger, on disk. Retained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The outbox; the minutes of others are not covered.
    pub outbox: OutboxId,
    /// The last `seq` up to which nothing is missing; 0 before the first.
    pub seq: u64,
    /// The minute of `seq`; absent while `seq` is 0.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub minute: Option<Minute>,
    /// Numbers beyond `seq` that are to be sent again, `[from, to]` each, ascending, at most
    /// [`MOST_MISSING`]; the ledger has those between them. Recorders of the contract's first edition
    /// name none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<[u64; 2]>,
    /// Numbers up to `seq` that are not in the ledger, `[from, to]` each, ascending, at most [`MOST_LOST`]: their
    /// outbox once said that it no longer held them. Whoever holds them after all (another copy of its card) sends
    /// them. Older recorders do not say it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<[u64; 2]>,
    /// Whether the outbox was set back to an old copy: nothing beyond the mark is recorded of it any more, and whoever
    /// fills it, the copy or what it was copied from, has to start a new one. Older recorders do not say it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_back: bool,
    /// Whether another outbox counts the same minutes as this one: two publishers go by the name of one meter. Both are
    /// recorded, and added up. Older recorders do not say it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rival: bool,
    /// Which recorder says it: a number that it draws when it starts. A mark that is repeated asks for what comes
    /// after it; that of another recorder does not. Older recorders do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder: Option<u32>,
}

impl Mark {
    /// One that asks for nothing.
    pub fn new(outbox: OutboxId, seq: u64, minute: Option<Minute>) -> Self {
        let (missing, lost) = (Vec::new(), Vec::new());
        Self { outbox, seq, minute, missing, lost, set_back: false, rival: false, recorder: None }
    }
}

/// How many spans of missing numbers a mark names at most.
pub const MOST_MISSING: usize = 16;

/// How many spans of lost numbers a mark names at most.
pub const MOST_LOST: usize = 16;

json_payload!(Mark, |mark| {
    within("seq", mark.seq, 0, MAX_COUNT)
        .and_then(|()| spans("missing", &mark.missing, (mark.seq, MAX_COUNT), MOST_MISSING))
        .and_then(|()| spans("lost", &mark.lost, (0, mark.seq), MOST_LOST))
});

/// Whether spans of numbers ascend, beyond one number and up to another, and are not too many.
fn spans(
    field: &'static str,
    spans: &[[u64; 2]],
    (mut above, last): (u64, u64),
    most: usize,
) -> Result<(), PayloadError> {
    for &[from, to] in spans {
        within(field, from, above.saturating_add(1), last)?;
        within(field, to, from, last)?;
        above = to;
    }
    within(field, spans.len() as u64, 0, most as u64)
}

/// Whether a publisher is connected; its will says `offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Connected.
    Online,
    /// Stopped, or its connection broke.
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
