//! Meters whose registers are known. Pure.

use serde::Deserialize;

use crate::totals::modbus::registers::{NumberType, Register, Table};

/// Meters of Eastron, after their "Modbus Protocol Implementation" documents. Their energy is in the same registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// SDM630, three phases.
    Sdm630,
    /// SDM72D-M, three phases.
    Sdm72,
    /// SDM120, one phase.
    Sdm120,
    /// SDM220, one phase.
    Sdm220,
    /// SDM230, one phase.
    Sdm230,
}

/// Which way energy flows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// It is taken.
    #[default]
    Import,
    /// It is fed in.
    Export,
}

/// 30073: taken, in kWh.
const IMPORT: Register = Register::float(0x48);
/// 30075: fed in, in kWh.
const EXPORT: Register = Register::float(0x4a);
/// 30053: the power of all phases in W, negative where energy is fed in.
const POWER_OF_ALL: Register = Register::float(0x34);
/// 30013: the power of the only phase.
const POWER_OF_ONE: Register = Register::float(0x0c);

/// 464513: the serial number of each of them.
const SERIAL_NUMBER: Register =
    Register { table: Table::Holding, number_type: NumberType::U32, ..Register::float(0xfc00) };

impl Profile {
    /// The register of the serial number.
    pub fn serial_number(self) -> Register {
        SERIAL_NUMBER
    }

    /// The register of the total, in kWh.
    pub fn total(self, direction: Direction) -> Register {
        match direction {
            Direction::Import => IMPORT,
            Direction::Export => EXPORT,
        }
    }

    /// The register of the power in W, positive in this direction.
    pub fn power(self, direction: Direction) -> Register {
        let register = match self {
            Self::Sdm630 | Self::Sdm72 => POWER_OF_ALL,
            Self::Sdm120 | Self::Sdm220 | Self::Sdm230 => POWER_OF_ONE,
        };
        Register { factor: if direction == Direction::Export { -1.0 } else { 1.0 }, ..register }
    }
}
