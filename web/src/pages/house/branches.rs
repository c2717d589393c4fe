//! The tree of the meters, a line for each, and what their parts do not measure. What comes in stands first.

use meter_figures::{Balance, House, MediumSums, Reckoned};
use meter_messages::Measures;

use super::bar::{colour, share};
use super::branch::Branch;
use super::now::{FlowNow, RatesNow};
use crate::ledger::house::{HouseFigures, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::pages::{Frame, exact, rough};

/// How far lines are moved to the right at most.
const DEEPEST: usize = 4;

/// What the lines of a medium are made of.
pub(super) struct Trunk<'page> {
    pub(super) frame: &'page Frame,
    pub(super) of: &'page MediumSums,
    pub(super) house: &'page RecordedHouse,
    pub(super) whole: &'page HouseFigures,
    pub(super) site: &'page LedgerReader,
    /// What meters say of now, of a period that goes on.
    pub(super) rates: Option<&'page RatesNow>,
    /// Whether it is about what they cost.
    pub(super) in_money: bool,
}

/// The lines of a medium, each whole before its parts, and how much all parts of the bar are together: at least `all`.
pub(super) fn branches(trunk: &Trunk<'_>, all: f64) -> (Vec<Branch>, f64) {
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
        if let (Some(left), Some(flow)) = (of.rest(place), of.balances.rest(place))
            && house.is_whole
        {
            open.push((depth, trunk.rest_line(left, depth + 1, trunk.counted(place), flow)));
        }
    }
    close(&mut open, 0, &mut lines);
    lines.extend(rest);
    let sum: f64 = lines.iter().filter(|line| line.is_seen()).map(|line| line.counted).sum();
    let all = all.max(sum);
    let seen = lines.iter().filter(|line| line.is_seen()).count();
    // What a single part costs stands beside all other costs.
    let remainder = trunk.remainder(all - sum, all).filter(|_| seen > 1 || (trunk.in_money && seen == 1));
    if seen > 1 || remainder.is_some() {
        if let Some(remainder) = remainder {
            let last = lines.iter().rposition(|line| line.in_bar).unwrap_or_default();
            let behind = lines[last + 1..].iter().position(|line| line.depth <= lines[last].depth);
            let place = behind.map_or(lines.len(), |behind| last + 1 + behind);
            lines.insert(place, Branch { depth: lines[last].depth, ..remainder });
        }
        for line in lines.iter_mut().filter(|line| line.in_bar) {
            line.percent = share(line.counted, all).filter(|_| line.cost.is_some() || !trunk.in_money);
        }
    }
    colour(&mut lines);
    (lines, all)
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
        let flow = Balance::of(&[place]);
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
            is_known: true,
            measures: texts.house.measured(measures, self.of.medium),
            quantity: exact(quantity, texts),
            rough: quantity.map_or_else(|| "–".to_owned(), |quantity| rough(quantity, texts)),
            percent: self.whole_of(place).and_then(|all| share(self.counted(place), all)),
            counted: if self.in_money {
                self.whole.cost_of(place).unwrap_or_default()
            } else {
                self.counted(place)
            },
            cost: self.whole.cost_of(place).map(|cost| texts.amount(signed(cost), currency)),
            now: self.now(&flow),
        })
    }

    fn is_use(&self, place: usize) -> bool {
        self.house.house.measures(place).is_some_and(Measures::is_use)
    }

    /// What no part measures of all that is used, where something is made here.
    fn rest_of_all(&self) -> Option<Branch> {
        let used = self.used()?;
        let rest = self.of.not_measured()?;
        Some(self.rest_line(rest, 1, used, self.of.balances.not_measured()?))
    }

    fn now(&self, flow: &Balance) -> Option<FlowNow> {
        self.rates.and_then(|rates| FlowNow::new(flow, &self.house.house, rates, self.frame.texts))
    }

    /// What of the bar no other line says: what was used of what is made here, if no meter has parts; otherwise in times
    /// that some meters did not watch, or by meters that who looks may not see.
    fn remainder(&self, quantity: f64, all: f64) -> Option<Branch> {
        let words = self.frame.texts.house;
        let is_seen = share(quantity, all).is_some_and(|percent| percent > 0);
        if self.in_money {
            let amount = self.frame.texts.amount(quantity, self.site.currency());
            let line = self.rest_line(Reckoned { quantity: 0.0, minutes: 0 }, 1, all, &Balance::default());
            return is_seen.then(|| Branch {
                name: words.other_costs.to_owned(),
                in_bar: true,
                is_known: false,
                quantity: String::new(),
                rough: amount.clone(),
                cost: Some(amount),
                counted: quantity,
                ..line
            });
        }
        let name = match self.house.is_whole {
            true if self.of.own_use().is_some() && self.of.balances.not_measured().is_none() => words.own_use,
            true => words.not_known,
            false => words.elsewhere,
        };
        let line = self.rest_line(Reckoned { quantity, minutes: 0 }, 1, all, &Balance::default());
        is_seen.then(|| Branch { name: name.to_owned(), is_known: false, ..line })
    }

    fn rest_line(&self, rest: Reckoned, depth: usize, all: f64, flow: &Balance) -> Branch {
        let texts = self.frame.texts;
        Branch {
            depth: depth.min(DEEPEST),
            name: texts.house.not_measured.to_owned(),
            href: None,
            path: None,
            colour: "grey",
            in_bar: depth == 1 && !self.in_money,
            is_known: true,
            measures: "",
            quantity: exact(Some(rest.quantity), texts),
            rough: rough(rest.quantity, texts),
            percent: share(rest.quantity, all).filter(|_| !self.in_money),
            cost: None,
            now: self.now(flow),
            counted: rest.quantity,
        }
    }
}
