//! Alarms: what is to be told of a meter. Pure.

use std::time::Duration;

use daemon_runtime::SettingsError;
use jiff::SignedDuration;
use meter_figures::CapacityOf;
use meter_messages::{Meter, MeterId, Unit};
use serde::Deserialize;

/// One `[[alarm]]`: a name, a meter, and one condition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmSettings {
    /// Its name, with the same characters as a meter's id.
    pub name: MeterId,
    /// `<site>/<meter>`.
    #[serde(deserialize_with = "meter")]
    pub meter: Meter,
    /// Power from which it is raised, in W.
    pub above_w: Option<u32>,
    /// Power below which it is over, in W; by default nine tenths of `above_w`.
    pub ends_below_w: Option<u32>,
    /// Flow of gas or water from which it is raised, in litres an hour.
    pub above_l_h: Option<u32>,
    /// Flow below which it is over; by default nine tenths of `above_l_h`.
    pub ends_below_l_h: Option<u32>,
    /// How long `above_w` or `above_l_h` has to last; 0 by default.
    #[serde(rename = "for")]
    pub lasting: Option<SignedDuration>,
    /// How long no pulse has to come.
    pub no_pulse_for: Option<SignedDuration>,
    /// The budget of a month, in kWh.
    pub budget_kwh_per_month: Option<f64>,
    /// The budget of a month of gas or water, in m³.
    pub budget_m3_per_month: Option<f64>,
    /// The power in W from which it matters that the quarter of an hour in progress is about to become the month's
    /// highest.
    pub new_peak_above_w: Option<u32>,
    /// Whose quarter of an hour that is; the meter's by default.
    pub new_peak_of: Option<CapacityOf>,
    /// How long the publisher has to be offline.
    pub offline_for: Option<SignedDuration>,
}

/// A checked alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Its name.
    pub name: MeterId,
    /// The meter.
    pub meter: Meter,
    /// What it watches.
    pub condition: Condition,
}

/// What an alarm watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Condition {
    /// The power or flow has been at or above `limit` for some time. Over once it
    /// has been below `ends_below` for as long, at most a minute.
    Above {
        /// The meter's unit: of power, or of flow.
        unit: Unit,
        /// In W, or l/h.
        limit: u32,
        /// In W, or l/h; at most `limit`.
        ends_below: u32,
        /// How long it has to last.
        lasting: Duration,
    },
    /// The line is watched, and no pulse has come for some time.
    NoPulse {
        /// How long it has to last.
        lasting: Duration,
    },
    /// This month's energy or volume has reached the budget. Over with the month.
    Budget {
        /// The meter's unit.
        unit: Unit,
        /// In that unit.
        per_month: f64,
    },
    /// The quarter of an hour in progress is about to become the month's highest. Over when it is not any more.
    NewPeak {
        /// Lower ones do not matter, in W.
        above: u32,
        /// Of the meter, or of its whole site.
        of: CapacityOf,
    },
    /// The publisher has been offline for some time.
    Offline {
        /// How long it has to last.
        lasting: Duration,
    },
}

impl Condition {
    /// The unit that its meter must have; `None` if any will do.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Above { unit, .. } | Self::Budget { unit, .. } => Some(*unit),
            Self::NewPeak { .. } => Some(Unit::KilowattHour),
            Self::NoPulse { .. } | Self::Offline { .. } => None,
        }
    }
}

/// The alarms of some settings, checked.
///
/// # Errors
/// Names used twice, alarms without a condition or with several, impossible limits.
pub fn alarms(settings: &[AlarmSettings]) -> Result<Vec<Alarm>, SettingsError> {
    let mut alarms: Vec<Alarm> = Vec::new();
    for settings in settings {
        if alarms.iter().any(|other| other.name == settings.name) {
            return Err(SettingsError::new(format!("two alarms are called {}", settings.name)));
        }
        alarms.push(settings.alarm()?);
    }
    Ok(alarms)
}

impl AlarmSettings {
    fn alarm(&self) -> Result<Alarm, SettingsError> {
        let given = [
            self.above_w.is_some(),
            self.above_l_h.is_some(),
            self.no_pulse_for.is_some(),
            self.budget_kwh_per_month.is_some(),
            self.budget_m3_per_month.is_some(),
            self.new_peak_above_w.is_some(),
            self.offline_for.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(self.refused(
                "write one of above_w, above_l_h, no_pulse_for, budget_kwh_per_month, budget_m3_per_month, \
                 new_peak_above_w, offline_for",
            ));
        }
        if self.new_peak_of.is_some() && self.new_peak_above_w.is_none() {
            return Err(self.refused("new_peak_of belongs to new_peak_above_w"));
        }
        let condition = if let Some(condition) = self.above()? {
            condition
        } else if self.lasting.is_some() {
            return Err(self.refused("`for` belongs to above_w and above_l_h"));
        } else if let Some(lasting) = self.no_pulse_for {
            Condition::NoPulse { lasting: self.duration(lasting)? }
        } else if let Some(above) = self.new_peak_above_w {
            Condition::NewPeak { above, of: self.new_peak_of.unwrap_or_default() }
        } else if let Some(lasting) = self.offline_for {
            Condition::Offline { lasting: self.duration(lasting)? }
        } else {
            self.budget()?
        };
        Ok(Alarm { name: self.name.clone(), meter: self.meter.clone(), condition })
    }

    fn above(&self) -> Result<Option<Condition>, SettingsError> {
        let power = (Unit::KilowattHour, self.above_w, self.ends_below_w);
        let flow = (Unit::CubicMetre, self.above_l_h, self.ends_below_l_h);
        if [power, flow].iter().any(|(_, above, ends_below)| above.is_none() && ends_below.is_some()) {
            return Err(self.refused("ends_below_w belongs to above_w, and ends_below_l_h to above_l_h"));
        }
        let above = [power, flow].into_iter().find_map(|(unit, above, below)| Some((unit, above?, below)));
        let Some((unit, limit, ends_below)) = above else { return Ok(None) };
        let ends_below = ends_below.unwrap_or(limit - limit / 10);
        if ends_below > limit {
            return Err(self.refused("the end is above the limit"));
        }
        let lasting = self.duration(self.lasting.unwrap_or_default())?;
        Ok(Some(Condition::Above { unit, limit, ends_below, lasting }))
    }

    fn budget(&self) -> Result<Condition, SettingsError> {
        let (unit, budget) = match self.budget_m3_per_month {
            Some(volume) => (Unit::CubicMetre, Some(volume)),
            None => (Unit::KilowattHour, self.budget_kwh_per_month),
        };
        let per_month = budget.unwrap_or_default();
        if !(per_month.is_finite() && per_month > 0.0) {
            return Err(self.refused("a budget must be a number of kWh or m³ above 0"));
        }
        Ok(Condition::Budget { unit, per_month })
    }

    fn duration(&self, given: SignedDuration) -> Result<Duration, SettingsError> {
        Duration::try_from(given).map_err(|_| self.refused("a duration cannot be negative"))
    }

    fn refused(&self, said: &str) -> SettingsError {
        SettingsError::new(format!("alarm {}: {said}", self.name))
    }
}

fn meter<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Meter, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|error| serde::de::Error::custom(format!("meter must be <site>/<meter>: {error}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::SiteSettings;

    #[test]
    fn what_cannot_be_watched_is_refused_by_name() {
        let of = |body: &str| {
            let toml = format!("[[alarm]]\nname = \"oven\"\nmeter = \"hq/main\"\n{body}");
            daemon_runtime::parse::<SiteSettings>(&toml).and_then(|settings| alarms(&settings.alarm))
        };
        assert!(of("above_w = 5000\nfor = \"10m\"").is_ok());
        assert!(of("no_pulse_for = \"6h\"").is_ok());
        let peak = of("new_peak_above_w = 3000").unwrap();
        assert_eq!(peak[0].condition, Condition::NewPeak { above: 3000, of: CapacityOf::Meter });
        let peak = of("new_peak_above_w = 3000\nnew_peak_of = \"site\"").unwrap();
        assert_eq!(peak[0].condition, Condition::NewPeak { above: 3000, of: CapacityOf::Site });
        let leak = of("above_l_h = 500\nfor = \"2h\"").unwrap();
        assert!(matches!(
            leak[0].condition,
            Condition::Above { unit: Unit::CubicMetre, limit: 500, ends_below: 450, .. }
        ));
        assert!(of("budget_m3_per_month = 12.5").is_ok());
        for (body, said) in [
            ("", "write one of"),
            ("above_w = 1\nno_pulse_for = \"1h\"", "write one of"),
            ("no_pulse_for = \"1h\"\nfor = \"1h\"", "belongs to above_w"),
            ("above_l_h = 1\nends_below_w = 1", "belongs to above_w"),
            ("above_w = 100\nends_below_w = 101", "is above the limit"),
            ("above_w = 1\nabove_l_h = 1", "write one of"),
            ("no_pulse_for = \"-1h\"", "negative"),
            ("budget_kwh_per_month = 0", "above 0"),
            ("new_peak_above_w = 5\nfor = \"1m\"", "belongs to above_w"),
            ("no_pulse_for = \"1m\"\nnew_peak_of = \"site\"", "belongs to new_peak_above_w"),
            ("above_kw = 5", "above_kw"),
        ] {
            let error = of(body).unwrap_err().to_string();
            assert!(error.contains(said), "{body}: {error}");
        }
    }
}
