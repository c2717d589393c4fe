//! A simulated household with a realistic load curve.
//!
//! For demonstrations and tests: it can begin in the past, runs through its
//! history as fast as it is read, and then goes on in real time. Its pulses
//! follow from the settings alone ([`Household`]), so a publisher that was
//! stopped goes on with the same curve.
//!
//! Layers, from below: `random` (random numbers that repeat), `load_profile` (the shape
//! of the standard load profile H0), `appliances` (what is switched on),
//! `loads` (power by the clock on the wall), `house` (what its meters share), [`Household`] (pulses by UTC),
//! `pace` (when), [`Simulated`] (the source).

mod appliances;
mod house;
mod household;
mod load_profile;
mod loads;
mod pace;
mod random;
mod settings;
#[cfg(test)]
mod tests;

use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use meter_messages::MeterConstant;

pub use self::house::MeterOf;
pub use self::household::Household;
use self::pace::Pace;
pub use self::settings::SimulatedSettings;
use super::{Contact, PulseSource, SourceClock, SourceError, SourceTime, Watched};

/// The most that one call of [`PulseSource::watch`] runs through: a day.
const LONGEST_STRETCH_NS: i64 = 86_400_000_000_000;
/// How long a household without a pulse is waited for: as long as a quiet line.
const WAIT: Duration = Duration::from_millis(500);

/// A simulated household as a source of pulses.
#[derive(Debug)]
pub struct Simulated {
    household: Household,
    description: String,
    began: (SourceTime, Contact),
    /// Every edge before it has been given out.
    position: SourceTime,
    end: SourceTime,
    pace: Pace,
}

/// Begins to watch a simulated household, at [`SimulatedSettings::from`] or
/// now, but not before `not_before`: what is counted already stays out.
///
/// # Errors
/// An unknown time zone, or a number out of its range.
pub fn open(
    settings: &SimulatedSettings,
    pulses_per_kwh: MeterConstant,
    not_before: Option<SourceTime>,
) -> Result<Simulated, SourceError> {
    let household = Household::new(settings, pulses_per_kwh)?;
    let begin = settings.from.map_or_else(|| Pace::RealTime.now(), source_time);
    let position = not_before.map_or(begin, |not_before| begin.max(not_before));
    Ok(Simulated {
        description: format!(
            "simulated {} of {} kWh a year in {}, seed {}",
            settings.described(),
            settings.kwh_per_year,
            settings.time_zone,
            settings.seed
        ),
        began: (position, household.contact(position)),
        household,
        position,
        end: settings.until.map_or(SourceTime(i64::MAX), source_time),
        pace: settings.speed.map_or(Pace::RealTime, |speed| Pace::times(speed, position)),
    })
}

impl Simulated {
    /// None of our time while it is behind; about a second, or [`WAIT`] at the end, where no edge
    /// is near.
    fn until_next_edge(&self) -> Duration {
        if self.position >= self.end {
            return WAIT;
        }
        let look_ahead_ns = self.pace.second_ns().min(LONGEST_STRETCH_NS);
        let horizon = self.position.plus_ns(look_ahead_ns).min(self.end);
        let coming = self.household.edges(self.position..horizon);
        // An edge is in once its moment is over.
        self.pace.until(coming.first().map_or(horizon, |edge| edge.at.plus_ns(1)))
    }
}

impl PulseSource for Simulated {
    fn began(&self) -> (SourceTime, Contact) {
        self.began
    }

    fn watch(&mut self) -> Result<Watched, SourceError> {
        thread::sleep(self.until_next_edge().min(WAIT));

        let until = self.pace.now().min(self.position.plus_ns(LONGEST_STRETCH_NS)).min(self.end);
        let until = until.max(self.position);
        let edges = self.household.edges(self.position..until);
        self.position = until;
        Ok(Watched { edges, until, unwatched: Vec::new() })
    }

    fn clock(&self) -> SourceClock {
        SourceClock::Utc
    }

    fn describe(&self) -> String {
        self.description.clone()
    }
}

fn source_time(at: Timestamp) -> SourceTime {
    SourceTime(i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX))
}
