//! A line of the tree.

use super::now::FlowNow;

/// A line: a meter, or what its parts do not measure.
pub(super) struct Branch {
    /// How many others it is a part of, as far as that is shown.
    pub(super) depth: usize,
    pub(super) name: String,
    /// The meter's page.
    pub(super) href: Option<String>,
    /// `site/meter`.
    pub(super) path: Option<String>,
    /// The name of its colour.
    pub(super) colour: &'static str,
    /// Whether it is a part of the bar.
    pub(super) in_bar: bool,
    /// Whether it was measured, or reckoned of what was.
    pub(super) is_known: bool,
    /// What it measures; empty of a rest.
    pub(super) measures: &'static str,
    pub(super) quantity: String,
    /// The same with fewer digits.
    pub(super) rough: String,
    /// How much it is of the bar, in percent; what is no part of that, of what it is a part of.
    pub(super) percent: Option<u8>,
    pub(super) cost: Option<String>,
    /// What flows through it now, of a period that goes on.
    pub(super) now: Option<FlowNow>,
    /// What it comes to in the bar.
    pub(super) counted: f64,
}

impl Branch {
    /// Whether it has a place in the bar.
    pub(super) fn is_seen(&self) -> bool {
        self.in_bar && self.counted > 0.0
    }
}
