//! Names in the interface for programs that say the unit.

use meter_messages::Unit;

/// The names that say the unit of electricity, and those of gas and water in their place.
const NAMES: [(&str, &str); 8] = [
    ("pulses_per_kwh", "pulses_per_m3"),
    ("kwh", "m3"),
    ("mean_w", "mean_l_h"),
    ("yesterday_kwh", "yesterday_m3"),
    ("month_budget_kwh", "month_budget_m3"),
    ("kwh_by_meter", "m3_by_meter"),
    ("kwh_by_pulses", "m3_by_pulses"),
    ("drift_kwh", "drift_m3"),
];

/// A name in the interface for programs, for a meter that counts in that unit.
pub fn name_in(unit: Unit, name: &str) -> &str {
    let in_its_place = || NAMES.iter().find(|(of_energy, _)| *of_energy == name);
    match unit {
        Unit::KilowattHour => name,
        Unit::CubicMetre => in_its_place().map_or(name, |(_, of_volume)| of_volume),
    }
}
