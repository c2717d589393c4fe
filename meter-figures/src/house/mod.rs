//! All meters of a site as a whole: what comes in, is made, goes out, and what takes it. Pure.
//!
//! A sum takes only meters that are no others' part. What is reckoned of several meters (own use, what no part
//! measures) counts only times that all of them watched: otherwise a meter that was off for an hour would look like
//! use that nobody measures.

mod account;
mod balances;
mod sums;

use meter_ledger::RecordedMeter;
use meter_messages::{Measures, Medium, Related, SiteId, Tree};

pub use account::Reckoned;
pub use balances::{Balance, Balances};
pub use sums::{Flow, HouseSums, MediumSums};

/// Meters, and which is part of which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    meters: Vec<RecordedMeter>,
    tree: Tree,
}

impl House {
    /// The house of these meters, each there once.
    pub fn new(meters: Vec<RecordedMeter>) -> Self {
        let related = |known: &RecordedMeter| Related {
            meter: known.meter.clone(),
            medium: known.medium,
            relation: known.relation.clone(),
        };
        let tree = Tree::new(&meters.iter().map(related).collect::<Vec<_>>());
        Self { meters, tree }
    }

    /// The meters, by their places.
    pub fn meters(&self) -> &[RecordedMeter] {
        &self.meters
    }

    /// Which is part of which.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// What the meter at a place measures.
    pub fn measures(&self, place: usize) -> Option<Measures> {
        self.meters.get(place).map(|known| known.relation.measures())
    }

    /// The media of its meters.
    pub fn media(&self) -> impl Iterator<Item = Medium> {
        Medium::ALL.into_iter().filter(|medium| self.meters.iter().any(|known| known.medium == *medium))
    }

    /// The meters of electricity through which a site takes in what it uses: those that measure import and are no others'
    /// part; where there is none, those that measure consumption.
    pub fn supply(&self, site: &SiteId) -> Vec<RecordedMeter> {
        let of = |measures| {
            let roots = self.roots(Medium::Electricity, measures).into_iter();
            let of_site =
                roots.filter_map(|place| self.meters.get(place)).filter(|known| known.meter.site == *site);
            of_site.cloned().collect::<Vec<_>>()
        };
        let import = of(Measures::Import);
        if import.is_empty() { of(Measures::Consumption) } else { import }
    }

    /// Through which meter all that comes in of a medium comes: its place; `None` where there are several, or none.
    pub fn only_import(&self, medium: Medium) -> Option<usize> {
        match self.roots(medium, Measures::Import)[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The meters of a medium that measure this and are no others' part.
    pub fn roots(&self, medium: Medium, measures: Measures) -> Vec<usize> {
        let is_one = |(place, known): &(usize, &RecordedMeter)| {
            known.medium == medium && known.relation.measures() == measures && self.tree.is_root(*place)
        };
        self.meters.iter().enumerate().filter(is_one).map(|(place, _)| place).collect()
    }
}
