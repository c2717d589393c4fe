//! The settings of a source that is an electronic meter with an optical head, and what its telegrams say of it.

use std::path::PathBuf;

use serde::Deserialize;

use crate::totals::heard::Heard;
use crate::totals::serial::SerialSettings;
use crate::totals::sml::obis::Obis;
use crate::totals::sml::telegram::Telegram;

/// A register of a meter whose telegrams come over a serial line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmlSettings {
    /// The line of the reading head.
    pub line: SerialSettings,
    /// The register of its total.
    pub obis: Obis,
    /// The register of its power, if it is not one of those that are usual.
    pub power: Option<Obis>,
    /// The only meter whose telegrams count, where that is said.
    pub server_id: Option<Vec<u8>>,
    /// The total at which it goes on from 0, in millionths of a Wh.
    pub end: Option<i64>,
}

/// The same as it is written, not checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmlOnPaper {
    device: PathBuf,
    baud: Option<u32>,
    obis: Option<String>,
    power: Option<String>,
    server_id: Option<String>,
    rolls_over_at_kwh: Option<f64>,
}

impl TryFrom<SmlOnPaper> for SmlSettings {
    type Error = String;

    fn try_from(paper: SmlOnPaper) -> Result<Self, String> {
        let line = SerialSettings::new(paper.device, paper.baud)?;
        let obis: Obis = paper.obis.as_deref().unwrap_or("1.8.0").parse()?;
        if !obis.is_energy() {
            return Err(format!(
                "obis {obis} is not a total of energy; write \"1.8.0\" for what is taken, \"2.8.0\" for what is fed in"
            ));
        }
        let power = paper.power.map(|power| power.parse()).transpose()?;
        let server_id = paper.server_id.map(|id| bytes(&id)).transpose()?;
        let end = paper.rolls_over_at_kwh.map(|end| (end * 1e9).round());
        if end.is_some_and(|end| !(1.0..=1e18).contains(&end)) {
            return Err("rolls_over_at_kwh is not a total that a counter can show".into());
        }
        Ok(Self { line, obis, power, server_id, end: end.map(|end| end as i64) })
    }
}

/// What hexadecimal digits say; spaces and dashes are for people.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| !matches!(letter, ' ' | '-' | ':'))
        .map(|letter| letter.to_digit(16))
        .collect::<Option<_>>()
        .unwrap_or_default();
    if digits.is_empty() || digits.len() % 2 == 1 {
        return Err(format!(
            "server_id \"{text}\" is not hexadecimal; pi-publisher check shows the meter's as \"0a01454d48…\""
        ));
    }
    Ok(digits.chunks(2).filter_map(|two| u8::try_from(two[0] * 16 + two[1]).ok()).collect())
}

impl SmlSettings {
    /// For people, and to know whether a stored total is of the same counter.
    pub fn describe(&self) -> String {
        format!("sml {} {}", self.line.name(), self.obis)
    }

    /// Whether both may be registers of one meter.
    pub(in crate::totals) fn may_be_of(&self, other: &Self) -> bool {
        let is_one =
            self.server_id.as_ref().zip(other.server_id.as_ref()).is_none_or(|(one, other)| one == other);
        is_one && self.line.device == other.line.device
    }

    /// Whether a telegram is one of its meter.
    pub(super) fn is_of(&self, telegram: &Telegram) -> bool {
        self.server_id.as_ref().is_none_or(|wanted| *wanted == telegram.server_id)
    }

    /// What a telegram says of it.
    pub fn understand(&self, telegram: &Telegram) -> Vec<Heard> {
        if !self.is_of(telegram) {
            return vec![Heard::Without(format!("it is of the meter {}", telegram.name()))];
        }
        // More than fits is as wrong as any.
        let rate = self.power_w(telegram).map(|watts| Heard::Rate(watts.max(0.0).round() as u32));
        let total = match telegram.total(self.obis) {
            Ok(Some(total)) => Heard::Total(total, false),
            Ok(None) => Heard::Without(telegram.contents()),
            Err(error) => Heard::Unreadable(error),
        };
        rate.into_iter().chain([total]).collect()
    }

    /// The power in W, positive in the direction that is counted.
    fn power_w(&self, telegram: &Telegram) -> Option<f64> {
        if let Some(power) = self.power {
            return telegram.power_w(power);
        }
        if self.obis.is_of_a_tariff() {
            // The power is that of all tariffs, and would be each one's.
            return None;
        }
        let is_export = self.obis.is_export();
        let both = telegram.power_w(Obis::POWER).map(|watts| if is_export { -watts } else { watts });
        let one = || telegram.power_w(if is_export { Obis::FED_IN } else { Obis::TAKEN });
        let counts_both = || {
            telegram
                .registers
                .iter()
                .any(|register| register.obis.is_energy() && register.obis.is_export() != is_export)
        };
        let of_one_way = || telegram.power_w(Obis::ONE_WAY).filter(|_| !counts_both());
        both.or_else(one).or_else(of_one_way)
    }
}

#[cfg(test)]
mod tests;
