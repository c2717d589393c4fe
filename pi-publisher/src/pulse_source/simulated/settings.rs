//! What a simulated household is made of.

use std::io;

use jiff::Timestamp;
use meter_messages::Minute;
use serde::Deserialize;

use super::house::MeterOf;
use crate::pulse_source::SourceError;

/// A household, and how its time goes by.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedSettings {
    /// What of the house the meter measures. Meters with the same seed, size and zone are of the same house.
    pub meter: MeterOf,
    /// Another number is another household.
    pub seed: u64,
    /// What it uses in a year, in kWh, to within a few percent: 100 to 50,000.
    pub kwh_per_year: f64,
    /// Its time zone: a name from the IANA database.
    pub time_zone: String,
    /// How long a pulse lasts, in ms: 30 to 90. Shorter where pulses come so
    /// fast that they would fill more than half of the time.
    pub pulse_ms: u16,
    /// Where its time begins; now by default.
    pub from: Option<Timestamp>,
    /// Where its time ends; no pulse comes after that.
    pub until: Option<Timestamp>,
    /// How many times as fast as ours its time goes by, on into the future: up
    /// to 1,000,000. By default the past comes as fast as it is read, and the
    /// present as it happens.
    pub speed: Option<f64>,
}

impl Default for SimulatedSettings {
    fn default() -> Self {
        Self {
            meter: MeterOf::default(),
            seed: 1,
            kwh_per_year: 3500.0,
            time_zone: "Europe/Berlin".into(),
            pulse_ms: 50,
            from: None,
            until: None,
            speed: None,
        }
    }
}

impl SimulatedSettings {
    /// What is simulated.
    pub(super) fn described(&self) -> String {
        match self.meter {
            MeterOf::Household => "household".to_owned(),
            part => format!("{} of a house with a household", part.as_str()),
        }
    }

    pub(super) fn check(&self) -> Result<(), SourceError> {
        if !(100.0..=50_000.0).contains(&self.kwh_per_year) {
            return Err(refused(format!("kwh_per_year is {}, not 100 to 50000", self.kwh_per_year)));
        }
        if !(30..=90).contains(&self.pulse_ms) {
            return Err(refused(format!("pulse_ms is {}, not 30 to 90", self.pulse_ms)));
        }
        if let Some(speed) = self.speed.filter(|speed| !(*speed > 0.0 && *speed <= 1e6)) {
            return Err(refused(format!("speed is {speed}, not more than 0 and up to 1000000")));
        }
        let mut named = [self.from, self.until].into_iter().flatten();
        if let Some(at) = named.find(|at| Minute::containing(at.as_second()).is_err()) {
            return Err(refused(format!("{at} lies outside the years 2000 to 2099")));
        }
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until <= from
        {
            return Err(refused(format!("until ({until}) is not after from ({from})")));
        }
        Ok(())
    }
}

pub(super) fn refused(why: String) -> SourceError {
    let error = io::Error::new(io::ErrorKind::InvalidInput, why);
    SourceError::Io { doing: "simulating a household".into(), error }
}
