//! The figures of all meters of a medium in words.

use meter_figures::{Flow, MediumSums, Reckoned};
use meter_messages::{Medium, Unit};

use super::branches::{Branch, branches};
use super::links::downloads;
use super::rows::{Rows, rows};
use crate::ledger::house::{HouseHistory, RecordedHouse};
use crate::ledger::reader::LedgerReader;
use crate::pages::downloads::Download;
use crate::pages::{Frame, exact};
use crate::texts::Texts;

/// A medium in words.
pub(super) struct MediumView {
    pub(super) name: &'static str,
    /// Its name in addresses.
    pub(super) id: &'static str,
    pub(super) unit: Unit,
    pub(super) figures: Vec<FigureView>,
    /// What is to be said of them.
    pub(super) notes: Vec<&'static str>,
    pub(super) branches: Vec<Branch>,
    /// Whether any of them has a cost.
    pub(super) is_priced: bool,
    pub(super) rows: Rows,
    pub(super) downloads: Vec<Download>,
}

/// A figure.
pub(super) struct FigureView {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) unit: &'static str,
    pub(super) asides: Vec<String>,
}

/// Each medium that there is.
pub(super) fn media(
    frame: &Frame,
    house: &RecordedHouse,
    history: &HouseHistory,
    site: &LedgerReader,
) -> Vec<MediumView> {
    let texts = frame.texts;
    let view = |of: &MediumSums| {
        let branches = branches(frame, of, house, &history.whole, site);
        MediumView {
            name: texts.house.medium(of.medium),
            id: of.medium.as_str(),
            unit: of.medium.unit(),
            figures: figures(of, house, history, texts, site),
            notes: if house.is_whole { notes(of, history, texts) } else { Vec::new() },
            is_priced: branches.iter().any(|branch| branch.cost.is_some()),
            branches,
            rows: rows(frame, of.medium, house, history, site),
            downloads: downloads(frame, house, history, of.medium, site.zone()),
        }
    };
    history.whole.sums.media.iter().map(view).collect()
}

fn figures(
    of: &MediumSums,
    house: &RecordedHouse,
    history: &HouseHistory,
    texts: &Texts,
    site: &LedgerReader,
) -> Vec<FigureView> {
    let (words, sums, unit) = (texts.house, &history.whole.sums, of.medium.unit().symbol());
    let mut figures = Vec::new();
    let flow = |name, flow: Flow| {
        (flow.meters > 0).then(|| FigureView {
            name,
            value: exact(flow.quantity, texts),
            unit,
            asides: Vec::new(),
        })
    };
    figures.extend(flow(words.comes_in(of.medium), sums.comes_in(of)));
    figures.extend(flow(words.made, sums.made(of)));
    figures.extend(flow(words.goes_out(of.medium), sums.goes_out(of)));
    let percent = |percent: Option<f64>, of: &str| {
        percent.map(|percent| format!("{}\u{a0}% {of}", texts.number(percent, 0)))
    };
    let reckoned = |name, it: Reckoned, share: Option<String>| {
        let watched = words.watched_by_all(it.minutes, sums.minutes);
        let asides = share.into_iter().chain(watched).collect();
        FigureView { name, value: exact(Some(it.quantity), texts), unit, asides }
    };
    if house.is_whole {
        let own = of.own_use();
        figures
            .extend(own.map(|it| reckoned(words.own_use, it, percent(of.own_use_percent(), words.of_made))));
        let is_more = own.is_some() || sums.taken(of).meters > 0;
        let used = of.house_use().filter(|_| is_more);
        let sufficiency = of.self_sufficiency_percent();
        let sufficiency =
            sufficiency.map(|it| format!("{} {}\u{a0}%", words.self_sufficiency, texts.number(it, 0)));
        figures.extend(used.map(|it| reckoned(words.used, it, sufficiency)));
        let share = of.not_measured().zip(of.house_use());
        let share = share.map(|(rest, all)| rest.quantity / all.quantity * 100.0);
        let share = share.filter(|share| (0.0..=100.0).contains(share));
        let rest = of.not_measured();
        figures.extend(rest.map(|it| reckoned(words.not_measured, it, percent(share, words.of_used))));
    }
    let cost = history.whole.cost(of.medium, &house.house);
    let amount = |cost| texts.amount(cost, site.currency());
    figures.extend(cost.map(|cost| FigureView {
        name: texts.cost,
        value: amount(cost),
        unit: "",
        asides: Vec::new(),
    }));
    let earned = history.whole.earned(of.medium, &house.house);
    figures.extend(earned.map(|earned| FigureView {
        name: words.earned,
        value: amount(earned),
        unit: "",
        asides: Vec::new(),
    }));
    figures
}

fn notes(of: &MediumSums, history: &HouseHistory, texts: &'static Texts) -> Vec<&'static str> {
    let words = texts.house;
    let (made, out) = (history.whole.sums.made(of).meters, history.whole.sums.goes_out(of).meters);
    let reckoned = [of.own_use(), of.house_use(), of.not_measured()];
    let rests = (0..history.whole.sums.of_meters.len()).map(|place| of.rest(place));
    let contradicts = reckoned.into_iter().chain(rests).flatten().any(|it| it.quantity < 0.0);
    let is_electricity = of.medium == Medium::Electricity;
    [
        (contradicts, words.contradicts),
        (of.balances.at_least, words.at_least),
        (
            is_electricity && made + out > 0 && of.house_use().is_none() && !of.balances.at_least,
            words.needs_both,
        ),
    ]
    .into_iter()
    .filter_map(|(holds, note)| holds.then_some(note))
    .collect()
}
