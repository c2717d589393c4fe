//! Registers of a meter and the numbers in them. Pure.

use serde::Deserialize;

use crate::totals::heard::Heard;

/// Which of a meter's two tables a register is in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Table {
    /// Read by function 4, numbered from 30001 in many documents.
    #[default]
    Input,
    /// Read by function 3, numbered from 40001 in many documents.
    Holding,
}

/// What the bits of a number mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum NumberType {
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

/// Which of a number's registers comes first; within a register the high byte always does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WordOrder {
    /// The highest.
    #[default]
    HighFirst,
    /// The lowest.
    LowFirst,
}

/// Where a number is, and how it is to be read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Register {
    /// The table.
    pub table: Table,
    /// The number of the first register, as it is on the wire: from 0.
    pub number: u16,
    /// What is in it.
    pub number_type: NumberType,
    /// In which order.
    pub words: WordOrder,
    /// What the number is multiplied by.
    pub factor: f64,
}

impl NumberType {
    /// How many registers it takes.
    pub fn registers(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }
}

impl Table {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Holding => "holding",
        }
    }
}

impl Register {
    /// A number of 32 bits with a point in it, high word first, as Eastron and others have them.
    pub const fn float(number: u16) -> Self {
        let (table, number_type, words) = (Table::Input, NumberType::F32, WordOrder::HighFirst);
        Self { table, number, number_type, words, factor: 1.0 }
    }

    /// What an answer says, not multiplied yet; nothing if it has another length than was asked for.
    pub fn number(&self, words: &[u16]) -> Option<f64> {
        if words.len() != usize::from(self.number_type.registers()) {
            return None;
        }
        let add = |bits: u64, word: &u16| bits << 16 | u64::from(*word);
        let bits = match self.words {
            WordOrder::HighFirst => words.iter().fold(0, add),
            WordOrder::LowFirst => words.iter().rev().fold(0, add),
        };
        // Each is as wide as what is in it.
        Some(match self.number_type {
            NumberType::U16 | NumberType::U32 | NumberType::U64 => bits as f64,
            NumberType::I16 => f64::from(bits as i16),
            NumberType::I32 => f64::from(bits as i32),
            NumberType::I64 => bits as i64 as f64,
            NumberType::F32 => f64::from(f32::from_bits(bits as u32)),
            NumberType::F64 => f64::from_bits(bits),
        })
    }

    /// What an answer says of the power in W, or of the flow in l/h; nothing that is infinite or no number.
    pub fn rate(&self, words: &[u16]) -> Option<Heard> {
        // More than fits is as wrong as any.
        let rate = self.number(words).filter(|number| number.is_finite())? * self.factor;
        Some(Heard::Rate(rate.max(0.0).round() as u32))
    }

    /// What an answer says of a serial number.
    pub fn digits(&self, words: &[u16]) -> String {
        self.number(words).map(|number| number.to_string()).unwrap_or_default()
    }

    /// For people, and to tell it from others.
    pub fn describe(&self) -> String {
        let order = if self.words == WordOrder::LowFirst { " low-first" } else { "" };
        format!("{} {} {}{order}", self.table.name(), self.number, self.number_type.name())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_registers_are_numbers() {
        use NumberType::{F32, F64, I16, I32, I64, U16, U32, U64};
        let number = |number_type, words: &[u16]| {
            let register = Register { number_type, ..Register::float(0) };
            let number = register.number(words);
            let reversed: Vec<u16> = words.iter().rev().copied().collect();
            let low_first = Register { words: WordOrder::LowFirst, ..register };
            assert_eq!(low_first.number(&reversed), number);
            number
        };
        // The example of Eastron's documents: 230.2 V.
        assert_eq!(number(F32, &[0x4366, 0x3333]), Some(f64::from(230.2_f32)));
        assert_eq!(number(F64, &[0x4093, 0x4a00, 0, 0]), Some(1234.5));
        assert_eq!((number(U16, &[0xffff]), number(I16, &[0xffff])), (Some(65_535.0), Some(-1.0)));
        assert_eq!((number(U32, &[1, 2]), number(I32, &[0xffff, 0xfffe])), (Some(65_538.0), Some(-2.0)));
        assert_eq!(number(U64, &[0, 1, 0, 0]), Some(4_294_967_296.0));
        assert_eq!(number(I64, &[0xffff, 0xffff, 0xffff, 0xff00]), Some(-256.0));
        for words in [&[][..], &[1], &[1, 2, 3]] {
            assert_eq!(Register::float(0).number(words), None);
        }
    }
}
