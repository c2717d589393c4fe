//! What is to be known of a bill's months and years, beside the hours, to say what these cost. Pure.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::Minute;

use super::settings::CapacityOf;

/// What the cost of hours depends on beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BillFacts {
    /// What was used from [`super::Tariffs::counted_from`] up to the first of them.
    pub used: Sum,
    /// The months and years in which the highest quarter of an hour is priced, and its mean power so far, in kW.
    pub highest: Vec<HighestOf>,
}

/// The highest quarter of an hour of a month or year.
#[derive(Debug, Clone, PartialEq)]
pub struct HighestOf {
    /// The month or year.
    pub period: Range<Minute>,
    /// Of the meter, or of its whole site.
    pub of: CapacityOf,
    /// Its mean power, in kW; 0 where nothing was counted.
    pub kw: f64,
}

impl BillFacts {
    /// The mean power of the highest quarter of an hour of a month or year, in kW; 0 where nothing was counted.
    pub(super) fn highest_kw(&self, period: &Range<Minute>, of: CapacityOf) -> f64 {
        let found = self.highest.iter().find(|known| known.period == *period && known.of == of);
        found.map_or(0.0, |known| known.kw)
    }
}
