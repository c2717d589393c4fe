//! The settings of a source that is a meter with Modbus.

use std::path::PathBuf;
use std::time::Duration;

use foreign_text::is_control;
use serde::Deserialize;

use crate::totals::heard::Heard;
use crate::totals::modbus::profile::{Direction, Profile};
use crate::totals::modbus::registers::{NumberType, Register, Table, WordOrder};
use crate::totals::payload;
use crate::totals::profile::CounterUnit;
use crate::totals::serial::{Parity, SerialSettings};

/// Modbus meters say nothing by themselves. How often one is asked, unless that is written.
const USUALLY_EVERY: Duration = Duration::from_secs(10);
/// Of Modbus over TCP.
const USUAL_PORT: u16 = 502;

/// A register of a meter that is asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusSettings {
    /// Where the meter is.
    pub bus: Bus,
    /// Its number there.
    pub unit_id: u8,
    /// The register of its total.
    pub total: Register,
    /// What that is in.
    pub unit: CounterUnit,
    /// The register of its power in W, or flow in l/h.
    pub power: Option<Register>,
    /// The register of its serial number, where its profile knows one.
    pub serial_number: Option<Register>,
    /// How often it is asked.
    pub every: Duration,
    /// The number at which the total goes on from 0, in its unit and multiplied.
    pub rolls_over_at: Option<f64>,
    /// Whether its profile says that this is what is fed in.
    pub is_export: bool,
}

/// Where meters are that are asked one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bus {
    /// On a serial line.
    Serial(SerialSettings),
    /// Behind an address.
    Tcp {
        /// Name or address.
        host: String,
        /// Its port.
        port: u16,
        /// Whether it passes on what would be on a serial line, checksums and all.
        rtu: bool,
    },
}

/// The same as it is written, not checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusOnPaper {
    device: Option<PathBuf>,
    baud: Option<u32>,
    parity: Option<Parity>,
    stop_bits: Option<u8>,
    host: Option<String>,
    port: Option<u16>,
    framing: Option<Framing>,
    unit_id: Option<u8>,
    profile: Option<Profile>,
    value: Option<Direction>,
    total: Option<TotalOnPaper>,
    power: Option<RegisterOnPaper>,
    every_s: Option<u64>,
    rolls_over_at: Option<f64>,
}

/// What is sent over TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Framing {
    Tcp,
    Rtu,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterOnPaper {
    #[serde(default)]
    table: Table,
    register: u16,
    #[serde(rename = "type")]
    number_type: NumberType,
    #[serde(default)]
    words: WordOrder,
    factor: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TotalOnPaper {
    #[serde(default)]
    table: Table,
    register: u16,
    #[serde(rename = "type")]
    number_type: NumberType,
    #[serde(default)]
    words: WordOrder,
    factor: Option<f64>,
    unit: CounterUnit,
}

impl ModbusSettings {
    /// For people, and to know whether a stored total is of the same counter.
    pub fn describe(&self) -> String {
        let (bus, total) = (self.bus.name(), self.total.describe());
        let factor = if self.total.factor == 1.0 { String::new() } else { format!("{} ", self.total.factor) };
        format!("modbus {bus} unit {} {total} in {factor}{}", self.unit_id, self.unit.symbol())
    }

    /// What an answer says of its total.
    pub fn heard_of_total(&self, words: &[u16]) -> Heard {
        let number = self.total.number(words).unwrap_or(f64::NAN) * self.total.factor;
        match payload::total(number, self.unit.millionths()) {
            Ok(total) => Heard::Total(total, false),
            Err(error) => Heard::Unreadable(error.to_string()),
        }
    }

    /// The total at which it goes on from 0, in millionths of a Wh or litre.
    pub fn end(&self) -> Option<i64> {
        self.rolls_over_at.map(|end| (end * self.unit.millionths()).round() as i64)
    }
}

impl Bus {
    /// Whether it is behind an address.
    pub(super) fn is_in_the_network(&self) -> bool {
        matches!(self, Self::Tcp { .. })
    }

    /// Whether an answer says to which question it is.
    pub(super) fn tells_answers_apart(&self) -> bool {
        matches!(self, Self::Tcp { rtu: false, .. })
    }

    /// For people, and to compare it.
    pub fn name(&self) -> String {
        match self {
            Self::Serial(line) => line.name(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

impl TryFrom<ModbusOnPaper> for ModbusSettings {
    type Error = String;

    fn try_from(mut paper: ModbusOnPaper) -> Result<Self, String> {
        let bus = paper.bus()?;
        let unit_id = paper.unit_id.unwrap_or(1);
        if matches!(bus, Bus::Serial(_)) && !(1..=247).contains(&unit_id) {
            return Err(format!("unit_id is {unit_id}; meters on a bus have 1 to 247"));
        }
        let every = paper.every_s.map_or(USUALLY_EVERY, Duration::from_secs);
        if !(1..=3600).contains(&every.as_secs()) {
            return Err(format!("every_s is {}; write 1 to 3600 seconds", every.as_secs()));
        }
        let direction = paper.value.unwrap_or_default();
        let (total, unit, power) = match (paper.profile, paper.total.take()) {
            (Some(profile), None) => {
                (profile.total(direction), CounterUnit::KilowattHour, Some(profile.power(direction)))
            }
            (None, Some(_)) if paper.value.is_some() => {
                return Err("value goes with profile; total says itself which register it is".into());
            }
            (None, Some(total)) => {
                let unit = total.unit;
                (total.beside_its_unit().checked("total")?, unit, None)
            }
            (Some(_), Some(_)) => return Err("both profile and total are written; write one of them".into()),
            (None, None) => {
                return Err("a source with modbus lacks its registers: write profile = \"sdm630\", or \
                            total = { register = 72, type = \"f32\", unit = \"kWh\" }"
                    .into());
            }
        };
        let written = paper.power.map(|power| power.checked("power")).transpose()?;
        let is_total = |end: &f64| (f64::MIN_POSITIVE..=1e18).contains(&(end * unit.millionths()));
        if paper.rolls_over_at.as_ref().is_some_and(|end| !is_total(end)) {
            return Err("rolls_over_at is not a total that a counter can show".into());
        }
        let (rolls_over_at, is_export) = (paper.rolls_over_at, direction == Direction::Export);
        let (power, serial_number) = (written.or(power), paper.profile.map(Profile::serial_number));
        Ok(Self { bus, unit_id, total, unit, power, serial_number, every, rolls_over_at, is_export })
    }
}

impl ModbusOnPaper {
    fn bus(&mut self) -> Result<Bus, String> {
        match (self.device.take(), self.host.take()) {
            (Some(device), None) => {
                if self.port.is_some() || self.framing.is_some() {
                    return Err("port and framing belong to host, not to device".into());
                }
                let line = SerialSettings::new(device, self.baud)?;
                let (parity, stop_bits) = (self.parity.unwrap_or_default(), self.stop_bits.unwrap_or(1));
                if !(1..=2).contains(&stop_bits) {
                    return Err(format!("stop_bits is {stop_bits}; write 1 or 2"));
                }
                Ok(Bus::Serial(SerialSettings { parity, stop_bits, ..line }))
            }
            (None, Some(host)) => {
                if self.baud.is_some() || self.parity.is_some() || self.stop_bits.is_some() {
                    return Err("baud, parity and stop_bits belong to device, not to host".into());
                }
                if host.is_empty() || host.len() > 253 || host.contains(is_control) || host.contains(' ') {
                    return Err(format!("host \"{host}\" is not a name or an address"));
                }
                let rtu = self.framing == Some(Framing::Rtu);
                Ok(Bus::Tcp { host, port: self.port.unwrap_or(USUAL_PORT), rtu })
            }
            _ => Err("write either device (of a serial line) or host (of a meter or gateway in the network)"
                .into()),
        }
    }
}

impl TotalOnPaper {
    fn beside_its_unit(self) -> RegisterOnPaper {
        let Self { table, register, number_type, words, factor, .. } = self;
        RegisterOnPaper { table, register, number_type, words, factor }
    }
}

impl RegisterOnPaper {
    fn checked(self, name: &str) -> Result<Register, String> {
        let Self { table, register: number, number_type, words, factor } = self;
        let factor = factor.unwrap_or(1.0);
        if !factor.is_finite() || factor == 0.0 {
            return Err(format!("factor of {name} is {factor}"));
        }
        if number.checked_add(number_type.registers() - 1).is_none() {
            return Err(format!("register {number} of {name} has no room for {}", number_type.name()));
        }
        Ok(Register { table, number, number_type, words, factor })
    }
}

#[cfg(test)]
mod tests;
