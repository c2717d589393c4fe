//! `/spaceapi.json`: what a hackerspace says of itself (<https://spaceapi.io>), with the power of its public meters.

use std::path::Path;

use anyhow::{Context, ensure};
use meter_ledger::RecordedMeter;
use meter_messages::{Live, Measures, Medium};
use serde_json::{Map, Value, json};

/// What both versions of the schema ask for.
const REQUIRED: [&str; 4] = ["space", "logo", "url", "contact"];

/// What stands in the space's own file.
#[derive(Debug, Clone)]
pub(crate) struct Space(Map<String, Value>);

impl Space {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON object, or something is missing that SpaceAPI asks for.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("reading {} (spaceapi)", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} (spaceapi)", path.display()))
    }

    fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let mut said: Map<String, Value> = serde_json::from_slice(text).context("is no JSON object")?;
        let missing: Vec<_> = REQUIRED.into_iter().filter(|name| !said.contains_key(*name)).collect();
        ensure!(missing.is_empty(), "SpaceAPI asks for more: {}", missing.join(", "));
        let sensors = said.get("sensors").is_none_or(|sensors| {
            sensors.as_object().is_some_and(|sensors| sensors.values().all(|of_kind| !of_kind.is_null()))
        });
        ensure!(sensors, "\"sensors\" is not as SpaceAPI has it");
        if !said.contains_key("api_compatibility") {
            // Version 14 asks for a location, 15 does not.
            let versions = if said.contains_key("location") { json!(["14", "15"]) } else { json!(["15"]) };
            said.insert("api_compatibility".to_owned(), versions);
        }
        Ok(Self(said))
    }

    /// With the power of meters, of those that say one now.
    pub(crate) fn with_power<'a>(&self, meters: impl Iterator<Item = (&'a RecordedMeter, Live)>) -> Value {
        let mut said = self.0.clone();
        for (known, live) in meters {
            let (Some(kind), Some(power_w)) = (sensor(known), live.power_w) else { continue };
            let sensors = said.entry("sensors").or_insert_with(|| json!({}));
            let of_kind = &mut sensors[kind];
            if of_kind.is_null() {
                *of_kind = json!([]);
            }
            if let Some(of_kind) = of_kind.as_array_mut() {
                of_kind.push(json!({
                    "value": power_w,
                    "unit": "W",
                    "location": known.meter.site,
                    "name": known.name,
                    "lastchange": live.at.as_second(),
                }));
            }
        }
        Value::Object(said)
    }
}

/// The kind of sensor that a meter is; none, if it counts something else, or what is fed in.
fn sensor(known: &RecordedMeter) -> Option<&'static str> {
    match (known.medium, known.relation.measures()) {
        (Medium::Electricity, Measures::Import | Measures::Consumption) => Some("power_consumption"),
        (Medium::Electricity, Measures::Production) => Some("power_generation"),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let wrong = |text: &str| format!("{:#}", Space::parse(text.as_bytes()).unwrap_err());
        assert_eq!(wrong("{\"space\":\"x\",\"url\":\"y\"}"), "SpaceAPI asks for more: logo, contact");
        assert!(wrong("[]").starts_with("is no JSON object"));
        let with = |more: &str| format!("{{\"space\":1,\"logo\":1,\"url\":1,\"contact\":{{}}{more}}}");
        assert!(wrong(&with(",\"sensors\":[]")).starts_with("\"sensors\""));
        let versions = |text: String| Space::parse(text.as_bytes()).unwrap().0["api_compatibility"].clone();
        assert_eq!(versions(with("")), json!(["15"]));
        assert_eq!(versions(with(",\"location\":{}")), json!(["14", "15"]));
        assert_eq!(versions(with(",\"api_compatibility\":[\"13\"]")), json!(["13"]));
    }
}
