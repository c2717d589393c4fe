//! Simulated households as settings of a publisher, and as the truth to compare with.

use meter_messages::{MeterConstant, Minute};
use pi_publisher::pulse_source::simulated::{Household, SimulatedSettings};

/// The meter constants in use, in pulses per kWh.
const CONSTANTS: [u64; 4] = [1000, 800, 2000, 500];

/// Some meters that begin at the same minute.
#[derive(Debug, Clone)]
pub struct Simulation {
    seed: u64,
    meters: u64,
    /// The first minute that is counted.
    pub first: Minute,
    /// Simulated minutes in a real second.
    minutes_a_second: u64,
}

impl Simulation {
    /// Meters whose time begins 300 days ago: an RRD holds a year, and nothing in the future.
    pub fn new(seed: u64, meters: u64, minutes_a_second: u64) -> Self {
        let first = Minute::containing(daemon_runtime::now().as_second() - 300 * 86_400).unwrap();
        Self { seed, meters, first, minutes_a_second }
    }

    /// The meters' ids.
    pub fn ids(&self) -> Vec<String> {
        (0..self.meters).map(|meter| format!("m{meter}")).collect()
    }

    /// The publisher's `[[meter]]`s; their time ends before `until`, if it is given.
    pub fn settings(&self, until: Option<Minute>) -> String {
        let until = until.map_or_else(String::new, |until| format!("until = '{until}'\n"));
        let meter = |meter| {
            format!(
                "[[meter]]\nid = 'm{meter}'\npulses_per_kwh = {}\n[meter.source]\nkind = 'simulated'\n\
                 seed = {}\nfrom = '{}'\nspeed = {}\n{until}",
                constant(meter),
                self.seed_of(meter),
                self.first,
                self.minutes_a_second * 60,
            )
        };
        (0..self.meters).map(meter).collect()
    }

    /// What each meter really emits, by id.
    pub fn households(&self) -> Vec<(String, Household)> {
        let household = |meter| {
            let settings = SimulatedSettings { seed: self.seed_of(meter), ..SimulatedSettings::default() };
            Household::new(&settings, MeterConstant::try_from(constant(meter)).unwrap()).unwrap()
        };
        self.ids().into_iter().zip((0..self.meters).map(household)).collect()
    }

    /// TOML's whole numbers have 63 bits.
    fn seed_of(&self, meter: u64) -> u64 {
        (self.seed >> 2) + meter
    }
}

fn constant(meter: u64) -> u64 {
    CONSTANTS[meter as usize % CONSTANTS.len()]
}
