//! The figures of all meters of a medium in words.

use meter_figures::{Flow, MediumSums, Reckoned};
use meter_messages::{Medium, Unit};

use super::branches::{Branch, Trunk, bar, branches};
use super::links::downloads;
use super::now::{FlowNow, Flows, Places, RatesNow};
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
    /// What takes how much, where there are several parts.
    pub(super) bar: Option<String>,
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
    /// What flows now, of a period that goes on.
    pub(super) now: Option<FlowNow>,
}

/// Each medium that there is.
pub(super) fn media(
    frame: &Frame,
    house: &RecordedHouse,
    history: &HouseHistory,
    (site, rates): (&LedgerReader, Option<&RatesNow>),
) -> Vec<MediumView> {
    let texts = frame.texts;
    let view = |of: &MediumSums| {
        let whole = &history.whole;
        let branches = branches(&Trunk { frame, of, house, whole, site, rates });
        let used = of.house_use().filter(|_| house.is_whole).map(|used| used.quantity);
        let all = used.or(whole.sums.comes_in(of).quantity).unwrap_or_default();
        MediumView {
            name: texts.house.medium(of.medium),
            id: of.medium.as_str(),
            unit: of.medium.unit(),
            figures: figures(of, (house, history), texts, (site, rates)),
            bar: bar(of.medium.as_str(), &branches, all),
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
    (house, history): (&RecordedHouse, &HouseHistory),
    texts: &Texts,
    (site, rates): (&LedgerReader, Option<&RatesNow>),
) -> Vec<FigureView> {
    let flows = Flows::new(&house.house, of.medium);
    let now = |places: &Places| rates.and_then(|rates| places.flow(&house.house, rates, texts));
    let (words, sums, unit) = (texts.house, &history.whole.sums, of.medium.unit().symbol());
    let mut figures = Vec::new();
    let flow = |name, flow: Flow, places: &Places| {
        (flow.meters > 0).then(|| FigureView {
            name,
            value: exact(flow.quantity, texts),
            unit,
            asides: Vec::new(),
            now: now(places),
        })
    };
    figures.extend(flow(words.comes_in(of.medium), sums.comes_in(of), &flows.comes_in));
    figures.extend(flow(words.made, sums.made(of), &flows.made));
    figures.extend(flow(words.goes_out(of.medium), sums.goes_out(of), &flows.goes_out));
    let percent = |percent: Option<f64>, of: &str| {
        percent.map(|percent| format!("{}\u{a0}% {of}", texts.number(percent, 0)))
    };
    let reckoned = |name, it: Reckoned, share: Option<String>, places: &Places| {
        let watched = words.watched_by_all(it.minutes, sums.minutes);
        let asides = share.into_iter().chain(watched).collect();
        FigureView { name, value: exact(Some(it.quantity), texts), unit, asides, now: now(places) }
    };
    if house.is_whole {
        let own = of.own_use();
        let own_share = percent(of.own_use_percent(), words.of_made);
        figures.extend(own.map(|it| reckoned(words.own_use, it, own_share, &flows.own_use)));
        let is_more = own.is_some() || sums.taken(of).meters > 0;
        let used = of.house_use().filter(|_| is_more);
        let sufficiency = of.self_sufficiency_percent();
        let sufficiency =
            sufficiency.map(|it| format!("{} {}\u{a0}%", words.self_sufficiency, texts.number(it, 0)));
        figures.extend(used.map(|it| reckoned(words.used, it, sufficiency, &flows.used)));
        let share = of.not_measured().zip(of.house_use());
        let share = share.map(|(rest, all)| rest.quantity / all.quantity * 100.0);
        let share = share.filter(|share| (0.0..=100.0).contains(share));
        let rest = of.not_measured();
        let rest_share = percent(share, words.of_used);
        figures.extend(rest.map(|it| reckoned(words.not_measured, it, rest_share, &flows.not_measured)));
    }
    let cost = history.whole.cost(of.medium, &house.house);
    let amount = |cost| texts.amount(cost, site.currency());
    figures.extend(cost.map(|cost| FigureView {
        name: texts.cost,
        value: amount(cost),
        unit: "",
        asides: Vec::new(),
        now: None,
    }));
    let earned = history.whole.earned(of.medium, &house.house);
    figures.extend(earned.map(|earned| FigureView {
        name: words.earned,
        value: amount(earned),
        unit: "",
        asides: Vec::new(),
        now: None,
    }));
    figures
}

fn notes(of: &MediumSums, history: &HouseHistory, texts: &'static Texts) -> Vec<&'static str> {
    let words = texts.house;
    let (made, out) = (history.whole.sums.made(of).meters, history.whole.sums.goes_out(of).meters);
    let reckoned = [of.own_use(), of.house_use(), of.not_measured()];
    let rests = (0..history.whole.sums.of_meters.len()).map(|place| of.rest(place));
    let contradicts = reckoned.into_iter().chain(rests).flatten().any(|it| it.quantity < 0.0);
    let is_unknown = of.medium == Medium::Electricity && made + out > 0 && of.house_use().is_none();
    [
        (contradicts, words.contradicts),
        (of.balances.at_least, words.at_least),
        (is_unknown && of.balances.knows_house_use(), words.not_watched_by_all),
        (is_unknown && !of.balances.knows_house_use() && !of.balances.at_least, words.needs_both),
    ]
    .into_iter()
    .filter_map(|(holds, note)| holds.then_some(note))
    .collect()
}
