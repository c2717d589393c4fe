//! Home Assistant discovers the meters: one retained message for each meter on
//! `homeassistant/device/…/config`.
//!
//! It reads `state`, never `minute`: it counts what it reads as used now, which a
//! backlog is not.

use meter_messages::{Info, Meter, Topic, Unit, home_assistant_name as name};
use serde_json::json;

/// Home Assistant publishes `online` here when it starts.
pub const STATUS_TOPIC: &str = "homeassistant/status";

/// The topic that announces a meter.
pub fn config_topic(meter: &Meter) -> String {
    format!("homeassistant/device/{}/config", name(meter))
}

/// The topic that announced it before names were unambiguous, where that was another one. It has to be cleared
/// before the meter is announced, or Home Assistant would know the device twice.
pub fn former_config_topic(meter: &Meter) -> Option<String> {
    let former = format!("powerpi_{}_{}", meter.site, meter.meter);
    (former != name(meter)).then(|| format!("homeassistant/device/{former}/config"))
}

// Each of them is unknown where the state does not say it, and Home Assistant's log has nothing of it: there is no power before
// two pulses, no reading until somebody has said what the meter showed, and no state at all once a meter is taken back.
const ENERGY: &str = "{{ (value_json|default({})).energy_kwh|default(None) }}";
const VOLUME: &str = "{{ (value_json|default({})).volume_m3|default(None) }}";
const POWER: &str = "{{ (value_json|default({})).power_w|default(None) }}";
/// Home Assistant expects flows in m³ an hour.
const FLOW: &str =
    "{% set flow = (value_json|default({})).flow_l_h %}{{ flow / 1000 if flow is defined else None }}";
const READING_KWH: &str = "{{ (value_json|default({})).reading_kwh|default(None) }}";
const READING_M3: &str = "{{ (value_json|default({})).reading_m3|default(None) }}";

/// What is announced: three sensors of one device. Energy (or volume) is what was counted, so it only goes up, and keeps
/// its `unique_id` and with it its statistics; power or flow; and the reading, which may go up and down, so that it has
/// no `state_class`: nobody reckons with it.
pub fn config(meter: &Meter, info: &Info) -> Vec<u8> {
    let id = name(meter);
    let state = Topic::State(meter.clone()).to_string();
    let status = Topic::Status(meter.site.clone()).to_string();
    let sensor = |name: &str, class: &str, state_class: &str, unit: &str, template: &str| {
        json!({
            "p": "sensor", "unique_id": format!("{id}_{name}"), "state_topic": state,
            "device_class": class, "state_class": state_class, "unit_of_measurement": unit,
            "value_template": template,
        })
    };
    let reading = |class: &str, unit: &str, template: &str| {
        let mut reading = sensor("reading", class, "", unit, template);
        reading.as_object_mut().map(|fields| fields.remove("state_class"));
        reading["name"] = "Reading".into();
        reading
    };
    let mut components = match info.medium.unit() {
        Unit::KilowattHour => json!({
            "energy": sensor("energy", "energy", "total_increasing", "kWh", ENERGY),
            "power": sensor("power", "power", "measurement", "W", POWER),
            "reading": reading("energy", "kWh", READING_KWH),
        }),
        Unit::CubicMetre => json!({
            "volume": sensor("volume", info.medium.as_str(), "total_increasing", "m³", VOLUME),
            "reading": reading(info.medium.as_str(), "m³", READING_M3),
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
        let power = config["cmps"]["power"]["value_template"].as_str().unwrap();
        assert!(power.contains(".power_w|default(None)"), "{power}");
        assert_eq!(config_topic(&meter), "homeassistant/device/powerpi_hq_main/config");
    }

    #[test]
    fn the_reading_is_a_sensor_of_its_own_with_which_nobody_reckons() {
        for (medium, constant, counted, unit) in
            [("electricity", "pulses_per_kwh", "energy", "kWh"), ("gas", "pulses_per_m3", "volume", "m³")]
        {
            let info = format!(
                r#"{{"name":"x","medium":"{medium}","{constant}":100,"source":"x","version":"1","outbox":"a","oldest_seq":1}}"#
            );
            let info = Info::from_json(info.as_bytes()).unwrap();
            let config: serde_json::Value =
                serde_json::from_slice(&config(&"hq/main".parse().unwrap(), &info)).unwrap();
            let (count, reading) = (&config["cmps"][counted], &config["cmps"]["reading"]);
            // The count has the name under which Home Assistant has its statistics.
            assert_eq!(count["unique_id"], format!("powerpi_hq_main_{counted}"));
            let meter = "hq/main".parse().unwrap();
            assert_eq!(
                count["unique_id"],
                meter_messages::home_assistant_counter(&meter, info.medium.unit())
            );
            assert!(!count["value_template"].as_str().unwrap().contains("reading"));
            assert_eq!(
                (&reading["unique_id"], &reading["name"]),
                (&json!("powerpi_hq_main_reading"), &json!("Reading"))
            );
            assert_eq!((reading.get("state_class"), &reading["unit_of_measurement"]), (None, &json!(unit)));
            assert_eq!(
                (&reading["device_class"], &count["device_class"]),
                (&count["device_class"], &reading["device_class"])
            );
            let template = reading["value_template"].as_str().unwrap();
            assert!(template.contains("|default(None)"), "{template}");
        }
    }

    #[test]
    fn no_two_meters_have_the_same_name() {
        let of = |meter: &str| {
            let meter: Meter = meter.parse().unwrap();
            (config_topic(&meter), former_config_topic(&meter))
        };
        let topic = |name: &str| format!("homeassistant/device/{name}/config");
        assert_eq!(of("hq/heat-pump"), (topic("powerpi_hq_heat-pump"), None), "as ever");
        assert_eq!(of("a_b/c"), (topic("powerpi_aUb_c"), Some(topic("powerpi_a_b_c"))));
        assert_eq!(of("a/b_c"), (topic("powerpi_a_bUc"), Some(topic("powerpi_a_b_c"))));
        let meters = ["a/b", "a_/b", "a/_b", "a__b/c", "a/b__c", "a_b/c", "a/b_c", "_/_", "_/__", "__/_"];
        let names: std::collections::BTreeSet<_> = meters.iter().map(|meter| of(meter).0).collect();
        assert_eq!(names.len(), meters.len());
        // What is cleared is nobody's name any more.
        assert!(meters.iter().filter_map(|meter| of(meter).1).all(|former| !names.contains(&former)));
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
