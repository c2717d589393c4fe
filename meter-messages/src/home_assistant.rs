//! What Home Assistant calls a meter.

use crate::{Meter, Unit};

/// A meter in Home Assistant's topics and ids. Site and meter are kept apart by `_`; where they have one themselves, there
/// is a `U` instead, which no site or meter can have. So `a_b/c` and `a/b_c` are two, and whoever has no `_` in its names
/// keeps the id under which Home Assistant knows it.
pub fn home_assistant_name(meter: &Meter) -> String {
    let plain = |id: &str| id.replace('_', "U");
    format!("powerpi_{}_{}", plain(meter.site.as_str()), plain(meter.meter.as_str()))
}

/// The `unique_id` of the sensor that says all that a meter with that unit has counted. Home Assistant keeps its statistics
/// by it, so it stays what it is.
pub fn home_assistant_counter(meter: &Meter, unit: Unit) -> String {
    let counted = match unit {
        Unit::KilowattHour => "energy",
        Unit::CubicMetre => "volume",
    };
    format!("{}_{counted}", home_assistant_name(meter))
}
