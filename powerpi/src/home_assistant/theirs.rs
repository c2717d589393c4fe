//! What Home Assistant knows of our meters: its sensors, and their hours.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, bail};
use foreign_text::foreign;
use meter_messages::{Meter, Unit, home_assistant_counter};
use serde::Deserialize;
use serde_json::{Value, json};

use super::conversation::Conversation;
use super::repair::{Right, Shift, Theirs};

pub(super) const HOUR_S: i64 = 3600;

/// So many hours are sent at once: a month, which is some 100 kB.
const AT_ONCE: usize = 31 * 24;

/// Of an entity in Home Assistant's registry.
#[derive(Deserialize)]
struct Entity {
    entity_id: String,
    unique_id: Value,
    platform: String,
}

/// Home Assistant's sensors that it has by MQTT.
pub(super) struct Sensors(HashMap<String, String>);

impl Sensors {
    /// All of them, by the ids that their publishers gave them.
    ///
    /// # Errors
    /// If Home Assistant does not answer, or otherwise than it did in the versions that are known.
    pub(super) async fn read(conversation: &mut Conversation) -> anyhow::Result<Self> {
        let all = conversation.ask("config/entity_registry/list", json!({})).await?;
        let all: Vec<Entity> =
            serde_json::from_value(all).context("its list of entities is not as it was")?;
        let ours = all.into_iter().filter(|entity| entity.platform == "mqtt");
        let by_id = ours.filter_map(|entity| Some((entity.unique_id.as_str()?.to_owned(), entity.entity_id)));
        Ok(Self(by_id.collect()))
    }

    /// The entity that says all that a meter has counted.
    pub(super) fn counter(&self, meter: &Meter, unit: Unit) -> Option<&str> {
        self.0.get(&home_assistant_counter(meter, unit)).map(String::as_str)
    }
}

/// The statistics of a sensor.
#[derive(Debug)]
pub(super) struct Series {
    id: String,
    unit: Unit,
    /// As Home Assistant describes it; it has to be said again just so.
    described: Value,
    /// So many of the unit in which it keeps them are one of ours.
    factor: f64,
}

impl Series {
    /// Those of an entity; `None` if it has none yet.
    ///
    /// # Errors
    /// If it keeps them in a way that cannot be put right.
    pub(super) async fn of(
        conversation: &mut Conversation,
        entity: &str,
        unit: Unit,
    ) -> anyhow::Result<Option<Self>> {
        let known = conversation
            .ask("recorder/get_statistics_metadata", json!({ "statistic_ids": [entity] }))
            .await?;
        let Some(known) = known.as_array().and_then(|all| all.first()).cloned() else { return Ok(None) };
        if known["has_sum"] != true {
            bail!("Home Assistant keeps no sum of {}", foreign(entity));
        }
        let kept_in = known["statistics_unit_of_measurement"].as_str().unwrap_or_default();
        let Some(factor) = of_one(unit, kept_in) else {
            bail!(
                "Home Assistant keeps {} in \"{}\", which is not known here; choose {} in its settings",
                foreign(entity),
                foreign(kept_in),
                unit.symbol()
            );
        };
        Ok(Some(Self { id: entity.to_owned(), unit, described: described(&known, entity, kept_in), factor }))
    }

    /// Its hours from one on, in our unit.
    ///
    /// # Errors
    /// If Home Assistant does not answer, or otherwise than it did in the versions that are known.
    pub(super) async fn hours(
        &self,
        conversation: &mut Conversation,
        from: i64,
    ) -> anyhow::Result<BTreeMap<i64, Theirs>> {
        let question = json!({
            "statistic_ids": [self.id], "start_time": moment(from)?, "period": "hour", "types": ["sum", "state"],
            "units": { self.unit_class(): self.unit.symbol() },
        });
        let answer = conversation.ask("recorder/statistics_during_period", question).await?;
        hours_of(&answer[&self.id])
    }

    /// Adds something to all that is counted from an hour on.
    ///
    /// # Errors
    /// If Home Assistant does not take it.
    pub(super) async fn add(&self, conversation: &mut Conversation, shift: Shift) -> anyhow::Result<()> {
        let said = json!({
            "statistic_id": self.id, "start_time": moment(shift.from)?, "adjustment": shift.by * self.factor,
            "adjustment_unit_of_measurement": self.described["unit_of_measurement"],
        });
        conversation.ask("recorder/adjust_sum_statistics", said).await.map(drop)
    }

    /// Puts hours into the place of those that are there.
    ///
    /// # Errors
    /// If Home Assistant does not take them.
    pub(super) async fn put(&self, conversation: &mut Conversation, hours: &[Right]) -> anyhow::Result<()> {
        for hours in hours.chunks(AT_ONCE) {
            let said = |hour: &Right| -> anyhow::Result<Value> {
                let (sum, state) = (hour.sum * self.factor, hour.state * self.factor);
                Ok(json!({ "start": moment(hour.hour)?, "sum": sum, "state": state }))
            };
            let stats: Vec<Value> = hours.iter().map(said).collect::<anyhow::Result<_>>()?;
            let said = json!({ "metadata": self.described, "stats": stats });
            conversation.ask("recorder/import_statistics", said).await?;
        }
        Ok(())
    }

    fn unit_class(&self) -> &'static str {
        match self.unit {
            Unit::KilowattHour => "energy",
            Unit::CubicMetre => "volume",
        }
    }
}

/// What `import_statistics` wants to hear again. Which words there are depends on the version.
fn described(known: &Value, entity: &str, kept_in: &str) -> Value {
    let mut described = json!({
        "source": "recorder", "statistic_id": entity, "name": known["name"], "has_sum": true,
        "unit_of_measurement": kept_in,
    });
    // Since 2025.4 the one instead of the other; since 2025.11 the class of the unit.
    for key in if known.get("mean_type").is_some() { ["mean_type", "unit_class"] } else { ["has_mean", ""] } {
        if let Some(said) = known.get(key) {
            described[key] = said.clone();
        }
    }
    described
}

/// So many of a unit that Home Assistant knows are one of ours.
fn of_one(ours: Unit, theirs: &str) -> Option<f64> {
    Some(match (ours, theirs) {
        (Unit::KilowattHour, "kWh") | (Unit::CubicMetre, "m³") => 1.0,
        (Unit::KilowattHour, "Wh") | (Unit::CubicMetre, "L") => 1e3,
        (Unit::KilowattHour, "MWh") => 1e-3,
        (Unit::KilowattHour, "GWh") => 1e-6,
        (Unit::KilowattHour, "MJ") => 3.6,
        (Unit::KilowattHour, "GJ") => 3.6e-3,
        (Unit::KilowattHour, "kJ") => 3.6e3,
        (Unit::KilowattHour, "J") => 3.6e6,
        _ => return None,
    })
}

/// An hour since 1970 as Home Assistant reads it.
fn moment(hour: i64) -> anyhow::Result<String> {
    Ok(jiff::Timestamp::from_second(hour * HOUR_S)?.to_string())
}

/// Hours as Home Assistant says them; those without a sum say nothing.
fn hours_of(rows: &Value) -> anyhow::Result<BTreeMap<i64, Theirs>> {
    let wrong = "its hours are not as they were";
    let mut hours = BTreeMap::new();
    for row in rows.as_array().map(Vec::as_slice).unwrap_or_default() {
        let start_ms = row["start"].as_i64().context(wrong)?;
        if let Some(sum) = row["sum"].as_f64() {
            hours.insert(start_ms / 1000 / HOUR_S, Theirs { sum, state: row["state"].as_f64() });
        }
    }
    Ok(hours)
}
