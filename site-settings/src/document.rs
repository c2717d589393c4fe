//! The settings of a site, and their validation. Pure.

use daemon_runtime::SettingsError;
use meter_figures::{Holiday, SiteTariffs, TariffSettings};
use meter_messages::Meter;
use serde::Deserialize;

use crate::alarms::{AlarmSettings, alarms};
use crate::meters::{MeterSettings, SiteMeters};
use crate::notes::{self, NoteSettings};

/// The longest text of a version, in bytes: some 1,000 meters with all that can be said of them.
pub const LONGEST: usize = 256 << 10;

/// All that a site may say of its meters, prices and alarms.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteSettings {
    /// The currency of prices.
    pub currency: Option<String>,
    /// The days on which prices for holidays hold.
    pub holidays: Option<Vec<Holiday>>,
    /// What energy costs.
    pub tariff: Vec<TariffSettings>,
    /// What is to be said of meters.
    pub meter: Vec<MeterSettings>,
    /// Which meters are public.
    pub access: PublicMeters,
    /// What is to be told of meters.
    pub alarm: Vec<AlarmSettings>,
    /// What people want to remember.
    pub note: Vec<NoteSettings>,
}

/// `[access]`, as far as it is the site's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublicMeters {
    /// The meters that everybody may see, where there are users.
    pub public_meters: Option<Vec<Meter>>,
}

impl SiteSettings {
    /// These, and behind them others: what is said here goes first. Meters go together by their id, one thing that is
    /// said of them after the other; alarms by their name, tariffs by what they are for and their first day, and notes by
    /// what they are of and when, as a whole; and so do lists.
    #[must_use]
    pub fn before(mut self, others: Self) -> Self {
        let is_new = |one: &TariffSettings| !self.tariff.iter().any(|other| one.key() == other.key());
        let tariffs: Vec<_> = others.tariff.into_iter().filter(is_new).collect();
        self.tariff.extend(tariffs);
        let is_new = |one: &AlarmSettings| !self.alarm.iter().any(|other| one.name == other.name);
        let alarms: Vec<_> = others.alarm.into_iter().filter(is_new).collect();
        self.alarm.extend(alarms);
        let is_new = |one: &NoteSettings| !self.note.iter().any(|other| one.key() == other.key());
        let notes: Vec<_> = others.note.into_iter().filter(is_new).collect();
        self.note.extend(notes);
        for other in others.meter {
            match self.meter.iter_mut().find(|meter| meter.id == other.id) {
                Some(meter) => *meter = meter.clone().before(other),
                None => self.meter.push(other),
            }
        }
        let public_meters = self.access.public_meters.or(others.access.public_meters);
        Self {
            currency: self.currency.or(others.currency),
            holidays: self.holidays.or(others.holidays),
            access: PublicMeters { public_meters },
            ..self
        }
    }

    /// What of it others go before, as a person calls it: `[[meter]] home/main: name`.
    pub fn hidden_by(&self, fixed: &Self) -> Vec<String> {
        let mut hidden = Vec::new();
        let lists = [
            ("currency", self.currency.is_some() && fixed.currency.is_some()),
            ("holidays", self.holidays.is_some() && fixed.holidays.is_some()),
            (
                "[access] public_meters",
                self.access.public_meters.is_some() && fixed.access.public_meters.is_some(),
            ),
        ];
        hidden.extend(lists.into_iter().filter(|(_, both)| *both).map(|(name, _)| name.to_owned()));
        for meter in &self.meter {
            let of_fixed = fixed.meter.iter().filter(|other| other.id == meter.id);
            let keys =
                of_fixed.flat_map(MeterSettings::said).filter(|key| meter.said().any(|said| said == *key));
            hidden.extend(keys.map(|key| format!("[[meter]] {}: {key}", meter.id)));
        }
        let tariffs =
            self.tariff.iter().filter(|one| fixed.tariff.iter().any(|other| one.key() == other.key()));
        hidden.extend(tariffs.map(|tariff| {
            let from = tariff.from.map_or_else(|| "the beginning".to_owned(), |from| from.to_string());
            format!("[[tariff]] for {} from {from}", tariff.scope)
        }));
        let alarms = self.alarm.iter().filter(|one| fixed.alarm.iter().any(|other| one.name == other.name));
        hidden.extend(alarms.map(|alarm| format!("[[alarm]] {}", alarm.name)));
        let notes = self.note.iter().filter(|one| fixed.note.iter().any(|other| one.key() == other.key()));
        hidden.extend(notes.map(|note| format!("[[note]] of {} for {}", note.at, note.scope)));
        hidden
    }

    /// The tariffs.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn tariffs(&self) -> Result<SiteTariffs, SettingsError> {
        let (currency, holidays) = (self.currency.as_deref().unwrap_or("EUR"), self.holidays.as_deref());
        SiteTariffs::new(currency, &self.tariff, holidays.unwrap_or_default())
            .map_err(|error| SettingsError::new(error.to_string()))
    }

    /// What is said of meters.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn meters(&self) -> Result<SiteMeters, SettingsError> {
        SiteMeters::new(&self.meter)
    }

    /// Whether all of it can be.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub fn check(&self) -> Result<(), SettingsError> {
        self.tariffs()?;
        self.meters()?;
        alarms(&self.alarm)?;
        notes::check(&self.note)?;
        Ok(())
    }
}

/// Reads and checks what is to stand in the store, by itself and behind what stands in the programs' TOML.
///
/// # Errors
/// The first thing that is wrong, in words that say what to do.
pub fn checked(text: &str, fixed: &SiteSettings) -> Result<SiteSettings, SettingsError> {
    if text.len() > LONGEST {
        let (length, longest) = (text.len(), LONGEST);
        return Err(SettingsError::new(format!(
            "a text of {length} bytes is too long; {longest} are allowed"
        )));
    }
    let stored: SiteSettings = daemon_runtime::parse(text)?;
    let applied = fixed.clone().before(stored.clone());
    // Behind others, what is wrong with it might not be seen.
    let (currency, holidays) = (applied.currency.clone(), applied.holidays.clone());
    SiteSettings { currency, holidays, ..stored.clone() }.check()?;
    applied.check()?;
    Ok(stored)
}
