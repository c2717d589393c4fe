//! Home Assistant finds the meters by itself: one retained message a meter on
//! `homeassistant/device/…/config`.
//!
//! It reads `state`, never `minute`: it books what it reads as use of now, and
//! a backlog is not.

use meter_messages::{Info, Meter, Topic};
use serde_json::json;

/// Home Assistant says `online` here when it starts.
pub const STATUS_TOPIC: &str = "homeassistant/status";

/// Where a meter is announced.
pub fn config_topic(meter: &Meter) -> String {
    format!("homeassistant/device/powerpi_{}_{}/config", meter.site, meter.meter)
}

/// What is announced: two sensors, energy and power, of one device.
pub fn config(meter: &Meter, info: &Info) -> Vec<u8> {
    let id = format!("powerpi_{}_{}", meter.site, meter.meter);
    let state = Topic::State(meter.clone()).to_string();
    let status = Topic::Status(meter.site.clone()).to_string();
    json!({
        "dev": {"ids": [id], "name": info.name, "mf": "PowerPi", "sw": info.version},
        "o": {"name": "PowerPi", "sw": info.version},
        "availability_topic": status,
        "cmps": {
            "energy": {
                "p": "sensor", "unique_id": format!("{id}_energy"), "state_topic": state,
                "device_class": "energy", "state_class": "total_increasing", "unit_of_measurement": "kWh",
                "value_template": "{{ value_json.energy_kwh }}",
            },
            "power": {
                "p": "sensor", "unique_id": format!("{id}_power"), "state_topic": state,
                "device_class": "power", "state_class": "measurement", "unit_of_measurement": "W",
                "value_template": "{{ value_json.power_w }}", "expire_after": 120,
            },
        },
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
        assert_eq!(config["cmps"]["power"]["expire_after"], 120);
        assert_eq!(config_topic(&meter), "homeassistant/device/powerpi_hq_main/config");
    }
}
