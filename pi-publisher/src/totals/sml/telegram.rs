//! From the bytes of a line to what a meter says of itself. Pure.

use foreign_text::foreign;
use sml_rs::parser::common::Value;
use sml_rs::parser::streaming::{MessageBody, ParseEvent, Parser};
use sml_rs::transport::{DecodeErr, Decoder};
use sml_rs::util::ArrayBuf;

use crate::totals::payload;
use crate::totals::sml::obis::Obis;

/// Telegrams have some hundred bytes; after so many without one, there is none.
const LONGEST: usize = 4096;
/// Units of DLMS (IEC 62056-62): watts and watt-hours.
const W: u8 = 27;
const WH: u8 = 30;

/// Takes the bytes of a line apart; holds no more than a telegram.
#[derive(Default)]
pub struct Telegrams {
    decoder: Decoder<ArrayBuf<LONGEST>>,
    /// Bytes since the last telegram.
    passed: usize,
}

impl std::fmt::Debug for Telegrams {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Telegrams").field("passed", &self.passed).finish_non_exhaustive()
    }
}

impl Telegrams {
    /// The telegrams that these bytes end, and what is wrong with them.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Result<Telegram, String>> {
        bytes.iter().flat_map(|byte| self.push(*byte)).collect()
    }

    fn push(&mut self, byte: u8) -> Vec<Result<Telegram, String>> {
        self.passed += 1;
        let ended = match self.decoder.push_byte(byte) {
            Ok(None) if self.passed < LONGEST => return Vec::new(),
            // sml-rs counts what it passes over in 16 bits, so it must not pass over much.
            Ok(None) => {
                self.decoder.reset();
                Err(format!("{LONGEST} bytes without a telegram: is it another baud rate, or no SML meter?"))
            }
            Ok(Some(telegram)) => parse(telegram),
            // We have come in the middle of one, or one has ended there.
            Err(DecodeErr::DiscardedBytes(_)) => return Vec::new(),
            Err(DecodeErr::InvalidMessage { .. }) => Err("a telegram with a wrong checksum".into()),
            Err(error) => Err(format!("a telegram that is none ({error})")),
        };
        self.passed = 0;
        match ended {
            Ok(telegrams) => telegrams.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }
    }
}

/// What a meter has said at one time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Telegram {
    /// The number by which the meter calls itself.
    pub server_id: Vec<u8>,
    /// Its registers that are numbers.
    pub registers: Vec<Register>,
}

/// A register and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Register {
    /// Its name.
    pub obis: Obis,
    /// The number of its unit, where it is said.
    pub unit: Option<u8>,
    /// The value is this, times 10 to the power of `scaler`.
    pub value: i128,
    /// See `value`.
    pub scaler: i8,
}

/// Takes a telegram apart whose checksum is right. It may have lists of several meters, and several of one.
fn parse(bytes: &[u8]) -> Result<Vec<Telegram>, String> {
    if is_endless(bytes) {
        return Err("a telegram with a list without end".into());
    }
    let mut telegrams: Vec<Telegram> = Vec::new();
    for event in Parser::new(bytes) {
        match event.map_err(|error| format!("a telegram that cannot be read ({error:?})"))? {
            ParseEvent::MessageStart(start) => {
                if let MessageBody::GetListResponse(list) = start.message_body {
                    let known = telegrams.iter().position(|known| known.server_id == list.server_id);
                    // The list that is read is the last one.
                    let telegram = known.map(|place| telegrams.remove(place)).unwrap_or_default();
                    telegrams.push(Telegram { server_id: list.server_id.to_vec(), ..telegram });
                }
            }
            ParseEvent::ListEntry(entry) => {
                let obis = <[u8; 6]>::try_from(entry.obj_name).map(Obis);
                if let (Ok(obis), Some(value)) = (obis, number(&entry.value)) {
                    let (unit, scaler) = (entry.unit, entry.scaler.unwrap_or(0));
                    let registers = telegrams.last_mut().map(|telegram| &mut telegram.registers);
                    registers.into_iter().for_each(|all| all.push(Register { obis, unit, value, scaler }));
                }
            }
            ParseEvent::GetListResponseEnd(_) => {}
        }
    }
    if telegrams.is_empty() {
        telegrams.push(Telegram::default());
    }
    Ok(telegrams)
}

/// Whether a list is said to have nearly 2^32 entries, to which sml-rs would add.
fn is_endless(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|length| length[..6] == [0x8f; 6] && matches!(length[6], 0x0e | 0x0f))
}

fn number(value: &Value<'_>) -> Option<i128> {
    Some(match *value {
        Value::I8(value) => value.into(),
        Value::I16(value) => value.into(),
        Value::I32(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::U8(value) => value.into(),
        Value::U16(value) => value.into(),
        Value::U32(value) => value.into(),
        Value::U64(value) => value.into(),
        Value::Bool(_) | Value::Bytes(_) | Value::List(_) => return None,
    })
}

impl Telegram {
    /// The meter's number, in hexadecimal digits; of one that is longer than any meter's not all of them.
    pub fn name(&self) -> String {
        let digits: String = self.server_id.iter().map(|byte| format!("{byte:02x}")).collect();
        foreign(&digits).to_string()
    }

    fn register(&self, obis: Obis) -> Option<&Register> {
        self.registers.iter().find(|register| register.obis == obis)
    }

    /// A register's total in millionths of a Wh, if it is there.
    ///
    /// # Errors
    /// What is there is no total.
    pub fn total(&self, obis: Obis) -> Result<Option<i64>, String> {
        let Some(register) = self.register(obis) else { return Ok(None) };
        match register.unit {
            // What counts energy is in Wh, whether that is said or not.
            Some(WH) | None => {}
            Some(unit) => return Err(format!("{obis} is in the unit {unit}, not in Wh (30)")),
        }
        let total = register.millionths().filter(|total| (0..=payload::HIGHEST as i64).contains(total));
        total.map(Some).ok_or_else(|| format!("{obis} is {}: no total", register.shown()))
    }

    /// A register's power in W.
    pub fn power_w(&self, obis: Obis) -> Option<f64> {
        let register = self.register(obis)?;
        let watts = register.value as f64 * 10_f64.powi(register.scaler.into());
        matches!(register.unit, Some(W) | None).then_some(watts)
    }

    /// All that it has, for people who look for something else.
    pub fn contents(&self) -> String {
        let registers: Vec<_> = self.registers.iter().map(|register| register.obis.to_string()).collect();
        if registers.is_empty() {
            "a telegram without numbers".into()
        } else {
            format!("it has {}", foreign(&registers.join(", ")))
        }
    }
}

impl Register {
    /// The value in millionths, exactly where there are no smaller parts.
    fn millionths(&self) -> Option<i64> {
        let power = i32::from(self.scaler) + 6;
        let by = 10_i128.checked_pow(power.unsigned_abs())?;
        let millionths = if power >= 0 { self.value.checked_mul(by)? } else { self.value / by };
        i64::try_from(millionths).ok()
    }

    fn shown(&self) -> String {
        if self.scaler == 0 { self.value.to_string() } else { format!("{}e{}", self.value, self.scaler) }
    }
}

#[cfg(test)]
mod tests;
