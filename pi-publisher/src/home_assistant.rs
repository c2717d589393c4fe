//! Home Assistant discovers the meters: one retained message for each meter on
//! `homeassistant/device/…/config`.
//!
//! It reads `state`, never `minute`: it counts what it reads as used now, which a
//! backlog is not.

use meter_messages::{Info, Meter, Topic, Unit};
use serde_json::json;

/// Home Assistant publishes `online` here when it starts.
pub const STATUS_TOPIC: &str = "homeassistant/status";

/// The topic that announces a meter.
pub fn config_topic(meter: &Meter) -> String {
    format!("homeassistant/device/powerpi_{}_{}/config", meter.site, meter.meter)
}

/// Home Assistant expects flows in m³ an hour; a state has none before two pulses.
const FLOW: &str = "{{ value_json.flow_l_h / 1000 if value_json.flow_l_h is defined else None }}";

/// What is announced: two sensors of one device, energy and power, or volume and flow.
pub fn config(meter: &Meter, info: &Info) -> Vec<u8> {
    let id = format!("powerpi_{}_{}", meter.site, meter.meter);
    let state = Topic::State(meter.clone()).to_string();
    let status = Topic::Status(meter.site.clone()).to_string();
    let sensor = |name: &str, class: &str, state_class: &str, unit: &str, template: &str| {
        json!({
            "p": "sensor", "unique_id": format!("{id}_{name}"), "state_topic": state,
            "device_class": class, "state_class": state_class, "unit_of_measurement": unit,
            "value_template": template,
        })
    };
    let mut components = match info.medium.unit() {
        Unit::KilowattHour => json!({
            "energy": sensor("energy", "energy", "total_increasing", "kWh", "{{ value_json.energy_kwh }}"),
            "power": sensor("power", "power", "measurement", "W", "{{ value_json.power_w }}"),
        }),
        Unit::CubicMetre => json!({
            "volume": sensor("volume", info.medium.as_str(), "total_increasing", "m³", "{{ value_json.volume_m3 }}"),
            "flow": sensor("flow", "volume_flow_rate", "measurement", "m³/h", FLOW),
        }),
    };
    for rate in ["power", "flow"] {
        if let Some(rate) = components.get_mut(rate) {
            rate["expire_after"] = 120.into();
        }
    }
    json!({
        "dev": {"ids": [id], "name": info.name, "mf": "PowerPi", "sw": info.version},
        "o": {"name": "PowerPi", "sw": info.version},
        "availability_topic": status,
        "cmps": components,
    })
    .to_string()
    .into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_energy_sensor_reads_the_state() {
        let meter: Meter = "hq/main".parse().unwrap();
        let info = Info::from_json(
            br#"{"name":"Haus","pulses_per_kwh":1000,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#,
        );
        let config: serde_json::Value = serde_json::from_slice(&config(&meter, &info.unwrap())).unwrap();
        let energy = &config["cmps"]["energy"];
        assert_eq!(energy["state_topic"], "powerpi/hq/main/state");
        assert_eq!(energy["state_class"], "total_increasing");
        assert_eq!(
            (&energy["device_class"], &energy["unit_of_measurement"]),
            (&json!("energy"), &json!("kWh"))
        );
        assert_eq!(config["cmps"]["power"]["expire_after"], 120);
        assert_eq!(config_topic(&meter), "homeassistant/device/powerpi_hq_main/config");
    }

    #[test]
    fn gas_and_water_are_volumes() {
        let meter: Meter = "hq/gas".parse().unwrap();
        let info = Info::from_json(
            br#"{"name":"Gas","medium":"gas","pulses_per_m3":100,"source":"x","version":"1","outbox":"a","oldest_seq":1}"#,
        );
        let config: serde_json::Value = serde_json::from_slice(&config(&meter, &info.unwrap())).unwrap();
        let volume = &config["cmps"]["volume"];
        assert_eq!((&volume["device_class"], &volume["unit_of_measurement"]), (&json!("gas"), &json!("m³")));
        assert_eq!(config["cmps"]["flow"]["unit_of_measurement"], "m³/h");
    }
}
