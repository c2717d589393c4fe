//! Names that say the unit.

use meter_messages::Unit;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What is told of a meter, under names that say its unit.
#[derive(Debug)]
pub(crate) struct ByUnit<T>(pub(super) Unit, pub(super) T);

/// The names that say the unit of electricity, and those of gas and water in their place.
const NAMES: [(&str, &str); 7] = [
    ("pulses_per_kwh", "pulses_per_m3"),
    ("kwh", "m3"),
    ("mean_w", "mean_l_h"),
    ("month_budget_kwh", "month_budget_m3"),
    ("kwh_by_meter", "m3_by_meter"),
    ("kwh_by_pulses", "m3_by_pulses"),
    ("drift_kwh", "drift_m3"),
];

/// A name in the interface for programs, for a meter that counts in that unit.
pub(crate) fn name_in(unit: Unit, name: &str) -> &str {
    let in_its_place = || NAMES.iter().find(|(of_energy, _)| *of_energy == name);
    match unit {
        Unit::KilowattHour => name,
        Unit::CubicMetre => in_its_place().map_or(name, |(_, of_volume)| of_volume),
    }
}

impl<T: Serialize> Serialize for ByUnit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(unit, told) = self;
        if *unit == Unit::KilowattHour {
            return told.serialize(serializer);
        }
        renamed(serde_json::to_value(told).map_err(S::Error::custom)?, *unit).serialize(serializer)
    }
}

fn renamed(told: Value, unit: Unit) -> Value {
    match told {
        Value::Object(fields) => {
            let renamed =
                |(name, value): (String, Value)| (name_in(unit, &name).to_owned(), renamed(value, unit));
            fields.into_iter().map(renamed).collect()
        }
        Value::Array(values) => values.into_iter().map(|value| renamed(value, unit)).collect(),
        other => other,
    }
}
