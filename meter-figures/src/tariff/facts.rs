//! What is to be known of a bill's months and years, beside the hours, to say what these cost. Pure.

use std::ops::Range;

use meter_ledger::Sum;
use meter_messages::Minute;

/// What the cost of hours depends on beside them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BillFacts {
    /// What was used from [`super::Tariffs::counted_from`] up to the first of them.
    pub used: Sum,
    /// The months and years in which the highest quarter of an hour is priced, and its mean power so far, in kW.
    pub highest: Vec<(Range<Minute>, f64)>,
}

impl BillFacts {
    /// The mean power of the highest quarter of an hour of a month or year, in kW; 0 where nothing was counted.
    pub(super) fn highest_kw(&self, period: &Range<Minute>) -> f64 {
        let found = self.highest.iter().find(|(known, _)| known == period);
        found.map_or(0.0, |(_, kw)| *kw)
    }
}
