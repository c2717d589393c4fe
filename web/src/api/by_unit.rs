//! Names that say the unit.

use meter_figures::name_in;
use meter_messages::Unit;
use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What is told of a meter, under names that say its unit.
#[derive(Debug)]
pub(crate) struct ByUnit<T>(pub(super) Unit, pub(super) T);

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
