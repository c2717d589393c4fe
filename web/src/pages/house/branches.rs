//! The tree of the meters, a line for each, and what their parts do not measure. What comes in stands first.

use meter_figures::{House, MediumSums, Reckoned};
use meter_messages::{Colour, Measures};

use super::now::{FlowNow, Flows, Places, RatesNow};
use crate::drawing::shares::{self, Share};
use crate::ledger::house::{HouseFigures, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::pages::colours::distinct;
use crate::pages::{Frame, exact, rough};

/// How far lines are moved to the right at most.
const DEEPEST: usize = 4;

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
    /// What it measures; empty of a rest.
    pub(super) measures: &'static str,
    pub(super) quantity: String,
    /// The same with fewer digits.
    pub(super) rough: String,
    /// How much of what it is a part of, in percent.
    pub(super) percent: Option<u8>,
    pub(super) cost: Option<String>,
    /// What flows through it now, of a period that goes on.
    pub(super) now: Option<FlowNow>,
    /// What it comes to in the bar.
    counted: f64,
}

/// What the lines of a medium are made of.
pub(super) struct Trunk<'page> {
    pub(super) frame: &'page Frame,
    pub(super) of: &'page MediumSums,
    pub(super) house: &'page RecordedHouse,
    pub(super) whole: &'page HouseFigures,
    pub(super) site: &'page LedgerReader,
    /// What meters say of now, of a period that goes on.
    pub(super) rates: Option<&'page RatesNow>,
}

/// The lines of a medium, each whole before its parts.
pub(super) fn branches(trunk: &Trunk<'_>) -> Vec<Branch> {
    let Trunk { of, house, .. } = trunk;
    let mut lines = Vec::new();
    // Rests that stand behind the parts of which they are what is left.
    let mut open: Vec<(usize, Branch)> = Vec::new();
    let mut rest = trunk.rest_of_all();
    for (place, depth) in main_first(&house.house, of) {
        close(&mut open, depth, &mut lines);
        if depth == 0 && house.house.measures(place) != Some(Measures::Import) {
            lines.extend(rest.take());
        }
        lines.extend(trunk.line(place, depth));
        if let Some(left) = of.rest(place).filter(|_| house.is_whole) {
            let flow = Places::new(&[&[place]], &[house.house.tree().parts(place)]);
            let all = trunk.counted(place);
            open.push((depth, trunk.rest_line(left, depth + 1, all, &flow)));
        }
    }
    close(&mut open, 0, &mut lines);
    lines.extend(rest);
    colour(&mut lines);
    lines
}

/// The places of a medium's meters and how deep each is: what comes in stands first, then what is taken besides, what
/// is made, and what goes out.
fn main_first(house: &House, of: &MediumSums) -> Vec<(usize, usize)> {
    let is_there = |(place, _): &(usize, usize)| {
        house.meters().get(*place).is_some_and(|known| known.medium == of.medium)
    };
    let order: Vec<(usize, usize)> = house.tree().in_order().into_iter().filter(is_there).collect();
    let rank = |place: usize| match house.measures(place) {
        Some(Measures::Import) => 0,
        Some(Measures::Consumption) => 1,
        Some(Measures::Production) => 2,
        Some(Measures::Export) | None => 3,
    };
    let mut trees: Vec<&[(usize, usize)]> = order.chunk_by(|_, (_, depth)| *depth > 0).collect();
    trees.sort_by_key(|tree| rank(tree[0].0));
    trees.concat()
}

/// The rests of those meters whose parts are over.
fn close(open: &mut Vec<(usize, Branch)>, depth: usize, lines: &mut Vec<Branch>) {
    while let Some((_, rest)) = open.pop_if(|(of, _)| *of >= depth) {
        lines.push(rest);
    }
}

impl Trunk<'_> {
    fn counted(&self, place: usize) -> f64 {
        self.whole.sums.of_meters.get(place).map_or(0.0, |sum| sum.counted())
    }

    /// What a meter is a part of: of what comes in, all that is used, because its parts may take what is made here.
    fn whole_of(&self, place: usize) -> Option<f64> {
        let (house, tree) = (&self.house.house, self.house.house.tree());
        let parent = tree.parent(place)?;
        let comes_in = house.measures(parent) == Some(Measures::Import) && tree.is_root(parent);
        let used = self.used().filter(|_| comes_in);
        Some(used.unwrap_or_else(|| self.counted(parent)))
    }

    /// All that is used, where something is made here.
    fn used(&self) -> Option<f64> {
        let used = self.of.house_use().filter(|_| self.house.is_whole && self.of.own_use().is_some());
        used.map(|used| used.quantity)
    }

    fn line(&self, place: usize, depth: usize) -> Option<Branch> {
        let (texts, currency) = (self.frame.texts, self.site.currency());
        let known = self.house.house.meters().get(place)?;
        let sum = self.whole.sums.of_meters.get(place);
        let measures = known.relation.measures();
        let (tree, path) = (self.house.house.tree(), known.meter.to_string());
        let quantity = sum.and_then(|sum| sum.quantity());
        let flow = Places::new(&[&[place]], &[]);
        // What is paid for what is fed in costs less than nothing.
        let signed = |cost: f64| if measures == Measures::Export { -cost } else { cost };
        let is_part = depth == 1 && tree.parent(place).is_some_and(|parent| self.is_use(parent));
        Some(Branch {
            depth: depth.min(DEEPEST),
            name: known.name.clone(),
            href: Some(self.frame.meter(&path)),
            path: Some(path),
            colour: self.site.meters().colour(&known.meter).name(),
            in_bar: is_part || (depth == 0 && measures.is_use() && tree.parts(place).is_empty()),
            measures: texts.house.measured(measures, self.of.medium),
            quantity: exact(quantity, texts),
            rough: quantity.map_or_else(|| "–".to_owned(), |quantity| rough(quantity, texts)),
            percent: self.whole_of(place).and_then(|all| share(self.counted(place), all)),
            cost: self.whole.cost_of(place).map(|cost| texts.amount(signed(cost), currency)),
            now: self.rates.and_then(|rates| flow.flow(&self.house.house, rates, texts)),
            counted: self.counted(place),
        })
    }

    fn is_use(&self, place: usize) -> bool {
        self.house.house.measures(place).is_some_and(Measures::is_use)
    }

    /// What no part measures of all that is used, where something is made here.
    fn rest_of_all(&self) -> Option<Branch> {
        let used = self.used()?;
        let rest = self.of.not_measured()?;
        let flows = Flows::new(&self.house.house, self.of.medium);
        Some(self.rest_line(rest, 1, used, &flows.not_measured))
    }

    fn rest_line(&self, rest: Reckoned, depth: usize, all: f64, flow: &Places) -> Branch {
        let texts = self.frame.texts;
        Branch {
            depth: depth.min(DEEPEST),
            name: texts.house.not_measured.to_owned(),
            href: None,
            path: None,
            colour: "grey",
            in_bar: depth == 1,
            measures: "",
            quantity: exact(Some(rest.quantity), texts),
            rough: rough(rest.quantity, texts),
            percent: share(rest.quantity, all),
            cost: None,
            now: self.rates.and_then(|rates| flow.flow(&self.house.house, rates, texts)),
            counted: rest.quantity,
        }
    }
}

/// Gives each part of the bar a colour of its own.
fn colour(lines: &mut [Branch]) {
    let mut in_bar: Vec<&mut Branch> =
        lines.iter_mut().filter(|line| line.in_bar && line.href.is_some()).collect();
    let own = in_bar.iter().filter_map(|line| line.colour.parse().ok()).collect::<Vec<Colour>>();
    in_bar.iter_mut().zip(distinct(own)).for_each(|(line, colour)| line.colour = colour.name());
}

/// The bar of what takes how much, where there are several parts; with what nobody measures last.
pub(super) fn bar(id: &str, lines: &[Branch], all: f64) -> Option<String> {
    let parts: Vec<&Branch> = lines.iter().filter(|line| line.in_bar && line.counted > 0.0).collect();
    let sum: f64 = parts.iter().map(|line| line.counted).sum();
    // Some hours were watched by some of them only.
    let all = sum.max(all);
    if parts.len() < 2 || all <= 0.0 {
        return None;
    }
    let share = |line: &&Branch| Share {
        part: line.counted / all,
        colour: line.href.is_some().then_some(line.colour),
        href: line.href.clone(),
        title: match line.percent {
            Some(percent) => format!("{}: {percent}\u{a0}%", line.name),
            None => line.name.clone(),
        },
    };
    let (of_meters, rests): (Vec<_>, Vec<_>) = parts.iter().partition(|line| line.href.is_some());
    Some(shares::svg(id, &of_meters.iter().chain(&rests).copied().map(share).collect::<Vec<_>>()))
}

/// In percent, for a bar: none where it would be no part.
fn share(part: f64, whole: f64) -> Option<u8> {
    let percent = part / whole * 100.0;
    (whole > 0.0 && (0.0..=100.5).contains(&percent)).then(|| percent.round() as u8)
}
