//! What is known of other people's counters: where in their payloads the total is, and in which unit. Pure.

use serde::Deserialize;

/// A unit in which counters show their totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum CounterUnit {
    /// Watt-hours.
    Wh,
    /// Kilowatt-hours.
    #[serde(rename = "kWh")]
    KilowattHour,
    /// Megawatt-hours.
    #[serde(rename = "MWh")]
    MegawattHour,
    /// Watts for a minute.
    Wmin,
    /// Joules, which are watts for a second.
    J,
    /// Cubic metres.
    #[serde(rename = "m3")]
    CubicMetre,
    /// Litres.
    #[serde(rename = "l")]
    Litre,
}

impl CounterUnit {
    /// How many millionths of a Wh or litre it is.
    pub fn millionths(self) -> f64 {
        match self {
            Self::Wh | Self::Litre => 1e6,
            Self::KilowattHour | Self::CubicMetre => 1e9,
            Self::MegawattHour => 1e12,
            Self::Wmin => 1e6 / 60.0,
            Self::J => 1e6 / 3600.0,
        }
    }

    /// Whether it is one of volumes.
    pub fn is_volume(self) -> bool {
        matches!(self, Self::CubicMetre | Self::Litre)
    }

    /// Its name in settings.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Wh => "Wh",
            Self::KilowattHour => "kWh",
            Self::MegawattHour => "MWh",
            Self::Wmin => "Wmin",
            Self::J => "J",
            Self::CubicMetre => "m3",
            Self::Litre => "l",
        }
    }
}

/// Software and devices whose topics are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// `tele/<device>/SENSOR`, with `ENERGY` in it.
    Tasmota,
    /// Both generations: `shellies/<device>/relay/0/energy`, `shellies/<device>/emeter/0/total`, or
    /// `<device>/status/switch:0` and others.
    Shelly,
    /// `<device>/sensor/<name>/state`: a number in kWh.
    Esphome,
    /// `zigbee2mqtt/<device>`, with `energy` in kWh.
    Zigbee2mqtt,
    /// `vzlogger/chn0/raw`: a number, with or without its time, in Wh.
    Vzlogger,
}

/// What a topic's payloads say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where the total is; `None` for a payload that is the number.
    pub value: Option<String>,
    /// Its unit.
    pub unit: CounterUnit,
    /// Where the power in W is: a topic, and where in its payload.
    pub power: Option<(String, Option<String>)>,
}

impl Profile {
    /// What is known of a topic; `None` where its payloads say no total.
    pub fn of_topic(self, topic: &str) -> Option<Known> {
        match self {
            Self::Tasmota => {
                Some(in_json(topic, "/ENERGY/Total", CounterUnit::KilowattHour, Some("/ENERGY/Power")))
            }
            Self::Zigbee2mqtt => Some(in_json(topic, "/energy", CounterUnit::KilowattHour, Some("/power"))),
            Self::Esphome => Some(Known { value: None, unit: CounterUnit::KilowattHour, power: None }),
            Self::Vzlogger => Some(Known { value: None, unit: CounterUnit::Wh, power: None }),
            Self::Shelly => shelly(topic),
        }
    }
}

fn in_json(topic: &str, value: &str, unit: CounterUnit, power: Option<&str>) -> Known {
    let power = power.map(|power| (topic.to_owned(), Some(power.to_owned())));
    Known { value: Some(value.to_owned()), unit, power }
}

fn shelly(topic: &str) -> Option<Known> {
    let (before, last) = topic.rsplit_once('/')?;
    // The first generation has a topic for each value.
    let of_first = |unit| {
        let power = Some((format!("{before}/power"), None));
        Some(Known { value: None, unit, power })
    };
    let channel = before.rsplit('/').nth(1);
    match (channel, last) {
        (Some("relay" | "light" | "roller"), "energy") => return of_first(CounterUnit::Wmin),
        (Some("emeter"), "total" | "total_returned") => return of_first(CounterUnit::Wh),
        _ => {}
    }
    // The second says the state of each component.
    let (component, number) = last.split_once(':')?;
    let of_second = |value, power| Some(in_json(topic, value, CounterUnit::Wh, power));
    let measured_by = |component: &str, power: &str| {
        let topic = format!("{before}/{component}:{number}");
        Some((topic, Some(power.to_owned())))
    };
    match component {
        "switch" | "pm1" | "light" | "cover" => of_second("/aenergy/total", Some("/apower")),
        "em1data" => {
            let known = of_second("/total_act_energy", None)?;
            Some(Known { power: measured_by("em1", "/act_power"), ..known })
        }
        "emdata" => {
            let known = of_second("/total_act", None)?;
            Some(Known { power: measured_by("em", "/total_act_power"), ..known })
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::totals::payload::{number, total};

    /// What is understood of a topic's payload: the total in Wh, and the power's topic and value.
    fn understood(
        profile: Profile,
        topic: &str,
        payload: &str,
        of_power: &str,
    ) -> (f64, Option<(String, f64)>) {
        let known = profile.of_topic(topic).unwrap();
        let read = |payload: &str, pointer: &Option<String>| {
            number(payload.as_bytes(), pointer.as_deref()).unwrap().unwrap()
        };
        let total = total(read(payload, &known.value), known.unit.millionths()).unwrap();
        let power = known.power.map(|(topic, pointer)| (topic, read(of_power, &pointer)));
        (total as f64 / 1e6, power)
    }

    #[test]
    fn payloads_of_tasmota_are_understood() {
        let topic = "tele/plug/SENSOR";
        let payload = r#"{"Time":"2023-05-19T20:52:56","ENERGY":{"TotalStartTime":"2022-03-20T15:20:48","Total":514.153,"Yesterday":1.495,"Today":0.537,"Period":0,"Power":56,"ApparentPower":92,"ReactivePower":73,"Factor":0.61,"Voltage":234,"Current":0.392}}"#;
        let found = understood(Profile::Tasmota, topic, payload, payload);
        assert_eq!(found, (514_153.0, Some((topic.into(), 56.0))));
        // Before it knows the time, and from a sensor beside it.
        let known = Profile::Tasmota.of_topic(topic).unwrap();
        let other = br#"{"Time":"1970-01-01T00:00:10","SI7021":{"Temperature":22.1}}"#;
        assert_eq!(number(other, known.value.as_deref()), Ok(None));
    }

    #[test]
    fn payloads_of_shellies_are_understood() {
        let shelly = |topic, payload, of_power| understood(Profile::Shelly, topic, payload, of_power);
        // First generation: watt-minutes at a relay, watt-hours at an EM.
        assert_eq!(
            shelly("shellies/shellyplug-s-041234/relay/0/energy", "30849", "56.32"),
            (514.15, Some(("shellies/shellyplug-s-041234/relay/0/power".into(), 56.32)))
        );
        assert_eq!(
            shelly("shellies/shellyem3-C45BBE6A8F1F/emeter/2/total", "3003.4", "340.31"),
            (3003.4, Some(("shellies/shellyem3-C45BBE6A8F1F/emeter/2/power".into(), 340.31)))
        );
        // Second generation and later: watt-hours in the state of a component.
        let plug = r#"{"id":0,"source":"WS_in","output":true,"apower":8.9,"voltage":237.5,"current":0.082,"aenergy":{"total":6532.162,"by_minute":[45.199,47.141,88.397],"minute_ts":1680536525},"temperature":{"tC":44.4,"tF":112.0}}"#;
        assert_eq!(
            shelly("shellyplus1pm-7c87/status/switch:0", plug, plug),
            (6532.162, Some(("shellyplus1pm-7c87/status/switch:0".into(), 8.9)))
        );
        let single = r#"{"id":1,"total_act_energy":2768.67,"total_act_ret_energy":25.49}"#;
        let measured = r#"{"id":1,"current":0.027,"voltage":242.8,"act_power":6.5,"aprt_power":6.6,"pf":0.98,"freq":50.0,"calibration":"factory"}"#;
        assert_eq!(
            shelly("shellyproem50-a8/status/em1data:1", single, measured),
            (2768.67, Some(("shellyproem50-a8/status/em1:1".into(), 6.5)))
        );
        let three = r#"{"id":0,"a_total_act_energy":0.0,"a_total_act_ret_energy":0.0,"b_total_act_energy":0.0,"b_total_act_ret_energy":0.0,"c_total_act_energy":8763.18,"c_total_act_ret_energy":0.0,"total_act":8763.18,"total_act_ret":0.0}"#;
        let measured = r#"{"id":0,"a_act_power":0.0,"b_act_power":0.0,"c_act_power":1273.0,"total_current":5.5,"total_act_power":1273.0,"total_aprt_power":1280.2}"#;
        assert_eq!(
            shelly("shellypro3em-a8/status/emdata:0", three, measured),
            (8763.18, Some(("shellypro3em-a8/status/em:0".into(), 1273.0)))
        );
        for other in
            ["shellies/shellyplug-s-041234/relay/0", "shellypro3em-a8/status/sys", "energy", "x/em:0"]
        {
            assert_eq!(Profile::Shelly.of_topic(other), None, "{other}");
        }
    }

    #[test]
    fn payloads_of_esphome_zigbee2mqtt_and_vzlogger_are_understood() {
        assert_eq!(
            understood(Profile::Esphome, "heatpump/sensor/total_energy/state", "1234.567", ""),
            (1_234_567.0, None)
        );
        let plug = r#"{"current":0.25,"energy":7.53,"linkquality":105,"power":56,"power_on_behavior":"previous","state":"ON","voltage":231}"#;
        assert_eq!(
            understood(Profile::Zigbee2mqtt, "zigbee2mqtt/washing machine", plug, plug),
            (7530.0, Some(("zigbee2mqtt/washing machine".into(), 56.0)))
        );
        for said in ["5678901.200000", r#"{ "timestamp": 1700000000123, "value": 5678901.2 }"#] {
            assert_eq!(understood(Profile::Vzlogger, "vzlogger/chn0/raw", said, ""), (5_678_901.2, None));
        }
    }

    #[test]
    fn units_are_what_they_say() {
        for (number, unit, wh) in [
            (1.5, CounterUnit::MegawattHour, 1_500_000.0),
            (60.0, CounterUnit::Wmin, 1.0),
            (3600.0, CounterUnit::J, 1.0),
            (2.0, CounterUnit::CubicMetre, 2000.0),
            (7.0, CounterUnit::Litre, 7.0),
        ] {
            assert_eq!(total(number, unit.millionths()).unwrap() as f64 / 1e6, wh);
        }
    }
}
