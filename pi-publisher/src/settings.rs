//! The settings of one publisher: its site, its broker and its meters.

use std::path::PathBuf;

use daemon_runtime::{EndpointSettings, MqttSettings, SettingsError};
use meter_messages::{
    Info, MAX_COUNT, Measures, Medium, Meter, MeterConstant, MeterId, PartOf, Related, Relation, SiteId,
    Tree, Unfit, Unit,
};
use serde::Deserialize;

use crate::bounce_filter::BounceSettings;
use crate::pulse_source::{cdev, simulated, sysfs};
use crate::totals::modbus::settings::{ModbusOnPaper, ModbusSettings};
use crate::totals::serial::SerialSettings;
use crate::totals::settings::{CounterOnPaper, CounterSettings};
use crate::totals::sml::settings::{SmlOnPaper, SmlSettings};
use crate::totals::source::CounterSource;

/// `/etc/powerpi/pi-publisher.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// This publisher's name in its topics.
    pub site: SiteId,
    /// The folder of the outbox.
    pub state_dir: PathBuf,
    /// A folder in a tmpfs, where what is counted and not on disk yet survives a
    /// kill. It is created if it is missing.
    pub runtime_dir: PathBuf,
    /// How long delivered minutes are kept, in days, so that they can be sent again
    /// to a new server.
    pub keep_days: u32,
    /// Whether minutes wait until the clock is synchronised. Set this to
    /// false on a machine without NTP whose clock is right anyway.
    pub wait_for_clock: bool,
    /// Whether Home Assistant shall discover the meters.
    pub home_assistant: bool,
    /// Where Prometheus finds the figures.
    pub metrics: EndpointSettings,
    /// The broker.
    pub mqtt: MqttSettings,
    /// The broker on which other people's counters publish their totals; the same by default.
    pub counters: Option<MqttSettings>,
    /// The meters; at least one.
    pub meter: Vec<MeterSettings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site: "home".parse().expect("a site's name"),
            state_dir: "/var/lib/powerpi/publisher".into(),
            runtime_dir: "/run/powerpi/publisher".into(),
            keep_days: 366,
            wait_for_clock: true,
            home_assistant: true,
            metrics: EndpointSettings::default(),
            mqtt: MqttSettings::default(),
            counters: None,
            meter: Vec::new(),
        }
    }
}

impl Settings {
    /// Checks what serde cannot: there are meters, each once.
    ///
    /// # Errors
    /// A [`SettingsError`] that says what to write.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.mqtt.check()?;
        if let Some(counters) = &self.counters {
            counters.check()?;
        }
        let Some(first) = self.meter.first() else {
            return Err(SettingsError::new(
                "no meter is set up; add a [[meter]] with id, pulses_per_kwh and source",
            ));
        };
        let mut seen = vec![&first.id];
        for meter in &self.meter[1..] {
            if seen.contains(&&meter.id) {
                return Err(SettingsError::new(format!("two meters have the id \"{}\"", meter.id)));
            }
            seen.push(&meter.id);
        }
        self.check_lines()?;
        self.check_relations()
    }

    /// Whether those who use one line say the same of it.
    fn check_lines(&self) -> Result<(), SettingsError> {
        let mut lines: Vec<(&MeterId, &'static str, &SerialSettings)> = Vec::new();
        for meter in &self.meter {
            let MeterSource::Counter(counter) = &meter.source else { continue };
            let Some((kind, line)) = counter.line() else { continue };
            let same = lines.iter().find(|(_, _, other)| other.device == line.device);
            if let Some((id, _, _)) =
                same.filter(|(_, other_kind, other)| (*other_kind, *other) != (kind, line))
            {
                return Err(SettingsError::new(format!(
                    "meters \"{id}\" and \"{}\" use the line {} with different settings; write the same kind, baud, \
                     parity and stop_bits for both",
                    meter.id,
                    line.name()
                )));
            }
            lines.push((&meter.id, kind, line));
        }
        Ok(())
    }

    /// What is said of meters of this publisher only: another site's are not known here.
    fn check_relations(&self) -> Result<(), SettingsError> {
        let related = |meter: &MeterSettings| Related {
            meter: Meter { site: self.site.clone(), meter: meter.id.clone() },
            medium: meter.medium,
            relation: meter.relation(&self.site),
        };
        let tree = Tree::new(&self.meter.iter().map(related).collect::<Vec<_>>());
        let is_elsewhere = |why: &Unfit| matches!(why, Unfit::Unknown(whole) if whole.site != self.site);
        let refused = tree.refused().iter().find(|refused| !is_elsewhere(&refused.why));
        refused.map_or(Ok(()), |refused| Err(SettingsError::new(refused.to_string())))
    }
}

/// One meter.
#[derive(Debug, Deserialize)]
#[serde(try_from = "MeterOnPaper")]
pub struct MeterSettings {
    /// Its name on the wire and in file names.
    pub id: MeterId,
    /// Its name for people; the id by default.
    pub name: Option<String>,
    /// What flows through it.
    pub medium: Medium,
    /// The meter constant printed on it.
    pub constant: MeterConstant,
    /// The meter reading when counting begins, in pulses; used once, for a new
    /// outbox.
    pub initial_total: u64,
    /// The highest possible power or flow, in the medium's [unit of a
    /// rate](meter_messages::Unit::of_rate). `check` reports more than that as interference
    /// or a wrong meter constant; it is counted anyway.
    pub max_rate: u32,
    /// What it measures, if that is said.
    pub measures: Option<Measures>,
    /// The meter whose part it is, if it is one's.
    pub part_of: Option<PartOf>,
    /// What a pulse must look like.
    pub bounce: BounceSettings,
    /// Where its pulses come from.
    pub source: MeterSource,
}

/// Where a meter's pulses come from.
#[derive(Debug)]
pub enum MeterSource {
    /// From a contact, each by itself.
    Contact(SourceSettings),
    /// From a total that somebody else counts.
    Counter(CounterSource),
}

impl MeterSettings {
    /// What it measures and whose part it is.
    pub fn relation(&self, site: &SiteId) -> Relation {
        Relation { measures: self.measures, part_of: self.part_of.as_ref().map(|whole| whole.within(site)) }
    }
}

/// One `[[meter]]` as it is written, not checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MeterOnPaper {
    id: MeterId,
    name: Option<String>,
    #[serde(default)]
    medium: Medium,
    pulses_per_kwh: Option<MeterConstant>,
    pulses_per_m3: Option<MeterConstant>,
    /// Some meters print what a pulse is, instead of the constant.
    wh_per_pulse: Option<f64>,
    litres_per_pulse: Option<f64>,
    #[serde(default)]
    initial_total: u64,
    max_power_w: Option<u32>,
    max_flow_l_h: Option<u32>,
    measures: Option<Measures>,
    part_of: Option<PartOf>,
    #[serde(default)]
    bounce: BounceSettings,
    source: SourceOnPaper,
}

/// The same choice as it is written, by `kind`.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum SourceOnPaper {
    Cdev(cdev::CdevSettings),
    Sysfs(sysfs::SysfsSettings),
    Simulated(simulated::SimulatedSettings),
    Mqtt(CounterOnPaper),
    Sml(SmlOnPaper),
    Modbus(ModbusOnPaper),
}

/// A house connection in Europe: 3 × 63 A at 230 V.
const MAX_POWER_W: u32 = 43_470;

/// A gas meter G10, larger than those of most homes; a home's water meter ends at 5,000.
const MAX_FLOW_L_H: u32 = 16_000;

impl TryFrom<MeterOnPaper> for MeterSettings {
    type Error = String;

    /// Refuses contradictions, and what a recorder would refuse.
    fn try_from(paper: MeterOnPaper) -> Result<Self, String> {
        let MeterOnPaper { id, medium, max_power_w, max_flow_l_h, .. } = &paper;
        let longest = Info::LONGEST_NAME;
        if paper.name.as_ref().is_some_and(|name| !Info::is_name(name)) {
            return Err(format!(
                "the name of meter \"{id}\" must have 1 to {longest} bytes and no control characters"
            ));
        }
        if paper.initial_total > MAX_COUNT / 2 {
            return Err(format!("initial_total of meter \"{id}\" is more than {}", MAX_COUNT / 2));
        }
        let of_energy =
            paper.pulses_per_kwh.is_some() || paper.wh_per_pulse.is_some() || max_power_w.is_some();
        let of_volume =
            paper.pulses_per_m3.is_some() || paper.litres_per_pulse.is_some() || max_flow_l_h.is_some();
        let max_rate = match medium.unit() {
            Unit::KilowattHour if of_volume => {
                return Err(format!(
                    "meter \"{id}\" counts electricity, in kWh; for pulses_per_m3, litres_per_pulse and \
                     max_flow_l_h write medium = \"gas\" or \"water\""
                ));
            }
            Unit::CubicMetre if of_energy => {
                return Err(format!(
                    "meter \"{id}\" counts {}, in m³: write pulses_per_m3 or litres_per_pulse, and max_flow_l_h",
                    medium.as_str()
                ));
            }
            Unit::KilowattHour => max_power_w.unwrap_or(MAX_POWER_W),
            Unit::CubicMetre => max_flow_l_h.unwrap_or(MAX_FLOW_L_H),
        };
        let constant = paper.constant()?;
        let MeterOnPaper { id, name, medium, initial_total, measures, part_of, bounce, source, .. } = paper;
        let source =
            source.checked(medium, constant, max_rate).map_err(|why| format!("meter \"{id}\": {why}"))?;
        // A register of what is fed in says so itself, unless something else is written.
        let said = match &source {
            MeterSource::Counter(counter) if part_of.is_none() => counter.measures(),
            _ => None,
        };
        let measures = measures.or(said);
        Ok(Self { id, name, medium, constant, initial_total, max_rate, measures, part_of, bounce, source })
    }
}

impl SourceOnPaper {
    /// Whether it is a counter's total, and no contact.
    fn is_total(&self) -> bool {
        matches!(self, Self::Mqtt(_) | Self::Sml(_) | Self::Modbus(_))
    }

    /// What fits its meter.
    fn checked(self, medium: Medium, constant: MeterConstant, max_rate: u32) -> Result<MeterSource, String> {
        let counter = match self {
            Self::Cdev(settings) => return Ok(MeterSource::Contact(SourceSettings::Cdev(settings))),
            Self::Sysfs(settings) => return Ok(MeterSource::Contact(SourceSettings::Sysfs(settings))),
            Self::Simulated(settings) => {
                return Ok(MeterSource::Contact(SourceSettings::Simulated(settings)));
            }
            Self::Mqtt(counter) => CounterSource::Mqtt(CounterSettings::try_from(counter)?),
            Self::Sml(meter) => CounterSource::Sml(SmlSettings::try_from(meter)?),
            Self::Modbus(meter) => CounterSource::Modbus(ModbusSettings::try_from(meter)?),
        };
        if counter.unit().is_volume() != (medium.unit() == Unit::CubicMetre) {
            return Err(format!(
                "it counts {}, but its total is in {}",
                medium.as_str(),
                counter.unit().symbol()
            ));
        }
        // In an hour, of which a minute may get all.
        let most = constant.per_unit() * f64::from(max_rate) / 1000.0;
        if !(1.0..f64::from(u32::MAX)).contains(&most) {
            let (rate, pulse) = match medium.unit() {
                Unit::KilowattHour => ("max_power_w", "wh_per_pulse"),
                Unit::CubicMetre => ("max_flow_l_h", "litres_per_pulse"),
            };
            return Err(format!(
                "at {rate} = {max_rate} it has {most} pulses an hour, which cannot be counted; write another {rate} or \
                 {pulse}"
            ));
        }
        Ok(MeterSource::Counter(counter))
    }
}

impl MeterOnPaper {
    /// What is written of the constant: the number printed on the meter, or what a pulse is.
    fn constant(&self) -> Result<MeterConstant, String> {
        let id = &self.id;
        let (per_unit, of_a_pulse, keys) = match self.medium.unit() {
            Unit::KilowattHour => {
                (self.pulses_per_kwh, self.wh_per_pulse, ["pulses_per_kwh", "wh_per_pulse"])
            }
            Unit::CubicMetre => {
                (self.pulses_per_m3, self.litres_per_pulse, ["pulses_per_m3", "litres_per_pulse"])
            }
        };
        let [per_unit_key, of_a_pulse_key] = keys;
        match (per_unit, of_a_pulse) {
            (Some(constant), None) => Ok(constant),
            (None, Some(of_a_pulse)) => MeterConstant::from_unit_thousandths(of_a_pulse)
                .map_err(|error| format!("{of_a_pulse_key} of meter \"{id}\" is {of_a_pulse}: {error}")),
            // A Wh or litre: a counter's total is a number, and any constant will do.
            (None, None) if self.source.is_total() => {
                MeterConstant::try_from(1000_u64).map_err(|error| error.to_string())
            }
            (None, None) => {
                Err(format!("meter \"{id}\" lacks its meter constant, {per_unit_key} or {of_a_pulse_key}"))
            }
            (Some(_), Some(_)) => {
                Err(format!("meter \"{id}\" has both {per_unit_key} and {of_a_pulse_key}; write one of them"))
            }
        }
    }
}

/// A contact, by `kind`.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SourceSettings {
    /// The kernel's GPIO character device.
    Cdev(cdev::CdevSettings),
    /// The older `/sys/class/gpio`.
    Sysfs(sysfs::SysfsSettings),
    /// A simulated household.
    Simulated(simulated::SimulatedSettings),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_in_deploy_is_understood() {
        let settings: Settings =
            daemon_runtime::parse(include_str!("../../deploy/pi-publisher.toml")).unwrap();
        settings.check().unwrap();
    }

    fn meter(said: &str) -> Result<MeterSettings, String> {
        let source = "source = { kind = \"cdev\", line = 17 }";
        daemon_runtime::parse(&format!("id = \"m\"\n{said}\n{source}")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_counter_of_others_has_pulses_of_a_wh_or_litre() {
        let meter = |said: &str| -> Result<MeterSettings, String> {
            daemon_runtime::parse(&format!("id = \"plug\"\n{said}")).map_err(|error| error.to_string())
        };
        let tasmota = "source = { kind = \"mqtt\", profile = \"tasmota\", topic = \"tele/plug/SENSOR\" }";
        let plug = meter(tasmota).unwrap();
        assert_eq!(plug.constant.per_unit(), 1000.0);
        assert!(matches!(plug.source, MeterSource::Counter(_)));
        assert_eq!(meter(&format!("wh_per_pulse = 0.1\n{tasmota}")).unwrap().constant.per_unit(), 10_000.0);
        let water =
            "medium = \"water\"\nsource = { kind = \"mqtt\", topic = \"water/total\", unit = \"m3\" }";
        assert_eq!(meter(water).unwrap().constant.per_unit(), 1000.0);
        for (said, refused) in [
            (format!("medium = \"gas\"\n{tasmota}"), "it counts gas, but its total is in kWh"),
            (format!("max_power_w = 0\n{tasmota}"), "pulses an hour"),
            (tasmota.replace("topic", "tpic"), "tpic"),
        ] {
            let error = meter(&said).unwrap_err();
            assert!(error.contains(refused), "{error}");
        }
    }

    #[test]
    fn a_constant_is_per_unit_of_what_is_counted() {
        let power = meter("pulses_per_kwh = 1000").unwrap();
        assert_eq!(
            (power.medium, power.constant.per_unit(), power.max_rate),
            (Medium::Electricity, 1000.0, 43_470)
        );
        let gas = meter("medium = \"gas\"\npulses_per_m3 = 100\nmax_flow_l_h = 6000").unwrap();
        assert_eq!((gas.medium, gas.constant.per_unit(), gas.max_rate), (Medium::Gas, 100.0, 6000));
        for (said, constant) in [
            ("pulses_per_kwh = 187.5", "187.5"),
            ("pulses_per_kwh = 0.2", "0.2"),
            ("wh_per_pulse = 7.2", "138.888889"),
            ("wh_per_pulse = 1", "1000"),
            ("medium = \"water\"\nlitres_per_pulse = 10", "100"),
        ] {
            assert_eq!(meter(said).unwrap().constant.to_string(), constant);
        }
        for (said, refused) in [
            ("", "lacks its meter constant, pulses_per_kwh or wh_per_pulse"),
            ("pulses_per_kwh = 1000\nwh_per_pulse = 1", "write one of them"),
            ("wh_per_pulse = 0", "wh_per_pulse of meter \"m\" is 0"),
            ("pulses_per_kwh = 0.0001", "0.001 to 1000000"),
            ("litres_per_pulse = 10", "write medium = \"gas\" or \"water\""),
            ("pulses_per_m3 = 100", "write medium = \"gas\" or \"water\""),
            (
                "medium = \"water\"\npulses_per_kwh = 100",
                "counts water, in m³: write pulses_per_m3 or litres_per_pulse",
            ),
            ("medium = \"water\"\npulses_per_m3 = 100\nmax_power_w = 5", "max_flow_l_h"),
            ("medium = \"steam\"\npulses_per_m3 = 100", "steam"),
            ("pulses_per_kwh = 1000\nname = \"\"", "1 to 200 bytes"),
            ("pulses_per_kwh = 1000\nname = \"a\\u202eb\"", "no control characters"),
        ] {
            let error = meter(said).unwrap_err();
            assert!(error.contains(refused), "{error}");
        }
    }

    /// Meters `a` and `b` of which this is said.
    fn relations(a: &str, b: &str) -> Result<Vec<Relation>, String> {
        let source = "pulses_per_kwh = 1000\nsource = { kind = \"cdev\", line = 17 }";
        let meters = format!("[[meter]]\nid = \"a\"\n{a}\n{source}\n[[meter]]\nid = \"b\"\n{b}\n{source}");
        let settings: Settings =
            daemon_runtime::parse(&format!("site = \"hq\"\n{meters}")).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings.meter.iter().map(|meter| meter.relation(&settings.site)).collect())
    }

    #[test]
    fn a_meter_may_be_a_part_of_another_and_not_of_itself() {
        let part = relations("", "part_of = \"a\"").unwrap();
        assert_eq!(part[0], Relation::default());
        assert_eq!(part[1].part_of.as_ref().unwrap().to_string(), "hq/a");
        let elsewhere = relations("measures = \"export\"", "part_of = \"home/main\"").unwrap();
        assert_eq!(elsewhere[0].measures, Some(Measures::Export));
        assert_eq!(elsewhere[1].part_of.as_ref().unwrap().to_string(), "home/main");
        for (a, b, said) in [
            ("part_of = \"a\"", "", "hq/a cannot be part of itself"),
            ("part_of = \"b\"", "part_of = \"hq/a\"", "hq/a is said to be part of itself, by way of hq/b"),
            ("", "part_of = \"mian\"", "hq/b is said to be part of hq/mian, but there is no such meter"),
            ("measures = \"export\"", "part_of = \"a\"", "cannot be part of hq/a, which measures export"),
            ("measures = \"heat\"", "", "unknown choice \"heat\"; expected one of: import"),
            ("part_of = \"a/b/c\"", "", "may only have the characters"),
        ] {
            let refused = relations(a, b).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }
}
