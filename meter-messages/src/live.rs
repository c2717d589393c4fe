//! The current values: `live` and `state`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::payload::{PayloadError, json_payload, within};
use crate::units::{MAX_COUNT, Unit, by_unit};

/// `live`: the current rate, for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Live {
    /// When it was calculated.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Power from the spacing of the last pulses, in W, decaying while none
    /// comes; absent until two pulses have come.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<u32>,
    /// The same for gas and water: the flow in litres an hour.
    #[serde(rename = "l_h", default, skip_serializing_if = "Option::is_none")]
    pub flow_l_h: Option<u32>,
    /// Pulses since the meter was set up.
    pub total: u64,
}

json_payload!(Live, |live| within("total", live.total, 0, MAX_COUNT));

impl Live {
    /// The value of a meter with that unit; `rate` in [`Unit::of_rate`].
    pub fn new(unit: Unit, at: Timestamp, rate: Option<u32>, total: u64) -> Self {
        let (power_w, flow_l_h) = by_unit(unit, rate);
        Self { at, power_w, flow_l_h, total }
    }

    /// Power or flow, if it belongs to that unit.
    pub fn rate_in(&self, unit: Unit) -> Option<u32> {
        match unit {
            Unit::KilowattHour => self.power_w,
            Unit::CubicMetre => self.flow_l_h,
        }
    }
}

/// `state`: the newest values, retained, for home automation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// When they applied.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// Power in W; absent until two pulses have come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_w: Option<u32>,
    /// All that was counted, in kWh: it only goes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_kwh: Option<f64>,
    /// For gas and water: the flow in litres an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_l_h: Option<u32>,
    /// For gas and water: all that was counted, in m³.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_m3: Option<f64>,
    /// What the meter itself shows by now, in kWh: absent until somebody has said what it showed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_kwh: Option<f64>,
    /// The same for gas and water, in m³.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading_m3: Option<f64>,
    /// Pulses since the meter was set up.
    pub total: u64,
}

json_payload!(State, |state| {
    let has_one = state.energy_kwh.is_some() != state.volume_m3.is_some();
    within("total", state.total, 0, MAX_COUNT).and(has_one.then_some(()).ok_or(PayloadError::Quantity))
});

impl State {
    /// The state of a meter with that unit; `rate` in [`Unit::of_rate`], `quantity` in the unit.
    pub fn new(unit: Unit, at: Timestamp, rate: Option<u32>, quantity: f64, total: u64) -> Self {
        let (power_w, flow_l_h) = by_unit(unit, rate);
        let (energy_kwh, volume_m3) = by_unit(unit, Some(quantity));
        Self { at, power_w, energy_kwh, flow_l_h, volume_m3, total, reading_kwh: None, reading_m3: None }
    }

    /// With what the meter itself shows, in the unit, where that is known.
    #[must_use]
    pub fn with_reading(self, unit: Unit, reading: Option<f64>) -> Self {
        let (reading_kwh, reading_m3) = by_unit(unit, reading);
        Self { reading_kwh, reading_m3, ..self }
    }
}

impl From<State> for Live {
    fn from(state: State) -> Self {
        Self { at: state.at, power_w: state.power_w, flow_l_h: state.flow_l_h, total: state.total }
    }
}
