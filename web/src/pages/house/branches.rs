//! The tree of the meters, a line for each, and what their parts do not measure.

use meter_figures::{MediumSums, Reckoned};
use meter_messages::Measures;

use crate::ledger::house::{HouseFigures, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::pages::{Frame, exact};

/// How far lines are moved to the right at most.
const DEEPEST: usize = 4;

/// A line: a meter, or what its parts do not measure.
pub(super) struct Branch {
    /// How many others it is a part of, as far as that is shown.
    pub(super) depth: usize,
    pub(super) name: String,
    /// The meter's page.
    pub(super) href: Option<String>,
    /// The name of its colour.
    pub(super) colour: &'static str,
    /// What it measures; empty of a rest.
    pub(super) measures: &'static str,
    pub(super) quantity: String,
    /// How much of what it is a part of, in percent.
    pub(super) percent: Option<u8>,
    pub(super) cost: Option<String>,
}

/// The lines of a medium, each whole before its parts.
pub(super) fn branches(
    frame: &Frame,
    of: &MediumSums,
    house: &RecordedHouse,
    whole: &HouseFigures,
    site: &LedgerReader,
) -> Vec<Branch> {
    let (texts, tree, meters) = (frame.texts, house.house.tree(), house.house.meters());
    let currency = site.currency();
    let counted = |place: usize| whole.sums.of_meters.get(place).map_or(0.0, |sum| sum.counted());
    // Parts of what comes in may take what is made here: they are shares of all that is used.
    let used = of.house_use().filter(|_| house.is_whole && of.own_use().is_some());
    let whole_of = |place: usize| {
        let parent = tree.parent(place)?;
        let comes_in = house.house.measures(parent) == Some(Measures::Import) && tree.is_root(parent);
        Some(used.filter(|_| comes_in).map_or_else(|| counted(parent), |used| used.quantity))
    };
    let mut lines = Vec::new();
    // Rests that stand behind the parts of which they are what is left.
    let mut open: Vec<(usize, Branch)> = Vec::new();
    for (place, depth) in tree.in_order() {
        let Some(known) = meters.get(place).filter(|known| known.medium == of.medium) else { continue };
        close(&mut open, depth, &mut lines);
        let sum = whole.sums.of_meters.get(place);
        let is_paid = known.relation.measures() == Measures::Export;
        lines.push(Branch {
            depth: depth.min(DEEPEST),
            name: known.name.clone(),
            href: Some(frame.meter(&known.meter.to_string())),
            colour: site.meters().colour(&known.meter).name(),
            measures: texts.house.measured(known.relation.measures(), of.medium),
            quantity: exact(sum.and_then(|sum| sum.quantity()), texts),
            percent: whole_of(place).and_then(|all| share(counted(place), all)),
            // What is paid for what is fed in costs less than nothing.
            cost: whole.cost_of(place).map(|cost| texts.amount(if is_paid { -cost } else { cost }, currency)),
        });
        if let Some(rest) = of.rest(place).filter(|_| house.is_whole) {
            let all = counted(place);
            open.push((depth, rest_of(rest, depth + 1, all, frame)));
        }
    }
    close(&mut open, 0, &mut lines);
    if let Some(rest) = of.not_measured().filter(|_| house.is_whole && of.own_use().is_some()) {
        let all = used.map_or(0.0, |used| used.quantity);
        lines.push(rest_of(rest, 0, all, frame));
    }
    lines
}

/// The rests of those meters whose parts are over.
fn close(open: &mut Vec<(usize, Branch)>, depth: usize, lines: &mut Vec<Branch>) {
    while let Some((_, rest)) = open.pop_if(|(of, _)| *of >= depth) {
        lines.push(rest);
    }
}

fn rest_of(rest: Reckoned, depth: usize, all: f64, frame: &Frame) -> Branch {
    Branch {
        depth: depth.min(DEEPEST),
        name: frame.texts.house.not_measured.to_owned(),
        href: None,
        colour: "grey",
        measures: "",
        quantity: exact(Some(rest.quantity), frame.texts),
        percent: share(rest.quantity, all),
        cost: None,
    }
}

/// In percent, for a bar: none where it would be no part.
fn share(part: f64, whole: f64) -> Option<u8> {
    let percent = part / whole * 100.0;
    (whole > 0.0 && (0.0..=100.5).contains(&percent)).then(|| percent.round() as u8)
}
