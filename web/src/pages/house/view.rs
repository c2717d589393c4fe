//! The figures of all meters of a medium in words.

use meter_figures::{Balance, Flow, MediumSums, Reckoned, Saved, local};
use meter_messages::{Medium, Unit};

use super::bar::bar;
use super::branch::Branch;
use super::branches::{Trunk, branches};
use super::links::downloads;
use super::now::{FlowNow, Flows, RatesNow};
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
    /// Whether bar and tree are in money.
    pub(super) in_money: bool,
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
    /// Whether that stands in the tab.
    pub(super) is_titled: bool,
}

impl MediumView {
    /// What it comes to, in a sentence.
    pub(super) fn said(&self) -> String {
        let said = |figure: &FigureView| format!("{} {} {}", figure.name, figure.value, figure.unit);
        self.figures.iter().map(|figure| said(figure).trim_end().to_owned()).collect::<Vec<_>>().join(", ")
    }
}

impl FigureView {
    fn new(name: &'static str, value: String, unit: &'static str) -> Self {
        Self { name, value, unit, asides: Vec::new(), now: None, is_titled: false }
    }
}

/// Each medium that there is.
pub(super) fn media(
    frame: &Frame,
    house: &RecordedHouse,
    history: &HouseHistory,
    (site, rates): (&LedgerReader, Option<&RatesNow>),
    in_money: bool,
) -> Vec<MediumView> {
    let texts = frame.texts;
    let view = |of: &MediumSums| {
        let whole = &history.whole;
        let used = of.house_use().filter(|_| house.is_whole).map(|used| used.quantity);
        let all = used.or(whole.sums.comes_in(of).quantity).unwrap_or_default();
        let cost = whole.cost(of.medium, &house.house).filter(|_| in_money);
        let in_money = cost.is_some();
        let trunk = Trunk { frame, of, house, whole, site, rates, in_money };
        let (branches, all) = branches(&trunk, cost.unwrap_or(all));
        MediumView {
            name: texts.house.medium(of.medium),
            id: of.medium.as_str(),
            unit: of.medium.unit(),
            figures: figures(of, (house, history), texts, (site, rates)),
            bar: bar(of.medium.as_str(), &branches, all),
            notes: if house.is_whole { notes(of, history, in_money, texts) } else { Vec::new() },
            in_money,
            is_priced: branches.iter().any(|branch| branch.cost.is_some()),
            branches,
            rows: rows(frame, of.medium, house, history, (site, in_money)),
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
    let flows = Flows::from(&of.balances);
    let now = |flow: &Balance| rates.and_then(|rates| FlowNow::new(flow, &house.house, rates, texts));
    let (words, sums, unit) = (texts.house, &history.whole.sums, of.medium.unit().symbol());
    let mut figures = Vec::new();
    let flow = |name, flow: Flow, meters: &Balance| {
        let figure =
            || FigureView { now: now(meters), ..FigureView::new(name, exact(flow.quantity, texts), unit) };
        (flow.meters > 0).then(figure)
    };
    figures.extend(flow(words.comes_in(of.medium), sums.comes_in(of), &flows.comes_in));
    figures.extend(flow(words.made, sums.made(of), &flows.made));
    figures.extend(flow(words.goes_out(of.medium), sums.goes_out(of), &flows.goes_out));
    let percent = |percent: Option<f64>, of: &str| {
        percent.map(|percent| format!("{}\u{a0}% {of}", texts.number(percent, 0)))
    };
    let reckoned = |name, it: Reckoned, share: Option<String>, meters: &Balance| {
        let watched = words.watched_by_all(it.minutes, sums.minutes);
        let asides = share.into_iter().chain(watched).collect();
        FigureView {
            asides,
            now: now(meters),
            ..FigureView::new(name, exact(Some(it.quantity), texts), unit)
        }
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
    figures.extend(highest_quarter(of, history, texts, site));
    figures.extend(amounts(of, (house, history), texts, site));
    mark_titled(&mut figures, of.medium, words.used);
    figures
}

/// The quarter of an hour in which most came in, and when that was.
fn highest_quarter(
    of: &MediumSums,
    history: &HouseHistory,
    texts: &Texts,
    site: &LedgerReader,
) -> Option<FigureView> {
    let quarter = history.highest_quarter.filter(|_| of.medium == Medium::Electricity)?;
    let rate = texts.number(quarter.rate(), 0);
    let asides = vec![texts.moment(local(quarter.start, site.zone()).datetime())];
    let unit = of.medium.unit().of_rate();
    Some(FigureView { asides, ..FigureView::new(texts.period.highest_quarter, rate, unit) })
}

/// What is paid, what own use has saved, and what is earned.
fn amounts(
    of: &MediumSums,
    (house, history): (&RecordedHouse, &HouseHistory),
    texts: &Texts,
    site: &LedgerReader,
) -> impl Iterator<Item = FigureView> {
    let cost = history.whole.cost(of.medium, &house.house);
    let earned = history.whole.earned(of.medium, &house.house);
    let figure = |name, amount: f64| FigureView::new(name, texts.amount(amount, site.currency()), "");
    let of_amount = |name, known: Option<f64>| known.map(|known| figure(name, known));
    let saved = saved(of, (house, history)).map(|saved| FigureView {
        asides: saved_of(of, &saved, texts),
        ..figure(texts.house.saved, saved.amount)
    });
    [of_amount(texts.cost, cost), saved, of_amount(texts.house.earned, earned)].into_iter().flatten()
}

/// What own use has saved, if all is seen.
fn saved(of: &MediumSums, (house, history): (&RecordedHouse, &HouseHistory)) -> Option<Saved> {
    history.whole.saved(of.medium).filter(|_| house.is_whole && of.own_use().is_some())
}

/// How that is reckoned, and of how much if the price of some is not known.
fn saved_of(of: &MediumSums, saved: &Saved, texts: &Texts) -> Vec<String> {
    let own_use = of.own_use().map_or(0.0, |own_use| own_use.quantity);
    let is_less = own_use - saved.quantity > 0.005;
    let part = || texts.house.saved_of_part.replace("{q}", &exact(Some(saved.quantity), texts));
    let part = is_less.then(|| part().replace("{u}", of.medium.unit().symbol()));
    [texts.house.at_grid_price.to_owned()].into_iter().chain(part).collect()
}

/// Has the power of what is used stand in the tab, or else of what comes in.
fn mark_titled(figures: &mut [FigureView], medium: Medium, used: &str) {
    let titled = figures.iter().position(|figure| figure.name == used).unwrap_or_default();
    if let Some(figure) = figures.get_mut(titled) {
        figure.is_titled = medium == Medium::Electricity;
    }
}

fn notes(
    of: &MediumSums,
    history: &HouseHistory,
    in_money: bool,
    texts: &'static Texts,
) -> Vec<&'static str> {
    let words = texts.house;
    let (made, out) = (history.whole.sums.made(of).meters, history.whole.sums.goes_out(of).meters);
    let reckoned = [of.own_use(), of.house_use(), of.not_measured()];
    let rests = (0..history.whole.sums.of_meters.len()).map(|place| of.rest(place));
    let contradicts = reckoned.into_iter().chain(rests).flatten().any(|it| it.quantity < 0.0);
    let is_unknown = of.medium == Medium::Electricity && made + out > 0 && of.house_use().is_none();
    [
        (contradicts, words.contradicts),
        (of.balances.at_least, words.at_least),
        (in_money && made + out > 0, words.at_full_price),
        (is_unknown && of.balances.house_use().is_some(), words.not_watched_by_all),
        (is_unknown && of.balances.house_use().is_none() && !of.balances.at_least, words.needs_both),
    ]
    .into_iter()
    .filter_map(|(holds, note)| holds.then_some(note))
    .collect()
}
