//! A household's meter: which pulse falls when. Pure.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use meter_messages::{MeterConstant, Minute};

use super::house::{House, MeterOf};
use super::random::{Occasion, SeededRandom};
use super::settings::{SimulatedSettings, refused};
use crate::pulse_source::{Contact, Edge, SourceError, SourceTime};

const MINUTE_NS: i64 = 60_000_000_000;
/// At least as long is the contact open between the last pulse of a minute and
/// the first of the next, as S0 (EN 62053-31) asks.
const MARGIN_NS: i64 = 30 * SourceTime::MS;
const MINUTES_OF_DAY: usize = 1440;
/// No zone changes its clocks but at a quarter of an hour.
const MINUTES_OF_OFFSET: usize = 15;
/// Energy is summed in milliwatt-minutes times the meter constant; so many are
/// a pulse: whole numbers, nothing to round.
const PULSE: u64 = 60_000_000;
/// What S0 can carry: 30 ms closed and 30 ms open, over and over. Beyond that
/// the meter's output stands at its limit.
const MOST_PULSES_A_MINUTE: u64 = 1000;
/// At 10,000 the limit is 6 kW; above, it would show every day.
const MOST_PULSES_PER_KWH: f64 = 10_000.0;

/// The truth about a simulated household, for anybody who wants to check it.
///
/// Every minute of the years 2000 to 2099 has its pulses: they follow from the
/// settings alone, whenever and in whatever order they are asked for. The meter
/// counts from the beginning of each UTC day, with a part of a pulse already
/// full that differs from day to day.
#[derive(Debug)]
pub struct Household {
    house: House,
    meter: MeterOf,
    seed: u64,
    zone: TimeZone,
    pulses_per_kwh: MeterConstant,
    pulse_ns: i64,
    /// The day asked for last: the next question is mostly about it again.
    day: Mutex<Option<Arc<UtcDay>>>,
}

/// One UTC day's meter.
#[derive(Debug)]
struct UtcDay {
    number: i64,
    /// Its level at the start of each minute and at the day's end, in parts
    /// of a [`PULSE`].
    levels: Vec<u64>,
}

impl Household {
    /// The household that these settings describe, behind a meter of this
    /// constant.
    ///
    /// # Errors
    /// An unknown time zone, or a number out of its range.
    pub fn new(settings: &SimulatedSettings, pulses_per_kwh: MeterConstant) -> Result<Self, SourceError> {
        settings.check()?;
        if pulses_per_kwh.per_unit() > MOST_PULSES_PER_KWH {
            return Err(refused(format!(
                "pulses_per_kwh is {pulses_per_kwh}, but S0 carries the pulses of a home only up to {MOST_PULSES_PER_KWH}"
            )));
        }
        let zone = TimeZone::get(&settings.time_zone).map_err(|_| SourceError::Missing {
            what: format!("the time zone \"{}\"", settings.time_zone),
            remedy: "give a name from the IANA database, like Europe/Berlin".into(),
        })?;
        Ok(Self {
            house: House::new(settings.seed, settings.kwh_per_year),
            meter: settings.meter,
            seed: settings.seed,
            zone,
            pulses_per_kwh,
            pulse_ns: i64::from(settings.pulse_ms) * SourceTime::MS,
            day: Mutex::new(None),
        })
    }

    /// How many pulses fall in a minute.
    pub fn pulses_in(&self, minute: Minute) -> u32 {
        let (before, after) = self.levels(minute.epoch_minutes());
        (after / PULSE - before / PULSE) as u32
    }

    /// The edges in a stretch of time, from its start up to, but not, its end.
    pub fn edges(&self, stretch: Range<SourceTime>) -> Vec<Edge> {
        let minutes = stretch.start.0.div_euclid(MINUTE_NS)..stretch.end.0.div_euclid(MINUTE_NS) + 1;
        let mut edges = Vec::new();
        for minute in minutes {
            self.add_minute(minute, &mut edges);
        }
        edges.retain(|edge| stretch.contains(&edge.at));
        edges
    }

    /// The contact just before a moment.
    pub(super) fn contact(&self, at: SourceTime) -> Contact {
        let mut edges = Vec::new();
        self.add_minute(at.0.div_euclid(MINUTE_NS), &mut edges);
        edges.iter().rev().find(|edge| edge.at < at).map_or(Contact::Open, |edge| edge.contact)
    }

    /// A pulse falls where the level reaches a whole number. The minute's
    /// pulses are squeezed together a little, by two in a thousand at most, so
    /// that the last one, too, is over when the minute is.
    fn add_minute(&self, minute: i64, edges: &mut Vec<Edge>) {
        let (before, after) = self.levels(minute);
        let (first, last) = (before / PULSE + 1, after / PULSE);
        if last < first {
            return;
        }
        let (rise, start) = ((after - before) as f64, minute * MINUTE_NS);
        let room = MINUTE_NS - self.pulse_ns - MARGIN_NS;
        let spacing = room as f64 * PULSE as f64 / rise;
        let width = self.pulse_ns.min((spacing / 2.0) as i64);
        for pulse in first..=last {
            let way = (pulse * PULSE - before) as f64 / rise;
            let closes = SourceTime(start + (room as f64 * way) as i64);
            edges.push(Edge { at: closes, contact: Contact::Closed, lost_before: 0 });
            edges.push(Edge { at: closes.plus_ns(width), contact: Contact::Open, lost_before: 0 });
        }
    }

    /// The meter's level at a minute's start and end, in parts of a [`PULSE`]
    /// since its UTC day began.
    fn levels(&self, minute: i64) -> (u64, u64) {
        let day = self.day(minute.div_euclid(MINUTES_OF_DAY as i64));
        let place = minute.rem_euclid(MINUTES_OF_DAY as i64) as usize;
        (day.levels[place], day.levels[place + 1])
    }

    fn day(&self, number: i64) -> Arc<UtcDay> {
        let mut last = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(day) if day.number == number => day.clone(),
            _ => last.insert(Arc::new(self.measure(number))).clone(),
        }
    }

    fn measure(&self, number: i64) -> UtcDay {
        let walls = self.wall_minutes(number * MINUTES_OF_DAY as i64);
        let first = walls.iter().copied().min().unwrap_or_default();
        let last = walls.iter().copied().max().unwrap_or_default();
        let watts = self.house.rate(self.meter, first..last + 1);

        let millionths = u128::from(self.pulses_per_kwh.millionths());
        // Its own of each meter.
        let seed = self.seed.wrapping_add(self.meter as u64);
        let mut level =
            (SeededRandom::new(seed, Occasion::MeterPhase, number).fraction() * PULSE as f64) as u64;
        let mut levels = Vec::with_capacity(MINUTES_OF_DAY + 1);
        levels.push(level);
        for wall in walls {
            let milliwatts = (watts[(wall - first) as usize] * 1000.0) as u64;
            let rise = u128::from(milliwatts) * millionths / 1_000_000;
            level += (rise as u64).min(MOST_PULSES_A_MINUTE * PULSE);
            levels.push(level);
        }
        UtcDay { number, levels }
    }

    /// What the clock on the wall shows in each minute of a UTC day, in minutes
    /// since 1970 ([`super::loads`]).
    fn wall_minutes(&self, first: i64) -> Vec<i64> {
        let mut walls = Vec::with_capacity(MINUTES_OF_DAY);
        for quarter in (first..first + MINUTES_OF_DAY as i64).step_by(MINUTES_OF_OFFSET) {
            let at = Timestamp::from_second(quarter * Minute::SECONDS).unwrap_or_default();
            let ahead = i64::from(self.zone.to_offset(at).seconds()).div_euclid(Minute::SECONDS);
            walls.extend((quarter + ahead..).take(MINUTES_OF_OFFSET));
        }
        walls
    }
}
