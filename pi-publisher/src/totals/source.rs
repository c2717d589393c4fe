//! Whose totals become pulses: one counter, by the kind of its source.

use meter_messages::Measures;

use crate::totals::modbus::settings::{Bus, ModbusSettings};
use crate::totals::profile::CounterUnit;
use crate::totals::serial::SerialSettings;
use crate::totals::settings::CounterSettings;
use crate::totals::sml::settings::SmlSettings;

/// A counter of somebody else.
#[derive(Debug, Clone, PartialEq)]
pub enum CounterSource {
    /// It is published over MQTT.
    Mqtt(CounterSettings),
    /// An electronic meter says it to an optical head.
    Sml(SmlSettings),
    /// A meter is asked for it.
    Modbus(ModbusSettings),
}

impl CounterSource {
    /// For people, and to know whether a stored total is of the same counter.
    pub fn describe(&self) -> String {
        match self {
            Self::Mqtt(counter) => counter.describe(),
            Self::Sml(counter) => counter.describe(),
            Self::Modbus(counter) => counter.describe(),
        }
    }

    /// What its total is in.
    pub fn unit(&self) -> CounterUnit {
        match self {
            Self::Mqtt(counter) => counter.unit,
            Self::Sml(_) => CounterUnit::Wh,
            Self::Modbus(counter) => counter.unit,
        }
    }

    /// The total at which it goes on from 0, in millionths of a Wh or litre.
    pub fn end(&self) -> Option<i64> {
        match self {
            Self::Mqtt(counter) => counter.end(),
            Self::Sml(counter) => counter.end,
            Self::Modbus(counter) => counter.end(),
        }
    }

    /// The serial line that it is on, and by which kind of source.
    pub fn line(&self) -> Option<(&'static str, &SerialSettings)> {
        match self {
            Self::Sml(counter) => Some(("sml", &counter.line)),
            Self::Modbus(ModbusSettings { bus: Bus::Serial(line), .. }) => Some(("modbus", line)),
            Self::Modbus(_) | Self::Mqtt(_) => None,
        }
    }

    /// Whether both are the same total.
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Mqtt(one), Self::Mqtt(other)) => (&one.topic, &one.value) == (&other.topic, &other.value),
            (Self::Sml(one), Self::Sml(other)) => one.may_be_of(other) && one.obis == other.obis,
            (Self::Modbus(one), Self::Modbus(other)) => {
                let place = |it: &ModbusSettings| (it.unit_id, it.total.table, it.total.number);
                one.bus == other.bus && place(one) == place(other)
            }
            _ => false,
        }
    }

    /// Whether it is a tariff of what the other counts as a whole.
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sml(one), Self::Sml(other)) => one.may_be_of(other) && one.obis.is_tariff_of(other.obis),
            _ => false,
        }
    }

    /// What it measures, where the register itself says so.
    pub fn measures(&self) -> Option<Measures> {
        let is_export = match self {
            Self::Mqtt(_) => false,
            Self::Sml(counter) => counter.obis.is_export(),
            Self::Modbus(counter) => counter.is_export,
        };
        is_export.then_some(Measures::Export)
    }
}
