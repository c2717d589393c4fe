//! The settings of a source that is somebody else's counter.

use foreign_text::is_control;
use serde::Deserialize;

use crate::totals::profile::{CounterUnit, Known, Profile};

/// MQTT allows more; nobody has longer ones.
const LONGEST_TOPIC: usize = 200;

/// A counter whose total is published over MQTT.
#[derive(Debug, Clone, PartialEq)]
pub struct CounterSettings {
    /// The topic of its total.
    pub topic: String,
    /// Where in the payload the total is, as a JSON pointer; `None` for a payload that is the number.
    pub value: Option<String>,
    /// What the number counts.
    pub unit: CounterUnit,
    /// What it is multiplied by.
    pub factor: f64,
    /// The number at which it goes on from 0, in its unit and multiplied.
    pub rolls_over_at: Option<f64>,
    /// Where its power in W, or flow in l/h, is published.
    pub power: Option<PowerSettings>,
}

/// Where a counter's power or flow is published.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerSettings {
    /// The topic.
    pub topic: String,
    /// Where in the payload it is, as a JSON pointer.
    pub value: Option<String>,
    /// What it is multiplied by, to be in W or l/h.
    pub factor: f64,
}

/// The same as it is written, not checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterOnPaper {
    topic: String,
    profile: Option<Profile>,
    value: Option<String>,
    unit: Option<CounterUnit>,
    factor: Option<f64>,
    rolls_over_at: Option<f64>,
    power: Option<PowerOnPaper>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PowerOnPaper {
    topic: Option<String>,
    value: Option<String>,
    factor: Option<f64>,
}

impl CounterSettings {
    /// How many millionths of a Wh or litre one of what the payload says is.
    pub fn millionths(&self) -> f64 {
        self.factor * self.unit.millionths()
    }

    /// The total at which it goes on from 0, in millionths of a Wh or litre.
    pub fn end(&self) -> Option<i64> {
        self.rolls_over_at.map(|end| (end * self.unit.millionths()).round() as i64)
    }

    /// For people, and to know whether a stored total is of the same counter.
    pub fn describe(&self) -> String {
        let value = self.value.as_ref().map(|value| format!(" {value}")).unwrap_or_default();
        let factor = if self.factor == 1.0 { String::new() } else { format!("{} ", self.factor) };
        format!("mqtt {}{value} in {factor}{}", self.topic, self.unit.symbol())
    }

    /// The topics of which it needs the messages.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.topic.as_str()).chain(self.power.iter().map(|power| power.topic.as_str()))
    }
}

impl TryFrom<CounterOnPaper> for CounterSettings {
    type Error = String;

    fn try_from(paper: CounterOnPaper) -> Result<Self, String> {
        let CounterOnPaper { topic, profile, value, unit, factor, rolls_over_at, power } = paper;
        check_topic(&topic)?;
        let known = match profile {
            Some(profile) => Some(profile.of_topic(&topic).ok_or_else(|| {
                format!(
                    "no total is known on the topic \"{topic}\" of this profile; write value and unit instead of profile"
                )
            })?),
            None => None,
        };
        let Some(unit) = unit.or(known.as_ref().map(|known| known.unit)) else {
            return Err(format!(
                "the source \"{topic}\" lacks its unit: Wh, kWh, MWh, Wmin, J, m3 or l; or write a profile"
            ));
        };
        let power = match (power, &known) {
            (Some(power), _) => Some(power.beside(&topic, value.as_ref())?),
            (None, Some(Known { power: Some((topic, value)), .. })) => {
                Some(PowerSettings { topic: topic.clone(), value: value.clone(), factor: 1.0 })
            }
            (None, _) => None,
        };
        let value = value.or(known.and_then(|known| known.value));
        check_pointer(value.as_deref())?;
        let factor = check_factor(factor)?;
        let is_total = |end: &f64| (f64::MIN_POSITIVE..=1e18).contains(&(end * unit.millionths()));
        if rolls_over_at.as_ref().is_some_and(|end| !is_total(end)) {
            return Err("rolls_over_at is not a total that a counter can show".into());
        }
        Ok(Self { topic, value, unit, factor, rolls_over_at, power })
    }
}

impl PowerOnPaper {
    fn beside(self, topic: &str, value: Option<&String>) -> Result<PowerSettings, String> {
        if self.topic.is_none() && self.value.as_ref() == value {
            return Err("power is where the total is; write its topic or its value".into());
        }
        let topic = self.topic.unwrap_or_else(|| topic.to_owned());
        check_topic(&topic)?;
        check_pointer(self.value.as_deref())?;
        Ok(PowerSettings { topic, value: self.value, factor: check_factor(self.factor)? })
    }
}

fn check_topic(topic: &str) -> Result<(), String> {
    let is_one = (1..=LONGEST_TOPIC).contains(&topic.len())
        && !topic.contains(['+', '#'])
        && !topic.contains(is_control);
    if is_one { Ok(()) } else { Err(format!("\"{topic}\" is not the topic of one counter")) }
}

fn check_pointer(value: Option<&str>) -> Result<(), String> {
    match value {
        Some(value) if !(value.is_empty() || value.starts_with('/')) || value.contains(is_control) => {
            Err(format!("value \"{value}\" is not a JSON pointer like \"/ENERGY/Total\""))
        }
        _ => Ok(()),
    }
}

fn check_factor(factor: Option<f64>) -> Result<f64, String> {
    let factor = factor.unwrap_or(1.0);
    if factor.is_finite() && factor != 0.0 { Ok(factor) } else { Err(format!("factor is {factor}")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn counter(said: &str) -> Result<CounterSettings, String> {
        daemon_runtime::parse::<CounterOnPaper>(said).map_err(|error| error.to_string())?.try_into()
    }

    #[test]
    fn a_profile_says_what_is_not_written() {
        let tasmota = counter("topic = \"tele/plug/SENSOR\"\nprofile = \"tasmota\"").unwrap();
        assert_eq!(tasmota.describe(), "mqtt tele/plug/SENSOR /ENERGY/Total in kWh");
        assert_eq!(tasmota.topics().collect::<Vec<_>>(), ["tele/plug/SENSOR"; 2]);
        assert_eq!(tasmota.power.unwrap().value.as_deref(), Some("/ENERGY/Power"));
        // The second of two sockets.
        let second = "topic = \"tele/plug/SENSOR\"\nprofile = \"tasmota\"\nvalue = \"/ENERGY/Total/1\"\n\
                      power = { value = \"/ENERGY/Power/1\" }";
        let second = counter(second).unwrap();
        assert_eq!(
            (second.value.as_deref(), second.unit),
            (Some("/ENERGY/Total/1"), CounterUnit::KilowattHour)
        );
        assert_eq!(second.power.unwrap().value.as_deref(), Some("/ENERGY/Power/1"));
    }

    #[test]
    fn without_a_profile_all_is_written() {
        let said = "topic = \"a/b\"\nunit = \"m3\"\nfactor = 0.01\nrolls_over_at = 99999\n\
                    power = { topic = \"a/flow\", factor = 1000 }";
        let water = counter(said).unwrap();
        assert_eq!((water.millionths(), water.end()), (1e7, Some(99_999_000_000_000)));
        assert_eq!(water.describe(), "mqtt a/b in 0.01 m3");
        assert_eq!(water.power.unwrap().factor, 1000.0);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (said, refused) in [
            ("topic = \"a\"", "lacks its unit"),
            ("topic = \"a/+\"\nunit = \"Wh\"", "is not the topic of one counter"),
            ("topic = \"\"\nunit = \"Wh\"", "is not the topic of one counter"),
            ("topic = \"a\"\nunit = \"Wh\"\nvalue = \"total\"", "is not a JSON pointer"),
            ("topic = \"a\"\nunit = \"Wh\"\nfactor = 0", "factor is 0"),
            ("topic = \"a\"\nunit = \"Wh\"\nrolls_over_at = -1", "rolls_over_at"),
            ("topic = \"a\"\nunit = \"Wh\"\npower = {}", "power is where the total is"),
            ("topic = \"a\"\nunit = \"PS\"", "PS"),
            ("topic = \"a\"\nprofile = \"sonoff\"", "sonoff"),
            (
                "topic = \"shellies/x/relay/0\"\nprofile = \"shelly\"",
                "write value and unit instead of profile",
            ),
            ("topic = \"a\"\nunit = \"Wh\"\nvalu = \"/a\"", "valu"),
        ] {
            let error = counter(said).unwrap_err();
            assert!(error.contains(refused), "{error}");
        }
    }
}
