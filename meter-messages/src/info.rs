//! `info`: what a meter is.

use foreign_text::foreign;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{Meter, OutboxId};
use crate::meter_reading::MeterReading;
use crate::minute::Minute;
use crate::payload::{PayloadError, json_payload, name, remark, within};
use crate::relation::{Measures, Relation};
use crate::units::{MAX_COUNT, Medium, MeterConstant, Unit};

/// What a meter is, retained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OnWire", into = "OnWire")]
pub struct Info {
    /// Its name for people, without control characters.
    pub name: String,
    /// What flows through it.
    pub medium: Medium,
    /// The meter constant: pulses per kWh, or per m³.
    pub constant: MeterConstant,
    /// Where its pulses come from, for people: `cdev gpiochip0 line 17`.
    pub source: String,
    /// The publisher's version.
    pub version: String,
    /// The outbox of its minutes.
    pub outbox: OutboxId,
    /// The lowest `seq` that the outbox still holds: nothing below it will
    /// ever be sent again, so nobody need wait for it.
    pub oldest_seq: u64,
    /// Which constant applies since when, if it has changed because the meter was
    /// replaced. Ascending; the first one is the one before the change.
    pub history: Vec<ConstantFrom>,
    /// What it measures and whose part it is, as far as its publisher says so.
    pub relation: Relation,
    /// What the meter itself showed, where somebody has said so to its publisher: the newest ones, ascending. They are
    /// all that it knows; one that is not there any more was taken back. `None` where nobody ever has, as on a new card:
    /// then what was said before still holds. No count depends on them.
    pub readings: Option<Vec<MeterReading>>,
    /// What is said of relation and readings and cannot be read, for the log: it is left out, and the rest of the message holds.
    pub unclear: Option<String>,
}

/// A meter constant, and since when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConstantFrom {
    /// The first minute that is counted with it.
    pub minute: Minute,
    /// The constant.
    pub constant: MeterConstant,
}

json_payload!(Info, |info| {
    let history = info.history.len() as u64;
    within("oldest_seq", info.oldest_seq, 1, MAX_COUNT)
        .and_then(|()| within("the length of history", history, 0, Info::LONGEST_HISTORY))
        .and_then(|()| match info.history.is_sorted_by_key(|from| from.minute) {
            true => Ok(()),
            false => Err(PayloadError::Order),
        })
        .and_then(|()| name("name", &info.name, Info::LONGEST_NAME))
});

impl Info {
    /// The longest name of a meter, in bytes.
    pub const LONGEST_NAME: usize = 200;

    /// Whether a meter can be called that.
    pub fn is_name(text: &str) -> bool {
        name("name", text, Self::LONGEST_NAME).is_ok()
    }

    /// The most changes of a meter's constant.
    pub const LONGEST_HISTORY: u64 = 50;

    /// The most readings that a publisher says; it keeps more.
    pub const MOST_READINGS: usize = 20;
}

/// Its JSON, where names carry the unit.
#[derive(Serialize, Deserialize)]
struct OnWire {
    name: String,
    #[serde(flatten)]
    constant: ConstantOnWire,
    #[serde(default)]
    medium: Medium,
    /// The unit of the quantity; follows from the medium.
    #[serde(default, skip_deserializing)]
    unit: Unit,
    #[serde(deserialize_with = "remark")]
    source: String,
    #[serde(deserialize_with = "remark")]
    version: String,
    outbox: OutboxId,
    oldest_seq: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<FromOnWire>,
    /// Whatever stands there: a relation that cannot be must not keep anything from being recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    measures: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part_of: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    readings: Option<Value>,
}

/// Readings in the meter's unit, and what of them cannot be read: they are not worth a minute.
fn readings(said: Option<Value>, unit: Unit, unclear: &mut Vec<String>) -> Option<Vec<MeterReading>> {
    let mut readings = match serde_json::from_value::<Vec<MeterReading>>(said?) {
        Ok(readings) => readings,
        Err(error) => {
            unclear.push(format!("readings: {}", foreign(&error.to_string())));
            return None;
        }
    };
    let said = readings.len();
    readings.retain(|reading| reading.unit == unit && reading.check().is_ok());
    if readings.len() < said {
        unclear.push("readings: one that this meter cannot have".to_owned());
    }
    readings.sort_by_key(|reading| reading.at);
    Some(readings.split_off(readings.len().saturating_sub(Info::MOST_READINGS)))
}

/// What is said of a relation; what of it cannot be read is added.
fn relation(measures: Option<&Value>, part_of: Option<&Value>, unclear: &mut Vec<String>) -> Relation {
    let text = |said: &Value| said.as_str().map_or_else(|| said.to_string(), str::to_owned);
    let measures = measures.map(|said| text(said).parse::<Measures>().map_err(|error| error.to_string()));
    let part_of =
        part_of.map(|said| text(said).parse::<Meter>().map_err(|error| format!("part_of: {error}")));
    let measures = measures.and_then(|said| said.map_err(|why| unclear.push(why)).ok());
    let part_of = part_of.and_then(|said| said.map_err(|why| unclear.push(why)).ok());
    Relation { measures, part_of }
}

#[derive(Serialize, Deserialize)]
struct FromOnWire {
    #[serde(rename = "t")]
    minute: Minute,
    #[serde(flatten)]
    constant: ConstantOnWire,
}

#[derive(Serialize, Deserialize)]
struct ConstantOnWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pulses_per_kwh: Option<MeterConstant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pulses_per_m3: Option<MeterConstant>,
}

impl ConstantOnWire {
    fn new(constant: MeterConstant, unit: Unit) -> Self {
        match unit {
            Unit::KilowattHour => Self { pulses_per_kwh: Some(constant), pulses_per_m3: None },
            Unit::CubicMetre => Self { pulses_per_kwh: None, pulses_per_m3: Some(constant) },
        }
    }

    fn of(self, medium: Medium) -> Result<MeterConstant, String> {
        match (medium.unit(), self.pulses_per_kwh, self.pulses_per_m3) {
            (Unit::KilowattHour, Some(constant), None) | (Unit::CubicMetre, None, Some(constant)) => {
                Ok(constant)
            }
            (Unit::KilowattHour, ..) => Err(format!("{} needs pulses_per_kwh", medium.as_str())),
            (Unit::CubicMetre, ..) => Err(format!("{} needs pulses_per_m3", medium.as_str())),
        }
    }
}

impl TryFrom<OnWire> for Info {
    type Error = String;
    fn try_from(wire: OnWire) -> Result<Self, String> {
        let medium = wire.medium;
        let from = |from: FromOnWire| {
            Ok::<_, String>(ConstantFrom { minute: from.minute, constant: from.constant.of(medium)? })
        };
        let mut unclear = Vec::new();
        let relation = relation(wire.measures.as_ref(), wire.part_of.as_ref(), &mut unclear);
        let readings = readings(wire.readings, medium.unit(), &mut unclear);
        Ok(Self {
            relation,
            readings,
            unclear: (!unclear.is_empty()).then(|| unclear.join("; ")),
            constant: wire.constant.of(medium)?,
            history: wire.history.into_iter().map(from).collect::<Result<_, _>>()?,
            name: wire.name,
            source: wire.source,
            version: wire.version,
            outbox: wire.outbox,
            oldest_seq: wire.oldest_seq,
            medium,
        })
    }
}

impl From<Info> for OnWire {
    fn from(info: Info) -> Self {
        let unit = info.medium.unit();
        let from = |from: &ConstantFrom| FromOnWire {
            minute: from.minute,
            constant: ConstantOnWire::new(from.constant, unit),
        };
        Self {
            measures: info.relation.measures.map(|measures| measures.as_str().into()),
            part_of: info.relation.part_of.as_ref().map(|whole| whole.to_string().into()),
            constant: ConstantOnWire::new(info.constant, unit),
            history: info.history.iter().map(from).collect(),
            // Plain numbers and text: this does not fail.
            readings: info.readings.map(|readings| serde_json::to_value(readings).unwrap_or_default()),
            name: info.name,
            medium: info.medium,
            source: info.source,
            version: info.version,
            outbox: info.outbox,
            oldest_seq: info.oldest_seq,
            unit,
        }
    }
}
